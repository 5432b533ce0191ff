"""`watcher except`."""

from __future__ import annotations

import sys
from typing import Annotated
from uuid import uuid4

import typer

from watcher.app import App
from watcher.cli.common import (
    SettingsFile,
    error_terminal,
    open_watcher,
    read_settings,
    stop_on_signals,
    terminal,
)
from watcher.cli.exit_codes import EXIT_FINDINGS, EXIT_WRONG
from watcher.clock import SystemClock
from watcher.errors import InputError
from watcher.pipeline import Stopped
from watcher.present.exception_tables import exception_lines, impact_lines, lost_test_lines
from watcher.present.progress_bars import source_bars
from watcher.settings import Settings
from watcher.sigma.exception_text import ExceptionDetails, parse_item
from watcher.usecases.exceptions import ExceptionPlan, plan_exception, write_exception
from watcher.usecases.person import person_of
from watcher.usecases.preview import PreviewProgress


def except_rule(  # noqa: PLR0913 - each is an option
    rule: Annotated[str, typer.Argument(help="Rule file, or the id, title or path of a rule of settings.")],
    *,
    where: Annotated[
        list[str],
        typer.Option(help=r"Condition as in a rule, `Image|endswith: \agent.exe`; repeated: all must hold."),
    ],
    reason: Annotated[str, typer.Option(help="Why these events are harmless.")],
    author: Annotated[str, typer.Option("--by", help="Who decided it (default: user and machine).")] = "",
    days: Annotated[int, typer.Option(help="Days of stored hits and events to try it on.", min=1)] = 30,
    search: Annotated[
        bool, typer.Option("--search", help="Search the events of these days too, as `watcher preview` does.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Try it on the rule's tests alone, no cluster.")] = False,
    accept_lost_tests: Annotated[
        bool, typer.Option("--accept-lost-tests", help="Write it even if tests of the rule lose their hit.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Exclude known events from a rule for good.

    Writes a Sigma filter into the rules folder of settings, which a running sidecar reads within seconds. It is tried
    first on the tests of the rule and on stored hits, and shows what it would remove. If a test loses its hit, nothing
    is written and the exit code is 1.
    """
    settings = read_settings(settings_file)
    plan = _plan(rule, where, settings, author=author, reason=reason)
    for line in (*exception_lines(plan), *lost_test_lines(plan)):
        terminal().print(line, soft_wrap=True)
    if not offline:
        _show_impact(plan, settings, days=days, search=search)
    if plan.lost_tests and not accept_lost_tests:
        terminal().print("nothing was written: change the tests, or add `--accept-lost-tests`", soft_wrap=True)
        raise typer.Exit(EXIT_FINDINGS)
    if dry_run:
        terminal().print("nothing was written")
        return
    _ask(plan, yes=yes)
    write_exception(plan)
    terminal().print(f"written: {plan.file}", soft_wrap=True)


def _plan(rule: str, where: list[str], settings: Settings, *, author: str, reason: str) -> ExceptionPlan:
    if not reason.strip():
        raise InputError("`--reason` is empty", fix="write why these events are harmless")
    details = ExceptionDetails(
        id=str(uuid4()), day=SystemClock().now().date(), author=person_of(author), reason=reason.strip()
    )
    return plan_exception(rule, [parse_item(text) for text in where], details, settings)


def _show_impact(plan: ExceptionPlan, settings: Settings, *, days: int, search: bool) -> None:
    with open_watcher(settings) as app:
        for line in impact_lines(app.try_exception(plan, days=days), f"stored hits of the last {days} days"):
            terminal().print(line, soft_wrap=True)
        if search:
            _show_searched(app, plan, days)


def _show_searched(app: App, plan: ExceptionPlan, days: int) -> None:
    stop = stop_on_signals()
    with source_bars(error_terminal()) as bars:

        def show(progress: PreviewProgress) -> None:
            bars(progress.source, progress.done / progress.days, f"{progress.hits:,} hits")

        try:
            impact = app.search_exception(plan, days=days, progress=show, stopping=stop.is_set)
        except Stopped as fault:
            raise typer.Exit(EXIT_WRONG) from fault
    for line in impact_lines(impact, f"events of the last {days} days"):
        terminal().print(line, soft_wrap=True)


def _ask(plan: ExceptionPlan, *, yes: bool) -> None:
    """Ask whether to go on; exit where the answer is no, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        terminal().print("nothing was written; add `--yes` to write it")
        raise typer.Exit(EXIT_WRONG)
    if not typer.confirm(f"Write {plan.file}?"):
        terminal().print("nothing was written")
        raise typer.Exit
