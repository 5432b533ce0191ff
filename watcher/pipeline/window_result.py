"""The outcome of the search of one window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from watcher.alerts.alert_store import RefusedHit
from watcher.errors import Incomplete
from watcher.model import QueryPlan, UnreadableEvent, UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit
from watcher.pipeline.event_memory import UndecidedEvent
from watcher.pipeline.hit_recorder import HitRecorder
from watcher.search.outcomes import FailedSearch
from watcher.search.unread_events import SearchedEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """The outcome of the search of one window."""

    window: Window
    indices: tuple[str, ...] = ()  # that were searched
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # that may hold events of the window, and were not searched
    faults: tuple[str, ...] = ()  # sentences: what is wrong with the indices, although they were searched
    counts: Mapping[datetime, int] = field(default_factory=dict)  # events by the start of their slice
    fetched: int = 0  # documents; events that an earlier search read are not fetched again
    searched: SearchedEvents | None = None  # what a live search need not read again; None: unknown
    hits: int = 0  # recorded for the first time
    by_rule: Mapping[str, int] = field(default_factory=dict)  # rule id → hits, recorded before or not
    alerts: int = 0  # opened
    by_level: Mapping[str, int] = field(default_factory=dict)  # level → alerts that were opened
    replaced_times: int = 0  # events with new hits whose `@timestamp` was replaced by the time field of the source
    failed: tuple[FailedSearch, ...] = ()  # to be searched again
    base_hits: tuple[BaseHit, ...] = ()  # for whoever evaluates the correlations; empty where the search did
    unreadable: tuple[UnreadableEvent, ...] = ()  # events that cannot be decoded or evaluated, each once
    undecided: tuple[UndecidedEvent, ...] = ()  # neither hits nor none; reported for the first time

    @property
    def is_complete(self) -> bool:
        """Whether every rule searched the window."""
        return not self.failed


@dataclass(slots=True)
class WindowProblems:
    """What kept rules from searching a window, or events from being evaluated."""

    failed: list[FailedSearch] = field(default_factory=list)
    unreadable: dict[tuple[str, str], UnreadableEvent] = field(default_factory=dict)  # by index and `_id`
    undecided: list[UndecidedEvent] = field(default_factory=list)

    def add_failure(self, outcome: FailedSearch) -> None:
        """Add a rule whose search failed; a refusal too: what an engine refuses today it may answer tomorrow."""
        self.failed.append(outcome)

    def result(self, window: Window) -> WindowResult:
        """Return the problems as part of the outcome of a window."""
        return WindowResult(
            window=window,
            failed=tuple(self.failed),
            unreadable=tuple(self.unreadable.values()),
            undecided=tuple(self.undecided),
        )


def counted(result: WindowResult, recorder: HitRecorder) -> WindowResult:
    """Return a result with what was recorded."""
    return replace(
        result,
        by_rule=dict(recorder.by_rule),
        hits=recorder.result.hits,
        alerts=len(recorder.result.alerts),
        by_level=dict(recorder.by_level),
        replaced_times=len(recorder.replaced_times),
    )


def refused_rules(recorder: HitRecorder, plans: Sequence[QueryPlan]) -> Iterator[FailedSearch]:
    """Yield the rules with hits that the state does not accept: they search the window again, and no other does."""
    refused: dict[str, list[RefusedHit]] = {}
    for entry in recorder.result.refused:
        refused.setdefault(entry.hit.rule.id, []).append(entry)
    for plan in plans:
        if entries := refused.get(plan.rule.id):
            more = f" ({len(entries) - 1:,} more)" if len(entries) > 1 else ""
            yield FailedSearch(plan=plan, error=Incomplete(f"{entries[0]}{more}"))
