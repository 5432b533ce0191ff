"""What was searched, and what was not: live edge, holes, counts by slice, and since when each rule is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from watcher.decide.documents import iso
from watcher.decide.notes import Body, Name, Notes
from watcher.decide.span import SLICE, Hole, floor, joined, slices
from watcher.match.instant import instant
from watcher.model import Rule, Window

_DAY = timedelta(days=1)
_UNTOLD = timedelta(hours=1)  # before the edge: where a note of version 1, which does not tell, is taken to begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Indices that are gone, and with them events of the span that is swept."""

    indices: tuple[str, ...]
    events: int
    noticed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How far the search of a source has come."""

    since: datetime  # where it began
    until: datetime  # the live edge
    holes: tuple[Hole, ...] = ()
    indices: tuple[str, ...] = ()  # that were searched last
    gaps: tuple[Gap, ...] = ()
    swept: datetime | None = None  # when the last sweep was
    older: int = 0  # events that came too late for any sweep
    counted: tuple[datetime, int] | None = None  # how many events lay before a moment that no sweep reaches
    ahead: int = 0  # events dated further ahead than a sweep looks

    def covers(self, moment: datetime) -> bool:
        """Tell whether the slice that begins at a moment was searched whole by every rule."""
        end = moment + SLICE
        if moment < floor(self.since) or end > self.until:
            return False
        return not any(hole.window.start < end and moment < hole.window.end for hole in self.holes)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of sources, kept as notes."""

    notes: Notes

    # ---- live edge and holes

    def read(self, source: str) -> Covered | None:
        """Tell how far the search of a source has come; None where it never began."""
        body = self.notes.read(_live(source))
        return None if body is None else _covered(body)

    def change(self, source: str, change: Callable[[Covered | None], Covered], *, now: datetime) -> Covered:
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
        return {start: count for start, count in told.items() if floor(window.start) <= start < window.end}

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
                    name: {"since": known[name]["since"] if name in known else iso(edge), "hash": digest}
                    for name, digest in named.items()
                }
            }

        written = self.notes.change(Name(kind="rules", source=source), made, now=now) or {}
        return {name: _moment(told["since"]) for name, told in written["rules"].items()}

    def since(self, source: str) -> Mapping[str, datetime]:
        """Tell since when each rule of a source is watched."""
        body = self.notes.read(Name(kind="rules", source=source)) or {}
        return {name: _moment(told["since"]) for name, told in (body.get("rules") or {}).items()}


def failed(covered: Covered, hole: Hole) -> Covered:
    """Add a hole."""
    return replace(covered, holes=joined((*covered.holes, hole)))


# --------------------------------------------------------------------------- as documents


def _live(source: str) -> Name:
    return Name(kind="live", source=source)


def _day_note(source: str, day: datetime) -> Name:
    return Name(kind="counts", source=source, of=f"{day:%Y-%m-%d}")


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(window: Window) -> Iterator[datetime]:
    day = _day(window.start)
    while day < window.end:
        yield day
        day += _DAY


def _moment(text: object) -> datetime:
    moment = instant(str(text))
    if moment is None:
        raise ValueError(f"`{text}` in the state is no time")
    return moment


def _covered(body: Body) -> Covered:
    until = _moment(body["until"])
    counted = body.get("counted")
    return Covered(
        since=_moment(body["since"]) if body.get("since") else until - _UNTOLD,
        until=until,
        holes=tuple(_hole(one) for one in body.get("holes") or ()),
        indices=tuple(body.get("indices") or ()),
        gaps=tuple(
            Gap(indices=tuple(one["indices"]), events=int(one["events"]), noticed=_moment(one["noticed"]))
            for one in body.get("gaps") or ()
        ),
        swept=_moment(body["swept"]) if body.get("swept") else None,
        older=int(body.get("older") or 0),
        counted=(_moment(counted["before"]), int(counted["events"])) if counted else None,
        ahead=int(body.get("ahead") or 0),
    )


def _hole(told: Mapping[str, Any]) -> Hole:
    return Hole(
        window=Window(start=_moment(told["start"]), end=_moment(told["end"])),
        reason=str(told["reason"]),
        rules=tuple(told.get("rules") or ()),
        attempts=int(told.get("attempts") or 0),
        due=_moment(told["due"]),
    )


def _as_body(covered: Covered) -> Body:
    return {
        "since": iso(covered.since),
        "until": iso(covered.until),
        "holes": [
            {
                "start": iso(hole.window.start),
                "end": iso(hole.window.end),
                "reason": hole.reason[:1000],
                "rules": list(hole.rules),
                "attempts": hole.attempts,
                "due": iso(hole.due),
            }
            for hole in covered.holes
        ],
        "indices": list(covered.indices),
        "gaps": [
            {"indices": list(gap.indices), "events": gap.events, "noticed": iso(gap.noticed)} for gap in covered.gaps
        ],
        "swept": iso(covered.swept) if covered.swept else None,
        "older": covered.older,
        "counted": {"before": iso(covered.counted[0]), "events": covered.counted[1]} if covered.counted else None,
        "ahead": covered.ahead,
    }
