"""What was searched, and what was not: live edge, holes, counts by slice, and since when each rule is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from watcher.checkpoints.gaps import SLICE, Gap, merge_gaps, slice_floor, slices
from watcher.model import Rule, Window
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, read_timestamp

_DAY = timedelta(days=1)
_UNTOLD = timedelta(hours=1)  # before the edge: where a note of version 1, which does not tell, is taken to begin


@dataclass(frozen=True, slots=True, kw_only=True)
class LostIndices:
    """Indices that are gone, and with them events of the span that is swept."""

    indices: tuple[str, ...]
    events: int
    noticed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the search of a source has come."""

    since: datetime  # where it began
    until: datetime  # the live edge
    gaps: tuple[Gap, ...] = ()
    indices: tuple[str, ...] = ()  # that were searched last
    lost_indices: tuple[LostIndices, ...] = ()
    swept: datetime | None = None  # when the last sweep was
    older: int = 0  # events that came too late for any sweep
    counted: tuple[datetime, int] | None = None  # how many events lay before a moment that no sweep reaches
    ahead: int = 0  # events dated further ahead than a sweep looks

    def covers(self, moment: datetime) -> bool:
        """Tell whether the slice that begins at a moment was searched whole by every rule."""
        end = moment + SLICE
        if moment < slice_floor(self.since) or end > self.until:
            return False
        return not any(gap.window.start < end and moment < gap.window.end for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The coverage of sources, kept as notes."""

    notes: StateDocuments

    # ---- live edge and holes

    def read(self, source: str) -> Checkpoint | None:
        """Tell how far the search of a source has come; None where it never began."""
        body = self.notes.read(_live(source))
        return None if body is None else _covered(body)

    def change(self, source: str, change: Callable[[Checkpoint | None], Checkpoint], *, now: datetime) -> Checkpoint:
        """Change what is known of a source; `change` may be called again where somebody else wrote meanwhile."""

        def made(body: Body | None) -> Body:
            return _as_body(change(None if body is None else _covered(body)))

        written = self.notes.change(_live(source), made, now=now)
        assert written is not None  # noqa: S101 - `made` never gives None
        return _covered(written)

    # ---- counts

    def counted(self, source: str, window: Window) -> Mapping[datetime, int]:
        """Tell how many events each slice held when it was last searched; slices without any are left out."""
        days = tuple(_days(window))
        found = self.notes.read_all([_day_note(source, day) for day in days])
        told = {
            day + SLICE * int(number): int(count)
            for day, body in zip(days, found, strict=True)
            for number, count in ((body or {}).get("counts") or {}).items()
        }
        return {start: count for start, count in told.items() if slice_floor(window.start) <= start < window.end}

    def count(self, source: str, window: Window, steps: Mapping[datetime, int], *, now: datetime) -> None:
        """Note how many events each slice of a window held when it was searched."""
        for day in _days(window):
            starts = [start for start in slices(window) if _day(start) == day]

            def made(body: Body | None, day: datetime = day, starts: Sequence[datetime] = starts) -> Body | None:
                counts = dict((body or {}).get("counts") or {})
                for start in starts:
                    number = str((start - day) // SLICE)
                    counts.pop(number, None)
                    if steps.get(start):
                        counts[number] = steps[start]
                return {"counts": counts} if counts or body is not None else None

            self.notes.change(_day_note(source, day), made, now=now)

    # ---- rules

    def watched(self, source: str, rules: Iterable[Rule], edge: datetime, *, now: datetime) -> Mapping[str, datetime]:
        """Note which rules are watched, and tell since when each is.

        A new rule begins at the live edge, a changed one keeps when it began, one that is gone is forgotten.
        """
        named = {rule.id: rule.hash for rule in rules}

        def made(body: Body | None) -> Body:
            known = (body or {}).get("rules") or {}
            return {
                "rules": {
                    name: {"since": known[name]["since"] if name in known else format_timestamp(edge), "hash": digest}
                    for name, digest in named.items()
                }
            }

        written = self.notes.change(DocumentKey(kind="rules", source=source), made, now=now) or {}
        return {name: read_timestamp(told["since"]) for name, told in written["rules"].items()}

    def since(self, source: str) -> Mapping[str, datetime]:
        """Tell since when each rule of a source is watched."""
        body = self.notes.read(DocumentKey(kind="rules", source=source)) or {}
        return {name: read_timestamp(told["since"]) for name, told in (body.get("rules") or {}).items()}


def with_gap(checkpoint: Checkpoint, gap: Gap) -> Checkpoint:
    """Add a hole."""
    return replace(checkpoint, gaps=merge_gaps((*checkpoint.gaps, gap)))


# --------------------------------------------------------------------------- as documents


def _live(source: str) -> DocumentKey:
    return DocumentKey(kind="live", source=source)


def _day_note(source: str, day: datetime) -> DocumentKey:
    return DocumentKey(kind="counts", source=source, of=f"{day:%Y-%m-%d}")


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(window: Window) -> Iterator[datetime]:
    day = _day(window.start)
    while day < window.end:
        yield day
        day += _DAY


def _covered(body: Body) -> Checkpoint:
    until = read_timestamp(body["until"])
    counted = body.get("counted")
    return Checkpoint(
        since=read_timestamp(body["since"]) if body.get("since") else until - _UNTOLD,
        until=until,
        gaps=tuple(_gap(one) for one in body.get("holes") or ()),
        indices=tuple(body.get("indices") or ()),
        lost_indices=tuple(
            LostIndices(
                indices=tuple(one["indices"]), events=int(one["events"]), noticed=read_timestamp(one["noticed"])
            )
            for one in body.get("gaps") or ()
        ),
        swept=read_timestamp(body["swept"]) if body.get("swept") else None,
        older=int(body.get("older") or 0),
        counted=(read_timestamp(counted["before"]), int(counted["events"])) if counted else None,
        ahead=int(body.get("ahead") or 0),
    )


def _gap(told: Mapping[str, Any]) -> Gap:
    return Gap(
        window=Window(start=read_timestamp(told["start"]), end=read_timestamp(told["end"])),
        reason=str(told["reason"]),
        rules=tuple(told.get("rules") or ()),
        attempts=int(told.get("attempts") or 0),
        due=read_timestamp(told["due"]),
    )


def _as_body(checkpoint: Checkpoint) -> Body:
    return {
        "since": format_timestamp(checkpoint.since),
        "until": format_timestamp(checkpoint.until),
        "holes": [
            {
                "start": format_timestamp(gap.window.start),
                "end": format_timestamp(gap.window.end),
                "reason": gap.reason[:1000],
                "rules": list(gap.rules),
                "attempts": gap.attempts,
                "due": format_timestamp(gap.due),
            }
            for gap in checkpoint.gaps
        ],
        "indices": list(checkpoint.indices),
        "gaps": [
            {
                "indices": list(lost_index.indices),
                "events": lost_index.events,
                "noticed": format_timestamp(lost_index.noticed),
            }
            for lost_index in checkpoint.lost_indices
        ],
        "swept": format_timestamp(checkpoint.swept) if checkpoint.swept else None,
        "older": checkpoint.older,
        "counted": {"before": format_timestamp(checkpoint.counted[0]), "events": checkpoint.counted[1]}
        if checkpoint.counted
        else None,
        "ahead": checkpoint.ahead,
    }
