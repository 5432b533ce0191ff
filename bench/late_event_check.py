"""A late-event check over a week without late events, beside the live search that it must not outweigh."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from bench import filled
from bench.measurements import Series, Spent
from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoint import Begin
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE
from watcher.cluster.connections import connect
from watcher.cluster.event_cluster import EventCluster
from watcher.model import Window
from watcher.pipeline import Detector
from watcher.ports import EventSource
from watcher.schedule import source_search
from watcher.settings import Cluster, LateEventSettings, Source
from watcher.state.installation import Installation
from watcher.state.state_documents import StateDocuments

_PREFIX = "bench-late-events"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Later(EventCluster):
    """The events of the day, a week later."""

    def now(self) -> datetime:
        return filled.DAY + timedelta(days=7)


def week(url: str, index: str, *, repeats: int, spent: Callable[[], Spent]) -> Series:
    """Check the week that begins with the day repeatedly; raises RuntimeError where a check finds anything."""
    connection = connect(Cluster(hosts=(url,), timeout=timedelta(minutes=5)))
    state = connection.state()
    Installation(state=state, prefix=_PREFIX).install()
    source = Source(index=index, late_events=LateEventSettings(every=timedelta(0)))
    events = _later(connection.events())
    checkpoints = Checkpoints(StateDocuments(state, _PREFIX))
    detector = Detector(source=source, events=events, alert_store=AlertStore(state, _PREFIX), rules=())
    late_events = source_search(detector, checkpoints, connection.event_counts()).late_events
    now = events.now()
    span = Window(start=filled.DAY, end=now)
    with events.open(index, span, time_field=source.time_field) as snapshot:
        checkpoints.record_counts(source.name, span, snapshot.counts(SLICE), now=now)
    checkpoints.apply(source.name, (), now=now, begin=Begin(since=filled.DAY, watermark=now))
    series = Series()
    late_events.check()  # warm
    for _ in range(repeats):
        before, began, own = spent(), time.perf_counter(), time.process_time()
        if late_events.check():
            raise RuntimeError("a late-event check without changes searched something")
        wall, used = time.perf_counter() - began, time.process_time() - own
        series.add({"wall": wall, "own": used, "hits": 0, "memory": 0}, spent() - before)
    for name in state.indices(f"{_PREFIX}-*"):
        state.drop(name)
    connection.close()
    return series


def _later(events: EventSource) -> _Later:
    if not isinstance(events, EventCluster):
        raise TypeError(f"{type(events).__name__} reads no cluster")
    return _Later(**{part.name: getattr(events, part.name) for part in fields(events)})
