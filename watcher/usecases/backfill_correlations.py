"""The slices of a backfill in the order of their times: correlations are evaluated over them as they complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import structlog

from watcher.errors import ClusterError, Unreachable
from watcher.model import Window
from watcher.pipeline import PastCorrelations, Stopped
from watcher.pipeline.hit_recorder import HitRecorder
from watcher.pipeline.searched_windows import SearchedWindow
from watcher.usecases.backfill_job import INTERRUPTED, SliceResult

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CorrelatedSlices:
    """Adds what correlations find to the results of slices; a result waits until the slices before it have theirs."""

    past: PastCorrelations
    _expected: list[Window] = field(default_factory=list)
    _waiting: dict[Window, SliceResult] = field(default_factory=dict)

    def begin(self, slices: Sequence[Window]) -> None:
        """Expect the results of slices, oldest first; those at the end may never come."""
        self._expected = list(slices)
        self._waiting.clear()

    def results(self, completed: Iterable[SliceResult]) -> Iterator[SliceResult]:
        """Yield the results whose turn it is, with the hits of correlations recorded."""
        self._waiting.update((result.window, result) for result in completed)
        while self._expected and self._expected[0] in self._waiting:
            result = self._waiting.pop(self._expected.pop(0))
            yield result if result.error else self._correlated(result)

    def _correlated(self, result: SliceResult) -> SliceResult:
        try:
            recorders = [self.past.add(self._searched(result))]
            if not self._expected:
                recorders.append(self.past.finish())
        except Stopped:
            return SliceResult(window=result.window, error=INTERRUPTED)
        except ClusterError as fault:
            log.warning("slice.not_correlated", window=str(result.window), error=str(fault))
            return SliceResult(window=result.window, error=str(fault), unreachable=isinstance(fault, Unreachable))
        return _with_hits(result, recorders)

    def _searched(self, result: SliceResult) -> SearchedWindow:
        incomplete = frozenset(self.past.correlator.plan.roles) if result.unsearchable else frozenset()
        return SearchedWindow(window=result.window, base_hits=result.base_hits, incomplete=incomplete)


def _with_hits(result: SliceResult, recorders: Iterable[HitRecorder]) -> SliceResult:
    by_rule = Counter(result.by_rule)
    hits, alerts = result.hits, result.alerts
    for recorder in recorders:
        by_rule.update(recorder.by_rule)
        hits += recorder.result.hits
        alerts += len(recorder.result.alerts)
    return replace(result, by_rule=dict(by_rule), hits=hits, alerts=alerts, base_hits=())
