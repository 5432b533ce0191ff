"""How fast the cluster is searched: where it rejects requests, or answers slower than usual, watcher slows down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from watcher.backoff import Backoff
from watcher.errors import ClusterError, Overloaded
from watcher.model import UnsearchableIndex
from watcher.ports import Clock, EventSpan, Page, SearchRequest, Snapshot, Tallies

log = structlog.get_logger(__name__)

_MANY = 100  # documents; a page of fewer was rejected for its bytes, or the cluster is busy for longer
_BACKOFF = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=30))
_SLOW = 3.0  # times the usual duration of a search
_NOTICED = 0.5  # seconds below which no search counts as slow
_RECENT_WEIGHT = 0.5  # of each search in the mean of recent searches
_USUAL_WEIGHT = 0.02  # and in the usual mean
_LONGEST_PAUSE = 10.0


@dataclass(slots=True)
class Throttle:
    """How long the cluster takes for one kind of searches of a source; it outlives the windows."""

    clock: Clock
    usual: float | None = None  # seconds that a request takes, a slow mean
    recent: float = 0.0  # the same, a quick mean

    def pause(self, took: float) -> float:
        """Return how long to pause after a search: as long as it took where searches became slow."""
        if self.usual is None:
            self.usual = self.recent = took
        self.usual += (took - self.usual) * _USUAL_WEIGHT
        self.recent += (took - self.recent) * _RECENT_WEIGHT
        slow = took > _NOTICED and self.recent > _SLOW * self.usual
        return min(took, _LONGEST_PAUSE) if slow else 0.0


@dataclass(slots=True)
class ThrottledSnapshot:
    """A snapshot that is searched no faster than its cluster can answer."""

    snapshot: Snapshot
    throttle: Throttle
    deadline: float  # on the clock's monotonic time: an overloaded cluster is not waited for beyond it
    _rejections: int = 0  # in a row

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Search; requests that a busy cluster rejects are repeated later with smaller pages, until the deadline."""
        pending = dict(enumerate(requests))
        answers: dict[int, Page | ClusterError] = {}
        while True:
            answers |= zip(pending, self._search(list(pending.values())), strict=True)
            rejected = [number for number in pending if isinstance(answers[number], Overloaded)]
            if not rejected or not self._back_off(answers[rejected[0]]):
                return [answers[number] for number in range(len(requests))]
            pending = {number: _smaller(pending[number]) for number in rejected}

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices that are left out."""
        return self.snapshot.unsearchable

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count, as the snapshot does."""
        return self.snapshot.counts(step)

    def tallies(self, step: timedelta) -> Tallies:
        """Tally, as the snapshot does."""
        return self.snapshot.tallies(step)

    def limited_to(self, spans: Sequence[EventSpan]) -> Snapshot:
        """Limit the snapshot, and keep the speed."""
        return replace(self, snapshot=self.snapshot.limited_to(spans))

    def _search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        try:
            answers = self.snapshot.search(requests)
        except Overloaded as error:
            return [error] * len(requests)
        took = max((answer.took for answer in answers if isinstance(answer, Page)), default=0.0)
        pause = self.throttle.pause(took)
        if pause:
            usual = round(self.throttle.usual or 0.0, 2)
            log.info("cluster.slow", took=round(took, 2), usual=usual, pause=round(pause, 2))
            self._wait(pause)
        elif not any(isinstance(answer, Overloaded) for answer in answers):
            self._rejections = 0
        return answers

    def _back_off(self, error: object) -> bool:
        """Wait for an overloaded cluster, longer each time; return false where the deadline leaves no time."""
        wait = _BACKOFF.delay(self._rejections + 1).total_seconds()
        if self.throttle.clock.monotonic() + wait > self.deadline:
            return False
        log.warning("cluster.busy", error=str(error), wait=wait)
        self._rejections += 1
        self._wait(wait)
        return True

    def _wait(self, seconds: float) -> None:
        # an empty search requests nothing, and raises where the search is to stop
        self.throttle.clock.wait(seconds, lambda: bool(self.snapshot.search(())))


def _smaller(request: SearchRequest) -> SearchRequest:
    """Return a request for half of the documents, or an eighth where these are few; for one at last."""
    return replace(request, size=max(1, request.size // (2 if request.size > _MANY else 8)))
