"""What the name of an index says of the time of its events, and indices that cannot be searched."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.model.windows import Window

_DATED = re.compile(r"(?P<series>.*?)(?<!\d)(?P<date>20\d\d[.-][01]\d(?:[.-][0-3]\d)?)(?P<generation>-\d{6})?")
_MARGIN = timedelta(days=1)  # names are in UTC or local time
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsearchableIndex:
    """An index whose events no search returns, and why."""

    index: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.index}`: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _DatedName:
    """A name that ends in a date: of the events, or of a rollover where a generation follows."""

    series: str
    start: datetime
    end: datetime  # of the day or month
    generation: str


def may_hold(index: str, window: Window, others: Collection[str] = ()) -> bool:
    """Whether an index may hold events of a window, as far as its name and those of the others say.

    A daily or monthly index holds the events of its date, within a day. An index of a rollover holds no events that are
    more than a day younger than the next of its series; how old its events are is unknown.
    """
    dated = _read_name(index)
    if dated is None:
        return True
    if not dated.generation:
        return dated.start - _MARGIN < window.end and window.start < dated.end + _MARGIN
    later = [
        other.end
        for other in map(_read_name, others)
        if other is not None and other.series == dated.series and other.generation > dated.generation
    ]
    return window.start < min(later, default=_LAST) + _MARGIN


def held_span(index: str, window: Window) -> Window:
    """Return the part of a window of which an index may hold events; it may hold some."""
    dated = _read_name(index)
    if dated is None or dated.generation:
        return window
    return Window(start=max(window.start, dated.start - _MARGIN), end=min(window.end, dated.end + _MARGIN))


def affecting(
    indices: Iterable[UnsearchableIndex], window: Window, others: Collection[str] = ()
) -> tuple[UnsearchableIndex, ...]:
    """Return the unsearchable indices that may hold events of a window, each once and sorted."""
    listed = {entry.index: entry for entry in indices}
    names = {*others, *listed}
    return tuple(listed[index] for index in sorted(listed) if may_hold(index, window, names))


def _read_name(index: str) -> _DatedName | None:
    match = _DATED.fullmatch(index)
    if match is None:
        return None
    numbers = [int(part) for part in re.split("[.-]", match["date"])]
    try:
        start = datetime(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1, tzinfo=UTC)
    except ValueError:
        return None  # not a date
    end = start + timedelta(days=1) if len(numbers) == 3 else (start + timedelta(days=32)).replace(day=1)
    return _DatedName(series=match["series"], start=start, end=end, generation=match["generation"] or "")
