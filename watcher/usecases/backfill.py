"""A backfill: the past of a source, searched by the same detection as live, resumable, beside live detection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from watcher.components import Components
from watcher.correlate.correlation_plan import SearchedRules
from watcher.errors import SettingsError
from watcher.model import RuleMetadata, UnsearchableIndex, Window
from watcher.pipeline import BackfillSilence, DetectionScope, PastCorrelations, Stopping
from watcher.search.unsearchable_indices import unsearchable_indices
from watcher.settings import Settings, Source
from watcher.usecases.backfill_correlations import CorrelatedSlices
from watcher.usecases.backfill_digest import RefusedDigest, send_digest
from watcher.usecases.backfill_job import BackfillJob, BackfillProgress, interrupted_window
from watcher.usecases.backfill_runner import HOUR, BackfillRunner, slices
from watcher.usecases.loading import every_rule, load_named_rules, load_rules, searched_rules
from watcher.usecases.slice_workers import SliceWorkerSettings, slice_workers


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """What is to be searched, and what is sent at the end."""

    start: datetime
    end: datetime | None  # None: the watermark
    searched: SearchedRules
    notify: str  # `digest`, `none` or `all`
    workers: int = 0  # processes; 0: one per CPU

    @property
    def by_id(self) -> Mapping[str, RuleMetadata]:
        """The rules and correlation rules by id."""
        return {rule.id: rule for rule in self.searched.all}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """The outcome for one source."""

    job: BackfillJob
    window: Window
    progress: BackfillProgress
    rules: Mapping[str, RuleMetadata]  # by id
    seconds: float
    refused: tuple[RefusedDigest, ...]  # channels that did not accept the digest
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # indices that were not searched

    @property
    def is_complete(self) -> bool:
        """Whether every slice was searched in every index, and every channel accepted the digest."""
        return self.progress.finished and not self.refused and not self.unsearchable


class BackfillObserver(Protocol):
    """Receives the span and the progress of each source."""

    def begun(self, source: str, span: BackfillSpan) -> None:
        """Receive the span before it is searched."""
        ...

    def progressed(self, source: str, progress: BackfillProgress, fraction: float) -> None:
        """Receive the progress after each slice."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSpan:
    """The span of a backfill, and why it ends before the requested end."""

    window: Window
    shortened_to: str = ""  # `the watermark` or `now`; empty: it is not shortened


def rules_to_backfill(settings: Settings, paths: Sequence[Path]) -> SearchedRules:
    """Return the enabled rules, or every rule of some paths.

    Raises InputError where the paths hold no rule.
    """
    if not paths:
        return searched_rules(settings, load_rules(settings))
    return every_rule(load_named_rules(settings, paths))


def backfill_source(
    source: Source, request: BackfillRequest, components: Components, *, observer: BackfillObserver, stopping: Stopping
) -> BackfillReport:
    """Search the past of one source, and send the digest when all of it is searched.

    Raises SettingsError where the span is empty, ClusterError where cluster or state do not answer.
    """
    job = _job(source, request)
    resumed = interrupted_window(job, components.state_documents())
    span = BackfillSpan(window=resumed) if resumed is not None else _span(source, job, components)
    observer.begun(source.name, span)
    events = components.events()
    left_out = unsearchable_indices(events, source, events.mapping(source.index, ()), span.window)
    started = components.clock.monotonic()
    with _runner(source, request, components, job=job, window=span.window, stopping=stopping) as runner:
        progress = runner.run(lambda progress, fraction: observer.progressed(source.name, progress, fraction))
    seconds = components.clock.monotonic() - started
    refused = send_digest(runner, progress, request.by_id, components) if progress.finished else ()
    unsearchable = {entry.index: entry.reason for entry in left_out} | dict(progress.unsearchable)
    return BackfillReport(
        job=job,
        window=span.window,
        progress=progress,
        rules=request.by_id,
        seconds=seconds,
        refused=refused,
        unsearchable=tuple(
            UnsearchableIndex(index=index, reason=unsearchable[index]) for index in sorted(unsearchable)
        ),
    )


@contextmanager
def _runner(  # noqa: PLR0913 - each is a part of the runner
    source: Source,
    request: BackfillRequest,
    components: Components,
    *,
    job: BackfillJob,
    window: Window,
    stopping: Stopping,
) -> Iterator[BackfillRunner]:
    """Yield the runner of a job, with its worker processes."""
    parts = tuple(slices(window, source.slice, _counts_by_hour(source, window, components)))
    parallel = max(1, min(request.workers or os.cpu_count() or 1, len(parts)))
    worker = SliceWorkerSettings(
        settings=components.settings,
        source=source,
        searched=request.searched,
        silent=request.notify != "all",
        live_since=components.checkpoints().rule_starts(source.name),
    )
    with slice_workers(worker, parallel) as workers:
        yield BackfillRunner(
            job=job,
            window=window,
            documents=components.state_documents(),
            submit=workers.submit,
            slices=parts,
            now=components.events().now,
            parallel=parallel,
            channels=_digest_channels(request, components.settings),
            stopping=stopping,
            cancel=workers.cancel,
            correlated=_correlated(worker, components, stopping),
        )


def _correlated(worker: SliceWorkerSettings, components: Components, stopping: Stopping) -> CorrelatedSlices | None:
    """Return what evaluates the correlations of the slices, None where there are none."""
    plan = worker.searched.plan
    correlator = components.correlator(plan)
    if correlator is None:
        return None
    late, correlator.late = correlator.late, None  # what a backfill reads, live searches have read
    base_rules = tuple(rule for rule in worker.searched.rules if rule.id in plan.roles)
    sources = {source.name: source for source in (*components.settings.sources, worker.source)}
    detectors = {name: components.detector(source, base_rules, correlator) for name, source in sources.items()}
    detector = detectors[worker.source.name]
    detector.origin = "backfill"
    detector.silence = BackfillSilence(live_since=worker.live_since) if worker.silent else None
    scope = DetectionScope(stopping=stopping)
    return CorrelatedSlices(
        PastCorrelations(
            correlator=correlator,
            source=worker.source.name,
            recorder=lambda: detector.recorder(scope),
            now=components.events().now,
            late=late,
        )
    )


def _job(source: Source, request: BackfillRequest) -> BackfillJob:
    return BackfillJob(
        source=source.name,
        start=request.start,
        end=request.end,
        rules={rule.id: rule.hash for rule in request.searched.all},
        notify=request.notify,
    )


def _span(source: Source, job: BackfillJob, components: Components) -> BackfillSpan:
    """Return the span of a new job; it never passes the watermark, which belongs to live detection."""
    checkpoint = components.checkpoints().read(source.name)
    watermark = checkpoint.watermark if checkpoint is not None else components.events().now() - source.delay
    end = min(job.end or watermark, watermark)
    if job.start >= end:
        raise SettingsError(
            f"`--from` {job.start:%Y-%m-%d %H:%M:%S} is not before {end:%Y-%m-%d %H:%M:%S} UTC, where the search ends",
            fix="give an earlier `--from`",
        )
    shortened = job.end is not None and job.end > watermark
    limit = "the watermark" if checkpoint is not None else "now"
    return BackfillSpan(window=Window(start=job.start, end=end), shortened_to=limit if shortened else "")


def _counts_by_hour(source: Source, window: Window, components: Components) -> Mapping[datetime, int]:
    with components.events().open(source.index, window, time_field=source.time_field) as snapshot:
        return snapshot.counts(HOUR)


def _digest_channels(request: BackfillRequest, settings: Settings) -> tuple[str, ...]:
    return tuple(channel.name for channel in settings.channels) if request.notify == "digest" else ()
