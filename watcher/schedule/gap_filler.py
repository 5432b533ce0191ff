"""The gaps of a source: each is searched again when it is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.checkpoints.checkpoint import AddGaps, Checkpoint, CloseGaps, Command, CountReplacedTimes
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import Gap, newest_part, split_window
from watcher.clock import SystemClock
from watcher.errors import ClusterError, Forbidden, Incomplete, Overloaded, Refused, Unreachable
from watcher.pipeline import Stopped, Stopping, WindowResult
from watcher.ports import Clock
from watcher.schedule.live_search import unsearched_gap
from watcher.schedule.watched_rules import WatchedRules
from watcher.settings import Source

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class GapFiller:
    """Searches the gaps of one source."""

    rules: WatchedRules
    checkpoints: Checkpoints
    clock: Clock = field(default_factory=SystemClock)
    stopping: Stopping = lambda: False  # asked before every side effect

    def fill(self, budget: timedelta) -> tuple[WindowResult, ...]:
        """Search the gaps that are due, in windows no longer than the source's `slice`, while the budget lasts.

        A window that fails again waits longer each time; the others are searched meanwhile. Raises the last error where
        no window was searched because nothing answers, and Stopped where `stopping` asks for it.
        """
        unanswered: ClusterError | None = None
        end = self.clock.monotonic() + budget.total_seconds()
        results: list[WindowResult] = []
        while self.clock.monotonic() < end:
            if self.stopping():
                raise Stopped
            now = self.rules.detector.events.now()
            gap = next_gap(self.checkpoints.read(self.rules.source.name), self.rules.source, now)
            if gap is None:
                break
            try:
                results.extend(self._fill(gap, now))
            except (Unreachable, Forbidden) as fault:  # it may be this window alone, e.g. one that a proxy cuts off
                self._back_off(gap, fault, now)
                unanswered = fault
        if unanswered is not None and not results:
            raise unanswered
        return tuple(results)

    def _fill(self, gap: Gap, now: datetime) -> Iterator[WindowResult]:
        detector = self.rules.detector
        source = detector.source
        ids = {prepared.rule.id for prepared in detector.rules}
        if gap.rules and ids.isdisjoint(gap.rules):  # rules that were removed have no gaps
            self._replace(gap, (), now)
            return
        rules = frozenset(gap.rules) if gap.rules else None
        scope = replace(self.rules.past_scope(detector, gap.window.end, self.stopping, rules), indices=gap.indices)
        try:
            result = detector.detect(gap.window, scope)
        except (Incomplete, Overloaded, Refused) as fault:
            self._back_off(gap, fault, now)
            return
        # counted only where every rule searched everything: the others have not seen what came meanwhile
        if rules is None and not gap.indices:
            self.checkpoints.record_counts(source.name, gap.window, result.counts, now=now)
        failed = [
            replace(gap.after_failure(str(search.error), now=now), rules=(search.plan.rule.id,))
            for search in result.failed
        ]
        unsearched = _unsearched(gap, result, now)
        counted = CountReplacedTimes(events=result.replaced_times, at=now)
        self._replace(gap, (*failed, *unsearched), now, counted)
        if unsearched:
            log.warning("gap.failed", source=source.name, window=str(gap.window), error=unsearched[0].reason)
        if not unsearched or unsearched[0].indices != gap.indices:
            log.info("gap.closed", source=source.name, window=str(gap.window), hits=result.hits)
        yield result

    def _back_off(self, gap: Gap, fault: ClusterError, now: datetime) -> None:
        """Let a part of a gap wait longer than before."""
        self._replace(gap, (gap.after_failure(str(fault), now=now),), now)
        log.warning("gap.failed", source=self.rules.source.name, window=str(gap.window), error=str(fault))

    def _replace(self, gap: Gap, remaining: Sequence[Gap], now: datetime, *also: Command) -> None:
        """Replace a part of a gap by what remains of it."""
        close = CloseGaps(window=gap.window, rules=gap.rules or None, indices=gap.indices or None)
        self.checkpoints.apply(self.rules.source.name, (close, AddGaps(gaps=tuple(remaining)), *also), now=now)


def _unsearched(gap: Gap, result: WindowResult, now: datetime) -> tuple[Gap, ...]:
    """Return what remains of a gap in the indices that still cannot be searched."""
    remaining = unsearched_gap(gap.window, result.unsearchable, now)
    return tuple(replace(gap, indices=entry.indices).after_failure(entry.reason, now=now) for entry in remaining)


def next_gap(checkpoint: Checkpoint | None, source: Source, now: datetime) -> Gap | None:
    """Return the part of a gap to search next, None where no gap is due.

    It is the oldest or the newest part, depending on the source's `catch_up`.
    """
    due = [gap for gap in (checkpoint.gaps if checkpoint else ()) if gap.due <= now]
    if not due:
        return None
    if source.catch_up == "oldest":
        gap = min(due, key=lambda gap: gap.window)
        return replace(gap, window=next(split_window(gap.window, source.slice)))
    gap = max(due, key=lambda gap: gap.window)
    return replace(gap, window=newest_part(gap.window, source.slice))
