"""How fast the cluster is asked: when it says "not now", or takes longer than it did, watcher slows down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.errors import ClusterError, Overloaded
from watcher.ports import Clock, Page, SearchRequest, Snapshot

log = structlog.get_logger(__name__)

FEWEST = 50  # documents of a page, however busy the cluster is
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0
_STEP = 0.5  # of waiting, between looks at whether it is time to end
_SLOW = 3.0  # times what searches usually take
_NOTICED = 0.5  # seconds below which nothing counts as slow
_LATELY = 0.5  # how far the mean of late follows each search
_USUALLY = 0.02  # and the mean of old
_LONGEST_REST = 10.0


@dataclass(slots=True)
class Throttle:
    """How the cluster bears one kind of searches of a source; it outlasts the windows."""

    clock: Clock
    usual: float | None = None  # seconds that a request takes, a slow mean
    late: float = 0.0  # the same, a quick mean

    def rest(self, took: float) -> float:
        """Tell how long to leave the cluster alone after a search: as long again where searches became slow."""
        if self.usual is None:
            self.usual = self.late = took
        self.usual += (took - self.usual) * _USUALLY
        self.late += (took - self.late) * _LATELY
        slow = took > _NOTICED and self.late > _SLOW * self.usual
        return min(took, _LONGEST_REST) if slow else 0.0


@dataclass(slots=True)
class ThrottledSnapshot:
    """A snapshot that is asked no faster than its cluster bears."""

    snapshot: Snapshot
    pace: Throttle
    until: float  # on the clock's monotonic time: after this an overloaded cluster is waited for no longer
    _wait: float = field(default=_FIRST_WAIT)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Ask; what the cluster is too busy for is asked again, later and for less, until the time is up."""
        waiting = list(requests)
        locations = list(range(len(requests)))
        answers: list[Page | ClusterError] = [Overloaded("not asked yet")] * len(requests)
        while True:
            told = self._ask(waiting)
            for location, answer in zip(locations, told, strict=True):
                answers[location] = answer
            busy = [number for number, answer in enumerate(told) if isinstance(answer, Overloaded)]
            if not busy or not self._patient(told[busy[0]]):
                return answers
            waiting = [replace(waiting[number], size=max(FEWEST, waiting[number].size // 2)) for number in busy]
            locations = [locations[number] for number in busy]

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count, as the snapshot does."""
        return self.snapshot.counts(step)

    def _ask(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        try:
            told = self.snapshot.search(requests)
        except Overloaded as error:
            return [error] * len(requests)
        took = max((answer.took for answer in told if isinstance(answer, Page)), default=0.0)
        rest = self.pace.rest(took)
        if rest:
            log.info("cluster.slow", took=round(took, 2), usual=round(self.pace.usual or 0.0, 2), rests=round(rest, 2))
            self._pause(rest)
        elif not any(isinstance(answer, Overloaded) for answer in told):
            self._wait = _FIRST_WAIT
        return told

    def _patient(self, error: object) -> bool:
        """Wait for an overloaded cluster, longer each time; false where there is no time left to."""
        wait = self._wait
        if self.pace.clock.monotonic() + wait > self.until:
            return False
        log.warning("cluster.busy", error=str(error), waits=wait)
        self._wait = min(wait * 2, _LONGEST_WAIT)
        self._pause(wait)
        return True

    def _pause(self, seconds: float) -> None:
        while seconds > 0:
            self.snapshot.search(())  # asks for nothing, and ends the wait where it is time to end
            self.pace.clock.sleep(min(_STEP, seconds))
            seconds -= _STEP
