"""Small pictures of correlations: events on a time line, the window, and the moment of the alert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from watcher.catalogue.page_text import visible
from watcher.correlate.comparisons import is_absence, least_count
from watcher.correlate.correlation_texts import duration_text
from watcher.correlate.rule_terms import rule_terms
from watcher.model.correlations import ComparisonOperator, Correlation, CorrelationType

_WIDTH, _LEFT, _RIGHT = 640, 200, 620
_TOP, _LANE = 34, 30
_START, _END = 0.3, 0.8  # of the window, on the way from left to right
_MOST_LANES = 5
_MOST_MARKS = 5
_LONGEST = 26  # characters of a title
_LOWER = (ComparisonOperator.GT, ComparisonOperator.GTE, ComparisonOperator.EQ)
_ORDERED = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """The events of one base rule."""

    title: str
    marks: tuple[float, ...] = ()
    is_excluded: bool = False  # none of its events may occur


def time_line(correlation: Correlation, titles: Mapping[str, str]) -> str:
    """Return an SVG that shows when a correlation holds; `titles` are those of rules, by id."""
    lanes = tuple(_lanes(correlation, titles))
    height = _TOP + _LANE * len(lanes) + 34
    label = escape(f"Time line: {', '.join(lane.title for lane in lanes)}")
    parts = [
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">',
        *_window(correlation, len(lanes)),
        *(line for number, lane in enumerate(lanes) for line in _lane(lane, number)),
        *_alert(len(lanes)),
        "</svg>",
    ]
    return "\n".join(parts)


def _lanes(correlation: Correlation, titles: Mapping[str, str]) -> Iterator[_Lane]:
    bases = correlation.base_rules[:_MOST_LANES]
    excluded = frozenset[str]()
    if correlation.boolean is not None:
        asked = rule_terms(correlation.boolean)[0]
        excluded = asked.excluded
        bases = tuple(base for base in bases if base in asked.asked | excluded)
    counted = [base for base in bases if base not in excluded]
    for base in bases:
        marks = () if base in excluded else tuple(_marks(correlation, counted, base))
        yield _Lane(title=_short(titles.get(base, base)), marks=marks, is_excluded=base in excluded)
    if len(correlation.base_rules) > len(bases) and correlation.boolean is None:
        yield _Lane(title=f"… and {len(correlation.base_rules) - len(bases)} more")


def _marks(correlation: Correlation, bases: Sequence[str], base: str) -> Iterator[float]:
    """Yield where the events of a base rule are drawn."""
    place, count = bases.index(base), len(bases)
    if is_absence(correlation):
        yield from (_START - 0.1 * step for step in (2, 1, 0))
        return
    if correlation.type is CorrelationType.NEW_VALUE:
        yield _END
        return
    if correlation.type in _ORDERED:
        yield _END - (count - 1 - place) * (_END - _START - 0.08) / max(1, count - 1)
        return
    if correlation.type is CorrelationType.SPIKE:
        yield from (0.04, 0.16, 0.24)
    lower = [comparison for comparison in correlation.comparisons if comparison.operator in _LOWER]
    total = max(count, min(_MOST_MARKS, least_count(lower)))
    places = [_END - number * (_END - _START - 0.06) / max(1, total - 1) for number in range(total)]
    yield from reversed(places[place::count])


def _short(title: str) -> str:
    shown = visible(title)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _x(place: float) -> int:
    return round(_LEFT + place * (_RIGHT - _LEFT))


def _window(correlation: Correlation, lanes: int) -> Iterator[str]:
    start, end, bottom = _x(_START), _x(_END), _TOP + _LANE * lanes
    name = "quiet" if is_absence(correlation) or correlation.type is CorrelationType.NEW_VALUE else "window"
    size = f'width="{end - start}" height="{bottom - _TOP + 12}"'
    yield f'<rect class="{name}" x="{start}" y="{_TOP - 8}" {size} rx="4"/>'
    text = escape(duration_text(correlation.timespan))
    yield f'<text x="{(start + end) // 2}" y="{bottom + 22}" text-anchor="middle">{text}</text>'


def _lane(lane: _Lane, number: int) -> Iterator[str]:
    y = _TOP + _LANE * number + 10
    yield f'<text x="{_LEFT - 12}" y="{y + 5}" text-anchor="end">{escape(lane.title)}</text>'
    style = "axis excluded" if lane.is_excluded else "axis"
    yield f'<line class="{style}" x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}"/>'
    if lane.is_excluded:
        yield f'<text class="none" x="{_x((_START + _END) / 2)}" y="{y + 5}" text-anchor="middle">no event</text>'
    yield from (f'<circle class="event" cx="{_x(mark)}" cy="{y}" r="6"/>' for mark in lane.marks)


def _alert(lanes: int) -> Iterator[str]:
    x, bottom = _x(_END), _TOP + _LANE * lanes + 4
    yield f'<line class="alert" x1="{x}" y1="{_TOP - 14}" x2="{x}" y2="{bottom}"/>'
    yield f'<text class="alert" x="{x}" y="{_TOP - 18}" text-anchor="middle">alert</text>'
