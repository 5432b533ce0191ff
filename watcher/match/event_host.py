"""The computer that wrote an event, wherever the document holds its name.

`host.name` is the collector where events were forwarded; the event itself then names another computer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watcher.match.event_view import EventView
from watcher.match.flat_event import NO_VALUES, Values
from watcher.taxonomy.summary_fields import (
    COMPUTER_FIELDS,
    EMPTY_VALUE,
    HOST_NAME,
    HOST_PATHS,
    SYSLOG_DATASETS,
    SYSLOG_HOST,
    WRITER_PATHS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHost:
    """The names of the computer that wrote an event; empty where the event has none."""

    names: Values = NO_VALUES  # as the event holds them
    identity: Values = NO_VALUES  # what distinguishes it from other computers


def event_host(view: EventView) -> EventHost:
    """Return the computer that wrote an event.

    `host.name` counts unless the event itself names another computer. Names of other fields are compared without
    their case; `host.name` is compared as it is, so that alerts keep the ids of earlier versions.
    """
    names = _values(view, HOST_NAME)
    writer = _first(view, _writer_paths(view))
    if names and (not writer or any(is_same_host(name, writer) for name in names)):
        return EventHost(names=names, identity=names)
    name = writer or _first(view, HOST_PATHS)
    return EventHost(names=(name,), identity=(name.casefold(),)) if name else EventHost()


def is_same_host(name: str, other: str) -> bool:
    """Whether two names mean one computer: they are equal but for case, or one is the short form of the other."""
    short, long = sorted((name.casefold().rstrip("."), other.casefold().rstrip(".")), key=len)
    return short == long or ("." not in short and long.startswith(f"{short}."))


def _writer_paths(view: EventView) -> tuple[str, ...]:
    mapped = tuple(path for field in COMPUTER_FIELDS for path in view.extra.get(field, ()))
    is_syslog = not SYSLOG_DATASETS.isdisjoint(view.at("event.dataset"))
    return (*mapped, *WRITER_PATHS, *((SYSLOG_HOST,) if is_syslog else ()))


def _first(view: EventView, paths: Iterable[str]) -> str:
    return next((value for path in paths for value in _values(view, path)), "")


def _values(view: EventView, path: str) -> Values:
    return tuple(value for value in view.at(path) if value != EMPTY_VALUE)
