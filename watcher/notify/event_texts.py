"""An event in whatever shape Winlogbeat sent it → visible texts by dotted path."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.match.flat_event import ALL_FIELDS
from watcher.model import Event
from watcher.notify.escaping import bounded_text

_MAX_DEPTH = 20  # engines index no deeper by default
_DEEPER = "{…}"


def event_texts(event: Event) -> Mapping[str, str]:
    """Return every value of an event by its dotted path; nested, dotted and mixed spelling come out the same."""
    texts: dict[str, str] = {}
    for path, values in ALL_FIELDS.flatten(event).items():
        names = path.split(".", _MAX_DEPTH)
        if len(names) > _MAX_DEPTH:
            texts[".".join(names[:_MAX_DEPTH])] = _DEEPER
        else:
            texts[path] = bounded_text(values)
    return texts
