"""An index that cannot be searched when a sidecar starts: no false alarm while it is away, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from correlate.correlation_fixture import correlation, hit
from pipeline.test_correlator import plan_of
from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.model import UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import Correlation
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import milliseconds, moment_at

STEP = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)
SPAN = timedelta(minutes=30)
START = milliseconds(NOW)
MINUTE = 60_000
SILENT = correlation("absence", group_by=("host",), timespan=SPAN)
NEW = correlation("new_value", group_by=("host",), fields=("user",), timespan=SPAN)
AWAY = "closed"  # the name of the index that cannot be searched


def at(minute: int, *, index: str = "open", **values: str) -> BaseHit:
    return replace(hit(START + minute * MINUTE, id=f"{minute}{values}", **values), index=index)


@dataclass(slots=True)
class Cluster:
    """Base hits in two indices, and a sidecar that searches each minute."""

    rule: Correlation
    hits: Sequence[BaseHit]
    minute: int = 0
    is_away: bool = False
    checkpoint: Checkpoint | None = None
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    recorded: dict[str, CorrelationHit] = field(default_factory=dict)
    probes: int = 0
    correlator: Correlator = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.correlator = Correlator(
            plan=plan_of([self.rule]),
            rules={},
            checkpoint=lambda _: self.checkpoint,
            events=MemoryDocuments(),
            now=lambda: NOW + self.minute * STEP,
            late=LateBaseHits(StateDocuments(self.state)),
        )
        times = SearchTimes(every=STEP, overlap=OVERLAP)
        self.correlator.sources["day"] = CorrelatedSource(times, self.read, self.unsearchable)

    def read(self, window: Window, _rules: frozenset[str] = frozenset()) -> Iterator[BaseHit]:
        for entry in self.hits:
            is_there = window.start <= moment_at(entry.time) < window.end <= NOW + self.minute * STEP
            if is_there and not (self.is_away and entry.index == AWAY):
                yield entry

    def unsearchable(self, _window: Window) -> Sequence[UnsearchableIndex]:
        self.probes += 1
        return [UnsearchableIndex(index=AWAY, reason="it is closed")] if self.is_away else []

    def search(self, minutes: int) -> list[int]:
        """Search each of some minutes, and return the minutes of the hits that were not recorded before."""
        before = set(self.recorded)
        for _ in range(minutes):
            self.minute += 1
            end = NOW + self.minute * STEP
            window = Window(start=end - STEP - OVERLAP, end=end)
            searched = SearchedWindow(window=window, base_hits=tuple(self.read(window)))
            self.recorded |= {entry.hit_id: entry for entry in self.correlator.completed("day", searched).hits}
            self.checkpoint = Checkpoint(since=NOW - 2 * SPAN, watermark=end)
        return sorted((self.recorded[key].time - START) // MINUTE for key in self.recorded.keys() - before)


def silent_host() -> Cluster:
    """Return a cluster with a host that was seen at minute 0, and in the other index at minute 20."""
    cluster = Cluster(SILENT, [at(0, host="h"), at(20, index=AWAY, host="h")])
    assert cluster.search(26) == []
    return cluster


def test_without_an_outage_the_silence_begins_at_the_last_event() -> None:
    assert silent_host().search(60) == [50]


@pytest.mark.parametrize("away", [1, 10, 60])
def test_an_absence_is_neither_too_early_nor_lost(away: int) -> None:
    cluster = silent_host()
    cluster.is_away = True
    cluster.restart()
    assert cluster.search(away) == []
    cluster.is_away = False
    assert cluster.search(100) == [50]


def test_an_absence_is_decided_when_the_index_is_gone_for_good() -> None:
    cluster = silent_host()
    cluster.is_away = True
    cluster.restart()
    assert cluster.search(10) == []
    cluster.hits, cluster.is_away = cluster.hits[:1], False
    assert cluster.search(60) == [30]


def test_a_second_restart_and_a_second_outage_lose_nothing() -> None:
    cluster = silent_host()
    cluster.is_away = True
    cluster.restart()
    assert cluster.search(3) == []
    cluster.restart()
    assert cluster.search(40) == []
    cluster.is_away = False
    cluster.restart()
    assert cluster.search(100) == [50]


def test_a_value_of_the_index_is_not_new_and_a_new_one_is_not_lost() -> None:
    hits = [at(2, index=AWAY, host="h", user="known"), at(28, host="h", user="known"), at(29, host="h", user="new")]
    cluster = Cluster(NEW, hits, checkpoint=Checkpoint(since=NOW - 2 * SPAN, watermark=NOW))
    assert cluster.search(26) == [2]
    cluster.is_away = True
    cluster.restart()
    assert cluster.search(40) == []
    cluster.is_away = False
    assert cluster.search(60) == [29]


def test_no_probe_is_made_once_the_past_is_in_memory() -> None:
    cluster = Cluster(SILENT, [at(0, host="h")])
    cluster.search(1)
    probes = cluster.probes
    cluster.search(20)
    assert cluster.probes == probes == 2
