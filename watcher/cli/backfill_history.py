"""`watcher backfill` and `watcher preview`: the past."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from watcher import app as wiring
from watcher.cli.common import (
    EXIT_FINDINGS,
    EXIT_WRONG,
    AsJson,
    SettingsFile,
    find_rule,
    out,
    set_up_log,
    write_json,
)
from watcher.clock import SystemClock
from watcher.errors import DeliveryError, Forbidden, InputError, SettingsError
from watcher.model import Rule, Window
from watcher.notify.message_context import OperatorNotice, operator_notice
from watcher.notify.renderer import Renderer
from watcher.pipeline import DetectionScope, Stopped
from watcher.ports import Notifier
from watcher.present.history_tables import days_table, hits_table, show_samples, top_table
from watcher.present.terminal import cell
from watcher.printable import printable_text
from watcher.settings import Channel, Settings, Source
from watcher.timestamps import parse_timestamp
from watcher.usecases import backfill as past
from watcher.usecases.preview import Preview, days_of
from watcher.usecases.preview import preview as look

log = structlog.get_logger("watcher")

_TRIES = 3  # of a digest on one channel


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(backfill)
    app.command()(preview)


# --------------------------------------------------------------------------- backfill


def backfill(  # noqa: PLR0913 - each is an option
    *,
    start: Annotated[str, typer.Option("--from", help="Where to begin: `2026-11-01`, or a time with its zone.")],
    end: Annotated[str | None, typer.Option("--to", help="Where to end; else the live edge.")] = None,
    rules: Annotated[
        list[Path] | None, typer.Option("--rules", help="Rule files or folders; else the watched.")
    ] = None,
    notify: Annotated[str, typer.Option("--notify", help="What to tell: `digest`, `none` or `all`.")] = "digest",
    workers: Annotated[int, typer.Option("--workers", help="Processes that search; 0: one a core.", min=0)] = 0,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Search the past by the same detection as live.

    What was told is not told again. It never goes past the rules' live edge. Killed or stopped, the same command goes
    on where it stood. Exit code 1 where some of it could not be searched or told.
    """
    if notify not in past.NOTIFY:
        raise SettingsError(f"`--notify {notify}` is unknown", fix=f"take one of {', '.join(past.NOTIFY)}")
    set_up_log(as_json=False, least=logging.ERROR)
    settings = wiring.load_settings(settings_file)
    effective = _rules(settings, rules or ())
    connections = wiring.connect_clusters(settings)
    wanted = _BackfillArguments(start=start, end=end, notify=notify, workers=workers)
    asked = _BackfillRun(settings=settings, connections=connections, rules=effective, wanted=wanted, stop=_stopping())
    try:
        _prepare(settings, connections)
        outcomes = [asked.source(source) for source in settings.sources]
    finally:
        connections.close()
    if as_json:
        write_json([one for one, _ in outcomes if one])
    if not all(fine for _, fine in outcomes):
        raise typer.Exit(EXIT_FINDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BackfillArguments:
    """What the command line asks for."""

    start: str
    end: str | None
    notify: str
    workers: int


def _stopping() -> threading.Event:
    """End what is in hand on a signal, at once on the second one."""
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop


def _rules(settings: Settings, paths: Sequence[Path]) -> tuple[Rule, ...]:
    """Give the watched rules, or all that stand at some paths."""
    read = wiring.load_rules(settings, paths)
    if not paths:
        return wiring.enabled_rules(settings, read)[0]
    if not read.rules:
        first = next(iter(read.findings), None)
        raise SettingsError(
            first.message if first else "no rule stands there", location=first.location if first else None
        )
    return tuple(rule for rule in read.rules if rule.aggregation is None)


def _prepare(settings: Settings, connections: wiring.Connections) -> None:
    try:
        wiring.installation(settings, connections).install()
    except Forbidden as fault:
        raise SettingsError(
            f"the index templates of `{settings.state.prefix}-*` are not installed, and this user may not: {fault}",
            fix="let an administrator call `watcher setup`",
        ) from fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _BackfillRun:
    """A backfill of every source."""

    settings: Settings
    connections: wiring.Connections
    rules: tuple[Rule, ...]
    wanted: _BackfillArguments
    stop: threading.Event

    def source(self, source: Source) -> tuple[dict[str, object], bool]:
        """Backfill one source; gives the outcome for programs, and whether all of it was done and told."""
        if not self.rules:
            out.print("no rules: nothing to search")
            return {}, True
        job = self._job(source)
        notes = wiring.state_documents(self.settings, self.connections)
        window = past.begun(job, notes) or self._window(source, job)
        slices = tuple(past.slices(window, source.slice, self._counts(source, window)))
        count = max(1, min(self.wanted.workers or os.cpu_count() or 1, len(slices)))
        clock = SystemClock()
        began = clock.monotonic()
        slicing = wiring.SliceWorkerSettings(
            settings=self.settings, source=source, rules=self.rules, silent=self.wanted.notify != "all"
        )
        with wiring.slice_workers(slicing, count) as (submit, end):
            running = past.Backfill(
                job=job,
                window=window,
                notes=notes,
                submit=submit,
                slices=slices,
                now=self.connections.events.events().now,
                abreast=count,
                channels=self._channels(),
                stopping=self.stop.is_set,
                end=end,
            )
            with _bar(Console(stderr=True, highlight=False, markup=False)) as bar:
                progress = running.run(_ShownProgress(bar, source.name, clock, began))
        self._show(progress, window, clock.monotonic() - began)
        untold = self._tell(running, progress) if progress.finished else ()
        return _as_json(job, window, progress), progress.finished and not untold

    def _counts(self, source: Source, window: Window) -> Mapping[datetime, int]:
        with self.connections.events.events().open(source.index, window, time_field=source.time_field) as snapshot:
            return snapshot.counts(past.HOUR)

    def _channels(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.settings.channels) if self.wanted.notify == "digest" else ()

    def _job(self, source: Source) -> past.BackfillJob:
        return past.BackfillJob(
            source=source.name,
            start=_moment("--from", self.wanted.start),
            end=_moment("--to", self.wanted.end) if self.wanted.end else None,
            rules={rule.id: rule.hash for rule in self.rules},
            notify=self.wanted.notify,
        )

    def _window(self, source: Source, job: past.BackfillJob) -> Window:
        """Give the span that is searched: never past the live edge, which live has in hand itself."""
        checkpoint = wiring.checkpoints(self.settings, self.connections).read(source.name)
        edge = checkpoint.until if checkpoint is not None else self.connections.events.events().now() - source.delay
        start, end = job.start, job.end or edge
        if end > edge:
            what = "the live edge" if checkpoint is not None else "now"
            said = f"source {source.name}: ends at {what}, {edge:%Y-%m-%d %H:%M:%S} UTC; live goes on from there"
            Console(stderr=True, highlight=False, markup=False).print(said, soft_wrap=True)
            end = edge
        if start >= end:
            raise SettingsError(
                f"`--from` {start:%Y-%m-%d %H:%M:%S} does not lie before {end:%Y-%m-%d %H:%M:%S} UTC, where it ends",
                fix="give an earlier `--from`",
            )
        return Window(start=start, end=end)

    def _show(self, progress: past.BackfillProgress, window: Window, seconds: float) -> None:
        if progress.by_rule:
            out.print(hits_table(window, progress.by_rule, self._named()))
        days = window.length / timedelta(days=1)
        rate = len(self.rules) * days / max(seconds, 0.001)
        hits = sum(sum(told.values()) for told in progress.by_rule.values())
        out.print(
            f"{progress.events:,} events, {hits:,} hits ({progress.hits:,} new), {progress.alerts:,} alerts opened; "
            f"{len(self.rules):,} rules over {days:,.2f} days in {seconds:,.1f} s ({rate:,.0f} rule-days/s)",
            soft_wrap=True,
        )
        for one, why in list(progress.failed.items())[:10]:
            out.print(cell(f"not searched: {one}: {why}", style="yellow"), soft_wrap=True)
        if not progress.finished:
            out.print("not finished: the same command goes on from here")

    def _named(self) -> Mapping[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    def _tell(self, running: past.Backfill, progress: past.BackfillProgress) -> tuple[str, ...]:
        """Tell each channel in one message; gives those that did not take it, which the same command tries again."""
        window = running.window
        span = f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"
        subject = f"backfill: {progress.alerts:,} alerts, {span}"
        text = past.digest_text(self._named(), progress, window)
        telling = operator_notice(subject, text, moment=SystemClock().now(), digest=running.job.id)
        known = wiring.notifiers(self.settings)
        left = []
        for name in progress.untold:
            if name not in known or _sent(telling, *known[name], Renderer(self.settings.templates)):
                running.told(name)
            else:
                left.append(name)
        return tuple(left)


@dataclass(slots=True)
class _ShownProgress:
    """The progress on a bar."""

    bar: Progress
    source: str
    clock: SystemClock
    began: float
    before: int | None = None
    task: TaskID | None = None

    def __call__(self, progress: past.BackfillProgress, fraction: float) -> None:
        """Show the news."""
        if self.before is None or self.task is None:
            self.before, self.task = progress.events, self.bar.add_task(f"source {self.source}", total=1.0, said="")
        rate = (progress.events - self.before) / max(self.clock.monotonic() - self.began, 0.001)
        hits = sum(sum(days.values()) for days in progress.by_rule.values())
        said = f"{progress.events:,} events ({rate:,.0f}/s), {hits:,} hits, {progress.alerts:,} alerts opened"
        self.bar.update(self.task, completed=fraction, said=said)


def _sent(telling: OperatorNotice, channel: Channel, notifier: Notifier, renderer: Renderer) -> bool:
    """Send the digest, again where that can help; one channel that does not take it hides no other."""
    for attempt in range(1, _TRIES + 1):
        try:
            notifier.send(renderer.render(telling, channel))
        except (DeliveryError, InputError) as fault:
            if attempt == _TRIES or not isinstance(fault, DeliveryError) or fault.permanent:
                said = f"`{channel.name}` did not take the digest: {printable_text(fault)}"
                out.print(cell(said, style="red"), soft_wrap=True)
                return False
            SystemClock().sleep(2.0**attempt)
        else:
            return True
    return False


def _as_json(job: past.BackfillJob, window: Window, progress: past.BackfillProgress) -> dict[str, object]:
    return {
        "source": job.source,
        "job": job.id,
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "finished": progress.finished,
        "events": progress.events,
        "hits_recorded": progress.hits,
        "alerts_opened": progress.alerts,
        "hits_by_rule_and_day": progress.by_rule,
        "failed": [{"start": one.start.isoformat(), "error": why} for one, why in progress.failed.items()],
    }


def _moment(option: str, text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:
        raise SettingsError(f"`{option} {text}` is no time", fix="write `2026-11-01` or `2026-11-01T08:00:00+01:00`")
    return moment


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        disable=not console.is_terminal,
    )


# --------------------------------------------------------------------------- preview


def preview(
    rule: Annotated[str, typer.Argument(help="A rule file, or the id, title or path of a rule of settings.")],
    *,
    days: Annotated[int, typer.Option("--days", help="How many days to look back, today included.", min=1)] = 30,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how noisy a rule would be.

    Searches the last days and writes nothing: hits per day, the alerts they would have been, the hosts, users and
    parent processes that stand out, and some events.
    """
    stop = _stopping()
    settings = wiring.load_settings(settings_file)
    found = find_rule(rule, settings)
    if found.aggregation is not None:
        raise SettingsError(f"`{found.title}` counts events, which watcher reads and does not watch")
    connections = wiring.connect_clusters(settings)
    seen = Preview()
    try:
        for source in settings.sources:
            detector = wiring.detector(settings, connections, source, (found,))
            windows = list(days_of(connections.events.events().now(), days))
            with _bar(Console(stderr=True, highlight=False, markup=False)) as bar:
                task = bar.add_task(f"source {source.name}", total=len(windows), said="")
                for window in windows:
                    look(detector, window, seen, DetectionScope(stopping=stop.is_set))
                    bar.update(task, advance=1, said=f"{seen.hits:,} hits")
    except Stopped as fault:
        raise typer.Exit(EXIT_WRONG) from fault
    finally:
        connections.close()
    if as_json:
        write_json(
            {
                "rule": {"id": found.id, "title": found.title},
                "hits": seen.hits,
                "alerts": len(seen.alerts),
                "undecided": seen.undecided,
                "days": dict(sorted(seen.days.items())),
                "hosts": dict(seen.hosts.most_common(100)),
                "users": dict(seen.users.most_common(100)),
                "parents": dict(seen.parents.most_common(100)),
                "samples": seen.samples,
            }
        )
        return
    out.print(cell(found.title, style="bold"))
    out.print(f"{seen.hits:,} hits in {days} days; they would have been {len(seen.alerts):,} alerts\n")
    if seen.undecided:
        out.print(f"{seen.undecided:,} events are undecided: the rule takes too long on them\n", style="yellow")
    out.print(days_table(seen.days))
    for name, counted in (("host", seen.hosts), ("user", seen.users), ("parent process", seen.parents)):
        if counted:
            out.print(top_table(name, counted))
    show_samples(out, seen.samples)
