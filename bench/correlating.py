"""A sidecar with correlations, or without, as a process of its own: `python -m bench.correlating`.

It is controlled by lines of JSON, so that several take turns on one engine.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from bench.correlated_day import START
from bench.live import CountingTransport, TimedCluster
from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.cluster.connections import Connection, connect
from watcher.cluster.event_cluster import EventCluster
from watcher.correlate.correlation_plan import BaseRole
from watcher.heap import freeze_heap
from watcher.model import Window
from watcher.pipeline import Correlator, Detector, PastCorrelations, PreparedCorrelation, prepare_rule
from watcher.pipeline.detection_scope import DetectionScope
from watcher.pipeline.searched_windows import SearchedWindow
from watcher.ports import EventSource
from watcher.schedule import source_search
from watcher.schedule.live_search import LiveSearch
from watcher.settings import Cluster, Settings, Source
from watcher.settings.effective import rule_settings
from watcher.settings.rule_selection import Folder, RuleSelection
from watcher.state.installation import Installation
from watcher.state.state_documents import StateDocuments
from watcher.usecases.loading import every_rule, load_rules

Answer = Mapping[str, Any]
TICK = timedelta(minutes=5)


class Correlating:
    """The client: starts the process, sends orders, and ends it."""

    def __init__(self, url: str, index: str, rules: Path, prefix: str, *, correlated: bool) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.correlating", url, index, str(rules), prefix, str(int(correlated))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, **order: Any) -> Answer:
        """Send an order and wait for the answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: Answer = json.loads(line)
                return answer
        raise RuntimeError("the process has ended")


@dataclass(slots=True, kw_only=True)
class _Sidecar:
    """The process between orders."""

    connection: Connection
    index: str
    rules: Path
    prefix: str
    correlated: bool
    clock: list[datetime] = field(default_factory=lambda: [START])
    transport: CountingTransport = field(init=False)
    correlator: Correlator = field(init=False)
    detector: Detector = field(init=False)
    live: LiveSearch = field(init=False)

    def __post_init__(self) -> None:
        self.transport = CountingTransport(self.connection.transport)
        Installation(state=self.connection.state(), prefix=self.prefix).install()
        self.detector = self._detector()
        self.live = source_search(self.detector, self._checkpoints(), self.connection.event_counts()).live
        freeze_heap()

    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(StateDocuments(self.connection.state(), self.prefix))

    def _events(self) -> EventSource:
        cluster = self.connection.events()
        if not isinstance(cluster, EventCluster):
            raise TypeError(f"{type(cluster).__name__} reads no cluster")
        parts = {part.name: getattr(cluster, part.name) for part in fields(EventCluster)}
        return TimedCluster(**{**parts, "transport": self.transport}, clock=self.clock)

    def _detector(self) -> Detector:
        folder = Folder(name="bench", path=self.rules)
        settings = Settings(rules=RuleSelection(folders=(folder,)))
        searched = every_rule(load_rules(settings))
        source, state = Source(index=self.index, search="scan"), self.connection.state()
        events = self._events()
        self.correlator = Correlator(
            plan=searched.plan,
            rules={
                rule.id: PreparedCorrelation(rule=rule, effective=rule_settings(rule, settings))
                for rule in searched.plan.rules.values()
            },
            checkpoint=self._checkpoints().read,
            events=state,
            now=events.now,
        )
        roles = searched.plan.roles if self.correlated else {}
        silent = BaseRole(fields=(), alerts=False)
        return Detector(
            source=source,
            events=events,
            alert_store=AlertStore(state, self.prefix),
            rules=[
                prepare_rule(rule, rule_settings(rule, settings), source, roles.get(rule.id, silent))
                for rule in searched.rules
            ],
            correlator=self.correlator if self.correlated else None,
        )

    def tick(self, at: str) -> None:
        """Search what is due at a time."""
        self.clock.append(datetime.fromisoformat(at))
        self.live.advance()

    def backfill(self, start: str, end: str, slice_minutes: int) -> None:
        """Search a span slice by slice."""
        self.clock.append(datetime.fromisoformat(end))
        scope = DetectionScope()
        detector, recording = replace(self.detector, origin="backfill"), replace(self.detector, origin="backfill")
        detector.correlator = None
        past = PastCorrelations(
            correlator=self.correlator,
            source=detector.source.name,
            recorder=lambda: recording.recorder(scope),
            now=lambda: self.clock[-1],
        )
        for window in _slices(datetime.fromisoformat(start), datetime.fromisoformat(end), slice_minutes):
            result = detector.detect(window, scope)
            if self.correlated:
                past.add(SearchedWindow(window=window, base_hits=result.base_hits))
        if self.correlated:
            past.finish()


def _slices(start: datetime, end: datetime, minutes: int) -> Iterator[Window]:
    step = timedelta(minutes=minutes)
    while start < end:
        yield Window(start=start, end=min(start + step, end))
        start += step


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Answer each line with a line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    url, index, rules, prefix, correlated = sys.argv[1:6]
    sidecar = _Sidecar(
        connection=connect(Cluster(hosts=(url,), timeout=timedelta(minutes=5))),
        index=index,
        rules=Path(rules),
        prefix=prefix,
        correlated=correlated == "1",
    )
    for line in sys.stdin:
        order = json.loads(line)
        began, own, documents = time.perf_counter(), time.process_time(), sidecar.transport.documents
        getattr(sidecar, order.pop("do"))(**order)
        answer = {
            "wall": time.perf_counter() - began,
            "own": time.process_time() - own,
            "documents": sidecar.transport.documents - documents,
            "resident": _memory("VmRSS"),
            "peak": _memory("VmHWM"),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
