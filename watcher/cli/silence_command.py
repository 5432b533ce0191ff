"""`watcher silence`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Annotated

import typer

from watcher.app import App
from watcher.cli.common import SettingsFile, open_watcher, read_settings, terminal
from watcher.cli.exit_codes import EXIT_WRONG
from watcher.clock import SystemClock
from watcher.errors import InputError
from watcher.lint.label_lints import labels_of_alerts, near_values, unknown_labels
from watcher.present.silence_tables import silence_lines, silence_preview_lines
from watcher.printable import printable_text
from watcher.routes import MatcherError, Matchers, parse_matchers, rule_labels
from watcher.settings import Settings
from watcher.settings.formats import parse_duration
from watcher.timestamps import parse_timestamp
from watcher.usecases.person import person_of
from watcher.usecases.silence_requests import SilenceRequest, new_silence, rules_matched


def silence(  # noqa: PLR0913 - each is an option
    matchers: Annotated[
        list[str] | None,
        typer.Argument(help='Labels of the alerts as in Alertmanager: `host=DC01`, `rule=~"New Service.*"`.'),
    ] = None,
    *,
    lasting: Annotated[str, typer.Option("--for", help="How long it lasts: `2h`, `3d`.")] = "",
    start: Annotated[str, typer.Option("--from", help="When it begins (default: now), a timestamp.")] = "",
    until: Annotated[str, typer.Option("--until", help="When it ends, a timestamp; UTC without a time zone.")] = "",
    reason: Annotated[str, typer.Option(help="Why these alerts are silenced.")] = "",
    by: Annotated[
        str, typer.Option("--by", help="Who you are (default: `person` in settings, then user@machine).")
    ] = "",
    expire: Annotated[str, typer.Option("--expire", help="Id of a silence to end now.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Send no messages about some alerts for a time.

    The alerts are opened, stored and counted all the same. Shows which alerts of the last seven days it would have
    silenced, and asks before it is stored. At its end operators hear what it held back.
    """
    settings = read_settings(settings_file)
    person = person_of(by, settings.person)
    if expire:
        _expire(expire, person, settings)
        return
    request = SilenceRequest(
        matchers=_matchers(matchers or ()),
        start=_moment(start, "--from"),
        until=_moment(until, "--until"),
        lasting=_duration(lasting),
        by=person,
        reason=reason,
    )
    new_silence(request, now=SystemClock().now())  # faulty times are refused before anything is searched
    with open_watcher(settings) as app:
        _show_preview(app, request.matchers)
        _ask(yes=yes)
        for line in silence_lines(app.silence(request)):
            terminal().print(line, soft_wrap=True)


def _expire(silence_id: str, person: str, settings: Settings) -> None:
    with open_watcher(settings) as app:
        ended = app.expire_silence(silence_id, by=person)
    for line in silence_lines(ended):
        terminal().print(line, soft_wrap=True)
    terminal().print("it is over")


def _matchers(texts: list[str] | tuple[str, ...]) -> Matchers:
    if not texts:
        raise InputError("no matchers are given", fix="name the alerts, as `host=DC01`")
    try:
        return tuple(matcher for text in texts for matcher in parse_matchers(text))
    except MatcherError as fault:
        raise InputError(fault.message, fix=fault.fix) from fault


def _moment(text: str, option: str) -> datetime | None:
    if not text:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        raise InputError(f"`{option} {text}` is no timestamp", fix="write it as `2026-11-28T22:00+01:00`")
    return moment


def _duration(text: str) -> timedelta | None:
    if not text:
        return None
    try:
        return parse_duration(text)
    except ValueError:
        raise InputError(f"`--for {text}` is no duration", fix="write `30m`, `2h` or `3d`") from None


def _show_preview(app: App, matchers: Matchers) -> None:
    loaded = app.rules()
    rules = (*loaded.rules, *loaded.correlations.rules)
    existing = labels_of_alerts(rules, app.settings)
    for label, advice in unknown_labels((matcher.label for matcher in matchers), existing):
        text = f"warning: no alert has the label `{label}`; {advice}"
        terminal().print(printable_text(text), style="yellow", soft_wrap=True)
    if not rules_matched(matchers, rules):
        advice = near_values(matchers, [rule_labels(rule) for rule in rules], "check the spelling")
        text = f"warning: no rule opens such alerts; {advice}"
        terminal().print(printable_text(text), style="yellow", soft_wrap=True)
    for line in silence_preview_lines(app.preview_silence(matchers)):
        terminal().print(line, soft_wrap=True)


def _ask(*, yes: bool) -> None:
    """Ask whether to go on; exit where the answer is no, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        terminal().print("nothing was changed; add `--yes` to create the silence")
        raise typer.Exit(EXIT_WRONG)
    if not typer.confirm("Create the silence?"):
        terminal().print("nothing was changed")
        raise typer.Exit
