"""The group key of an event: what its alert is grouped by, and what distinguishes it from other keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from watcher.match.event_host import event_host
from watcher.match.event_summarizer import account
from watcher.match.event_view import EventView
from watcher.match.flat_event import Values
from watcher.taxonomy.summary_fields import HOST_NAME

GroupKey = tuple[tuple[str, str | None], ...]
"""The group-by fields with their values; None where an event has none."""

_USER = "User"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A group-by field with its values in an event."""

    field: str
    values: Values  # as the event holds them
    identity: Values  # what distinguishes them from other values of the field


def key_parts(view: EventView, group_by: Iterable[str]) -> tuple[KeyPart, ...]:
    """Return the values of the group-by fields in an event.

    A field is a path of the document; where that has no value, it is read as a Sigma field. `host.name` means the
    computer that wrote the event.
    """
    return tuple(_key_part(view, field) for field in group_by)


def _key_part(view: EventView, field: str) -> KeyPart:
    if field == HOST_NAME:
        host = event_host(view)
        return KeyPart(field=field, values=host.names, identity=host.identity)
    values = view.at(field) or _sigma_values(view, field)
    return KeyPart(field=field, values=values, identity=values)


def _sigma_values(view: EventView, field: str) -> Values:
    """Return the values of a Sigma field; events of the process audit are read as process creation too."""
    values = view.values(field) or view.values(field, process_audit=True)
    if values or field != _USER:
        return values
    domain, user = account(view)  # the Security log names its accounts by their role
    return (f"{domain}\\{user}" if domain else user,) if user else ()


def group_key(parts: Iterable[KeyPart]) -> GroupKey:
    """Return the group key as it is stored and shown; a missing value is a value of its own."""
    return tuple((part.field, "\n".join(sorted(set(part.values))) if part.values else None) for part in parts)


def key_identity(parts: Iterable[KeyPart]) -> Iterator[str]:
    """Yield the parts of the alert id that a group key decides."""
    for part in parts:
        yield part.field
        yield f"={_joined(part.identity)}" if part.identity else "absent"


def _joined(values: Values) -> str:
    """Return the values as one string, in any order the same, and different for different values."""
    ordered = sorted(set(values))
    if any("\n" in value for value in ordered):  # such a value could read like several
        return "\n" + json.dumps(ordered)
    return "\n".join(ordered)
