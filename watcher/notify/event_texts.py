"""An event in whatever shape Winlogbeat sent it → visible texts by dotted path."""

from __future__ import annotations

from watcher.match.flat_event import ALL_FIELDS
from watcher.model import Event
from watcher.notify.escaping import bounded_text

_MAX_DEPTH = 20  # engines index no deeper by default
_DEEPER = "{…}"


class EventTexts(dict[str, str]):
    """The values of an event by path; a path that the event lacks has the empty string, in every spelling."""

    def get(self, path: str, default: str = "") -> str:  # type: ignore[override] # never None: templates would show it
        """Return the value of a path, the empty string where the event lacks it."""
        return super().get(path, default)

    def __missing__(self, path: str) -> str:
        return ""


def event_texts(event: Event) -> EventTexts:
    """Return every value of an event by its dotted path; nested, dotted and mixed spelling come out the same."""
    texts = EventTexts()
    for path, values in ALL_FIELDS.flatten(event).items():
        names = path.split(".", _MAX_DEPTH)
        if len(names) > _MAX_DEPTH:
            texts[".".join(names[:_MAX_DEPTH])] = _DEEPER
        else:
            texts[path] = bounded_text(values)
    return texts
