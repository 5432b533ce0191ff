"""The searches of one source: live, gaps and late events."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.checkpoints.checkpoints import Checkpoints
from watcher.clock import SystemClock
from watcher.errors import ClusterError
from watcher.pipeline import Detector, Stopping, WindowResult
from watcher.ports import Clock, EventCounts
from watcher.schedule.gap_filler import GapFiller
from watcher.schedule.late_event_check import LateEventCheck
from watcher.schedule.live_search import LiveSearch
from watcher.schedule.watched_rules import WatchedRules
from watcher.settings import Source


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConditions:
    """When the searches of a source end before they are complete."""

    live: Stopping = _never
    past: Stopping = _never  # of gaps and late events


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSearch:
    """The three searches of one source, which share its rules."""

    rules: WatchedRules
    live: LiveSearch
    gaps: GapFiller
    late_events: LateEventCheck

    @property
    def source(self) -> Source:
        """The source."""
        return self.rules.source

    def search_past(self) -> tuple[WindowResult, ...]:
        """Fill the gaps that are due, for as long as an interval of the live search, and check for late events.

        Late events are checked whatever the gaps met; the error of the gaps is raised afterwards.
        """
        try:
            filled = self.gaps.fill(self.source.every)
        except ClusterError:
            self.late_events.check()
            raise
        return (*filled, *self.late_events.check())


def source_search(
    detector: Detector,
    checkpoints: Checkpoints,
    counts: EventCounts,
    *,
    stop: StopConditions | None = None,
    clock: Clock | None = None,
) -> SourceSearch:
    """Create the searches of the detector's source."""
    stop = stop or StopConditions()
    rules = WatchedRules(detector, checkpoints)
    return SourceSearch(
        rules=rules,
        live=LiveSearch(rules, checkpoints, stop.live),
        gaps=GapFiller(rules, checkpoints, clock or SystemClock(), stop.past),
        late_events=LateEventCheck(rules, checkpoints, counts, stop.past),
    )
