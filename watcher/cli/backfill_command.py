"""`watcher backfill`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from watcher.app import open_app
from watcher.cli.common import (
    AsJson,
    SettingsFile,
    configure_log,
    error_terminal,
    read_settings,
    stop_on_signals,
    terminal,
    write_json,
)
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.clock import SystemClock
from watcher.errors import SettingsError
from watcher.ports import Clock
from watcher.present.backfill_tables import backfill_json, print_backfill
from watcher.present.progress_bars import SourceBars, source_bars
from watcher.settings import Settings
from watcher.timestamps import parse_timestamp
from watcher.usecases.backfill import BackfillReport, BackfillRequest, BackfillSpan, rules_to_backfill
from watcher.usecases.backfill_job import NOTIFY, BackfillProgress


def backfill(  # noqa: PLR0913 - each is an option
    *,
    start: Annotated[
        str, typer.Option("--from", help="Start of the search: `2026-11-01`, or a timestamp with time zone.")
    ],
    end: Annotated[str | None, typer.Option("--to", help="End of the search (default: the watermark).")] = None,
    rules: Annotated[
        list[Path] | None, typer.Option("--rules", help="Rule files or folders (default: enabled rules).")
    ] = None,
    notify: Annotated[str, typer.Option("--notify", help="Messages to send: `digest`, `none` or `all`.")] = "digest",
    workers: Annotated[int, typer.Option("--workers", help="Worker processes (0 = one per CPU).", min=0)] = 0,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Search the past by the same detection as live.

    Alerts already sent are not sent again. It stops where live detection took over. After an interruption, the same
    command resumes. The exit code is 1 if something was not searched, or a channel did not accept the digest.
    """
    if notify not in NOTIFY:
        raise SettingsError(f"`--notify {notify}` is unknown", fix=f"take one of {', '.join(NOTIFY)}")
    configure_log(as_json=False, level=logging.ERROR)
    settings = read_settings(settings_file)
    request = BackfillRequest(
        start=_timestamp("--from", start),
        end=_timestamp("--to", end) if end else None,
        searched=rules_to_backfill(settings, rules or ()),
        notify=notify,
        workers=workers,
    )
    reports: list[BackfillReport] = []
    for report in _search(settings, request):
        reports.append(report)
        if not as_json:
            print_backfill(terminal(), report)
    if as_json:
        write_json([backfill_json(report) for report in reports])
    elif not request.searched.rules:
        terminal().print("no rules: nothing to search")
    if not all(report.is_complete for report in reports):
        raise typer.Exit(EXIT_FINDINGS)


def _search(settings: Settings, request: BackfillRequest) -> Iterator[BackfillReport]:
    """Yield the report of each source, with progress bars and until a signal stops it."""
    stop = stop_on_signals()
    console = error_terminal()
    with open_app(settings) as app, source_bars(console) as bars:
        observer = _Observer(bars=bars, console=console)
        yield from app.backfill(request, observer=observer, stopping=stop.is_set)


def _timestamp(option: str, text: str) -> datetime:
    timestamp = parse_timestamp(text)
    if timestamp is None:
        raise SettingsError(
            f"`{option} {text}` is not a timestamp", fix="write `2026-11-01` or `2026-11-01T08:00:00+01:00`"
        )
    return timestamp


@dataclass(slots=True, kw_only=True)
class _Observer:
    """Shows the progress of each source on a bar."""

    bars: SourceBars
    console: Console
    clock: Clock = field(default_factory=SystemClock)
    started: float = 0.0
    events_before: int = 0  # of an earlier run of the same job

    def begun(self, source: str, span: BackfillSpan) -> None:
        """Print where the search ends, if that is before the requested end."""
        self.started, self.events_before = self.clock.monotonic(), -1
        if span.shortened_to:
            end = f"{span.window.end:%Y-%m-%d %H:%M:%S} UTC"
            sentence = f"source {source}: ends at {span.shortened_to}, {end}; live detection continues from there"
            self.console.print(sentence, soft_wrap=True)

    def progressed(self, source: str, progress: BackfillProgress, fraction: float) -> None:
        """Show counts and rate."""
        if self.events_before < 0:
            self.events_before = progress.events
        rate = (progress.events - self.events_before) / max(self.clock.monotonic() - self.started, 0.001)
        counts = f"{progress.events:,} events ({rate:,.0f}/s), {progress.matched:,} hits"
        self.bars(source, fraction, f"{counts}, {progress.alerts:,} alerts opened")
