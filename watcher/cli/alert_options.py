"""The arguments by which commands select alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from watcher.alerts.alert_filter import AlertFilter
from watcher.cli.common import error_terminal, parse_since
from watcher.model import AlertStatus, Level
from watcher.printable import printable_text
from watcher.settings import Settings
from watcher.usecases.named_rules import unknown_rule_advice

Since = Annotated[str | None, typer.Option("--since", help="Opened since then: `24h`, `2026-11-01`, or a timestamp.")]
Levels = Annotated[list[Level] | None, typer.Option("--level", help="Level; may be repeated.")]
RuleName = Annotated[str, typer.Option("--rule", help="Id or title of a rule.")]
Host = Annotated[str, typer.Option("--host", help="Computer of any hit of the alert.")]
User = Annotated[str, typer.Option("--user", help="Account of any hit, as the alert lists it.")]
Statuses = Annotated[list[AlertStatus] | None, typer.Option("--status", help="Status; may be repeated.")]
Tag = Annotated[str, typer.Option("--tag", help="Tag of the rule, e.g. `attack.t1543.003`.")]


def advise_on_rule(selected: AlertFilter, settings: Settings) -> None:
    """Print advice about the name of a rule that no alert and no rule has; on stderr, as stdout may be JSON."""
    if selected.rule and (advice := unknown_rule_advice(selected.rule, settings)):
        error_terminal().print(printable_text(advice), style="yellow", soft_wrap=True)


def alert_filter(  # noqa: PLR0913 - each is an option
    *,
    ids: Sequence[str] | None,
    since: str | None,
    levels: Sequence[Level] | None,
    rule: str,
    host: str,
    user: str,
    status: Sequence[AlertStatus] | None,
    tag: str,
) -> AlertFilter:
    """Return the filter that these arguments ask for."""
    return AlertFilter(
        ids=tuple(dict.fromkeys(ids or ())),
        since=parse_since(since) if since else None,
        levels=tuple(map(str, levels or ())),
        states=tuple(map(str, status or ())),
        rule=rule,
        host=host,
        user=user,
        tag=tag,
    )
