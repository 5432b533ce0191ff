"""Digests of the events of slices: equal digests mean the same events, whatever the search that saw them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from watcher.digests import digest
from watcher.ports import Tallies, Tally

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MOST_SUMMED = 4_000  # times of a tally: more are not added exactly, so that digests leave them out


def slice_digests(tallies: Tallies, length: timedelta) -> Mapping[datetime, str]:
    """Return a digest for each slice of a length, joined from tallies of slices as long or shorter."""
    joined: dict[datetime, dict[str, Tally]] = defaultdict(dict)
    for (index, start), tally in tallies.items():
        floor = _EPOCH + (start - _EPOCH) // length * length
        joined[floor][index] = _joined(joined[floor].get(index), tally, (start - floor) // _MILLISECOND)
    return {start: digest(*_texts(by_index.items())) for start, by_index in joined.items()}


def _joined(previous: Tally | None, tally: Tally, offset: int) -> Tally:
    """Return the tally of both; `offset` are the milliseconds between the starts of their slices."""
    times = None if tally.milliseconds is None else tally.milliseconds + offset * tally.events
    if previous is None:
        return Tally(events=tally.events, total=tally.total, highest=tally.highest, milliseconds=times)
    return Tally(
        events=previous.events + tally.events,
        total=previous.total + tally.total,
        highest=max((number for number in (previous.highest, tally.highest) if number is not None), default=None),
        milliseconds=None if times is None or previous.milliseconds is None else previous.milliseconds + times,
    )


def _texts(by_index: Iterable[tuple[str, Tally]]) -> Iterable[str]:
    for index, tally in sorted(by_index, key=lambda entry: entry[0]):
        yield index
        yield str(tally.events)
        yield str(tally.total)
        yield str(tally.milliseconds if tally.events <= _MOST_SUMMED else None)
