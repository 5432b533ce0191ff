"""What a search tells correlations: base hits of a window, and which times were searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.correlate import Spans
from watcher.model import UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.timestamps import milliseconds

ReadBaseHits = Callable[[Window, frozenset[str]], Iterable[BaseHit]]
"""A window and ids of base rules → their base hits, read from the cluster."""


FindUnsearchable = Callable[[Window], Sequence[UnsearchableIndex]]
"""A window → the indices that may hold events of it, and cannot be searched now."""


def every_index_is_searched(_window: Window) -> Sequence[UnsearchableIndex]:
    """Return no index."""
    return ()


@dataclass(frozen=True, slots=True)
class CorrelatedSource:
    """A source whose events correlations count."""

    times: SearchTimes
    read: ReadBaseHits
    unsearchable: FindUnsearchable = every_index_is_searched

    @property
    def overlap(self) -> timedelta:
        """For so long events are late."""
        return self.times.overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedWindow:
    """The base hits of a window."""

    window: Window
    base_hits: Sequence[BaseHit]
    incomplete: frozenset[str] = frozenset()  # ids of rules that did not search all of it


def no_source_starts(_source: str) -> Mapping[str, datetime]:
    """Return no start of any rule."""
    return {}


def common_starts(rules: Iterable[str], starts: Sequence[Mapping[str, datetime]]) -> Mapping[str, int]:
    """Return since when all sources are searched by each of some rules; `starts` has it by rule for each source."""
    return {
        rule_id: milliseconds(max(each[rule_id] for each in starts))
        for rule_id in rules
        if all(rule_id in each for each in starts)
    }


def listed_starts(
    correlations: Iterable[Correlation], starts: Callable[[str], Mapping[str, datetime]], sources: Iterable[str]
) -> Mapping[str, int]:
    """Return since when all sources are searched by the correlation rules that expect listed groups."""
    listed = [entry.rule_id for entry in correlations if entry.groups]
    return common_starts(listed, [starts(name) for name in sources]) if listed else {}


def searched_spans(start: datetime, end: datetime, checkpoint: Checkpoint | None, rule_id: str) -> Spans:
    """Return the part between two times that a rule searched: without the gaps of the checkpoint."""
    gaps = () if checkpoint is None else checkpoint.gaps
    missing = [
        (milliseconds(gap.window.start), milliseconds(gap.window.end))
        for gap in gaps
        if not gap.rules or rule_id in gap.rules
    ]
    return Spans.of([(milliseconds(start), milliseconds(end))]).without(Spans.of(missing))
