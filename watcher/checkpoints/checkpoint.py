"""The checkpoint of a source, and the commands that change it: pure functions on values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher.checkpoints.gaps import SLICE, Gap, SearchedSpan, merge_gaps, slice_floor, without_span
from watcher.model import Window

_LOST_INDICES_LISTED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostIndices:
    """Indices that were deleted, and with them events that the late-event check still covers."""

    indices: tuple[str, ...]
    events: int
    noticed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderEvents:
    """The number of events before the span of the last late-event check."""

    before: datetime
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the search of a source has come."""

    since: datetime  # where it began
    watermark: datetime  # up to where the live search has come
    gaps: tuple[Gap, ...] = ()
    indices: tuple[str, ...] = ()  # searched by live searches since the last late-event check
    searched_as: str | None = None  # how settings select the source's events; None: by a version that did not store it
    lost_indices: tuple[LostIndices, ...] = ()
    last_late_check: datetime | None = None
    too_late: int = 0  # events that came after the last check of their time span
    older_events: OlderEvents | None = None  # the count that the next check compares with
    future_events: int = 0  # events dated further ahead than a check looks
    replaced_times: int = 0  # matched events whose `@timestamp` is too far from the time field of the source
    last_replaced_time: datetime | None = None  # when the last of them was searched

    def covers(self, start: datetime) -> bool:
        """Whether every rule completely searched the slice that begins at a time, in every index."""
        end = start + SLICE
        if start < slice_floor(self.since) or end > self.watermark:
            return False
        return not any(gap.window.start < end and start < gap.window.end for gap in self.gaps)

    def has_gap_in(self, window: Window) -> bool:
        """Whether a window overlaps a gap of every index."""
        return any(
            gap.window.start < window.end and window.start < gap.window.end for gap in self.gaps if not gap.indices
        )

    def has_gap_of_all_rules(self, start: datetime) -> bool:
        """Whether the slice that begins at a time overlaps a gap of every rule and every index.

        Where only some have a gap, the others still find late events there.
        """
        end = start + SLICE
        return any(
            gap.window.start < end and start < gap.window.end for gap in self.gaps if not gap.rules and not gap.indices
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Create the checkpoint where the state holds none."""

    since: datetime
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Move the watermark; it never moves back."""

    to: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIndices:
    """Add indices that the live search covered; what is gone stays listed until a late-event check reports it."""

    indices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIndices:
    """Replace the list of indices."""

    indices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSelection:
    """Store how settings select the events of the source."""

    searched_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddGaps:
    """Add spans that were not completely searched."""

    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseGaps(SearchedSpan):
    """Remove a span that was completely searched from the gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLostIndices:
    """Add deleted indices."""

    lost: LostIndices


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLateCheck:
    """Store the outcome of a late-event check."""

    at: datetime
    too_late: int  # additional events
    older_events: OlderEvents | None
    future_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountReplacedTimes:
    """Count matched events whose `@timestamp` was replaced by the time field of the source."""

    events: int  # matched for the first time
    at: datetime


Command = (
    Advance
    | AddIndices
    | RecordIndices
    | RecordSelection
    | AddGaps
    | CloseGaps
    | RecordLostIndices
    | RecordLateCheck
    | CountReplacedTimes
)


def apply(checkpoint: Checkpoint, commands: Iterable[Command]) -> Checkpoint:
    """Return the checkpoint after commands, applied in order."""
    for command in commands:
        checkpoint = reduce(checkpoint, command)
    return checkpoint


def reduce(checkpoint: Checkpoint, command: Command) -> Checkpoint:
    """Return the checkpoint after one command."""
    match command:
        case Advance(to=to):
            return replace(checkpoint, watermark=max(checkpoint.watermark, to))
        case AddIndices(indices=indices):
            return replace(checkpoint, indices=tuple(sorted({*checkpoint.indices, *indices})))
        case RecordIndices(indices=indices):
            return replace(checkpoint, indices=indices)
        case RecordSelection(searched_as=searched_as):
            return replace(checkpoint, searched_as=searched_as)
        case AddGaps(gaps=gaps):
            return replace(checkpoint, gaps=merge_gaps((*checkpoint.gaps, *gaps)))
        case CloseGaps():
            return replace(checkpoint, gaps=without_span(checkpoint.gaps, command))
        case RecordLostIndices(lost=lost):
            return replace(checkpoint, lost_indices=(*checkpoint.lost_indices, lost))
        case RecordLateCheck():
            return _with_late_check(checkpoint, command)
        case CountReplacedTimes(events=events, at=at):
            count = checkpoint.replaced_times + events
            return replace(checkpoint, replaced_times=count, last_replaced_time=at) if events else checkpoint


def _with_late_check(checkpoint: Checkpoint, check: RecordLateCheck) -> Checkpoint:
    return replace(
        checkpoint,
        last_late_check=check.at,
        too_late=checkpoint.too_late + check.too_late,
        older_events=check.older_events,
        future_events=check.future_events,
        lost_indices=tuple(
            lost for lost in checkpoint.lost_indices if check.at - lost.noticed < _LOST_INDICES_LISTED_FOR
        ),
    )
