"""Arrays and objects of any depth, walked without recursion; engines index what is nested in arrays as if it were not.

Elasticsearch and OpenSearch take documents of up to 1,000 levels, more than Python's recursion bears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watcher.model import Event

MOST_LEVELS = 64
"""How many levels of an event are kept as they are; engines index 20 levels of objects by default."""

NOTE = "watcher_note"
"""Under what name an event that was cut says so."""

_CUT = f"arrays within arrays were joined, and objects below level {MOST_LEVELS} replaced by their values"


def entries(values: list[Any]) -> Iterator[Any]:
    """Yield what an array holds, and what the arrays within it hold, in order."""
    waiting = [iter(values)]
    while waiting:
        for entry in waiting[-1]:
            if isinstance(entry, list):
                waiting.append(iter(entry))
                break
            yield entry
        else:
            waiting.pop()


def scalars(value: Any) -> Iterator[Any]:
    """Yield every value below a node that is neither array nor object, in order."""
    waiting: list[Iterator[Any]] = [iter((value,))]
    while waiting:
        for entry in waiting[-1]:
            if isinstance(entry, Mapping):
                waiting.append(iter(entry.values()))
                break
            if isinstance(entry, list):
                waiting.append(iter(entry))
                break
            yield entry
        else:
            waiting.pop()


def is_deep(event: Event) -> bool:
    """Return whether an event has more levels than are kept."""
    level: list[Any] = [event]
    for _ in range(MOST_LEVELS):
        level = [
            value
            for node in level
            for value in (node.values() if isinstance(node, Mapping) else node)
            if isinstance(value, Mapping | list)
        ]
        if not level:
            return False
    return True


def bounded(event: Event) -> Event:
    """Return an event without the levels that are too many, and with a note; any other as it is.

    Rules match it as they match the event itself.
    """
    if not is_deep(event):
        return event
    return {**{name: _bounded(value, MOST_LEVELS) for name, value in event.items()}, NOTE: _CUT}


def _bounded(value: Any, levels: int) -> Any:
    """Return a value with at most so many levels of objects."""
    if isinstance(value, list):
        return [_bounded(entry, levels) for entry in entries(value)]
    if not isinstance(value, Mapping):
        return value
    if not levels:
        return list(scalars(value))
    return {name: _bounded(inner, levels - 1) for name, inner in value.items()}
