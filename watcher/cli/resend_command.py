"""`watcher resend`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from watcher.cli.common import SettingsFile, open_watcher, parse_since, read_settings, terminal
from watcher.cli.exit_codes import EXIT_WRONG
from watcher.counted_nouns import counted
from watcher.delivery.failed_deliveries import FailedDelivery, ResendFilter, count_by_channel
from watcher.present.alert_tables import failed_table


def resend(
    *,
    alerts: Annotated[list[str] | None, typer.Argument(help="Ids of alerts (default: all).")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help="Name of a channel, or one recipient: `mail/soc@example.org`.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Alerts opened since then: `24h`, `2026-11-01`, or a timestamp.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Send again what was given up.

    Shows how many messages failed, and asks before it makes them pending. A running sidecar sends them within seconds,
    otherwise `watcher run --once` does. A message that was sent is never sent again.
    """
    selected = ResendFilter(
        alerts=tuple(dict.fromkeys(alerts or ())), channel=channel, since=parse_since(since) if since else None
    )
    with open_watcher(read_settings(settings_file)) as app:
        failed = app.find_failed(selected)
        if not failed:
            terminal().print("no failed messages: nothing to send again")
            return
        terminal().print(failed_table(count_by_channel(failed)))
        _ask(failed, yes=yes)
        resent = app.resend(failed)
    terminal().print(f"messages that are pending again: {len(resent):,}")


def _ask(failed: Sequence[FailedDelivery], *, yes: bool) -> None:
    """Ask whether to go on; exit where the answer is no, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        terminal().print("nothing was changed; add `--yes` to send them again")
        raise typer.Exit(EXIT_WRONG)
    if not typer.confirm(f"Send {counted(len(failed), 'message')} again?"):
        terminal().print("nothing was changed")
        raise typer.Exit
