"""Events whose JSON text is at hand: required literals are searched in it, and most events are never flattened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from watcher.match.event_view import NOTHING_ADDED, EventKey, EventView, RebuiltField
from watcher.match.flat_event import ALL_FIELDS, NO_VALUES, Values
from watcher.model import Event
from watcher.taxonomy.computed_fields import ComputedFromObjects
from watcher.taxonomy.field_locations import DATA

_ESCAPES = ((b'\\"', b'"'), (b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r"), (b"\\/", b"/"))
_EVENT_DATA = DATA[0]


def view_of_json(event: Event, text: bytes, extra: Mapping[str, tuple[str, ...]]) -> EventView:
    """Return the view of an event, which is flattened later where its form is the common one.

    The text is the JSON of the event and has no number with a fraction or an exponent, which may be written otherwise
    than rules read it.
    """
    winlog, ecs = event.get("winlog"), event.get("event")
    if type(winlog) is dict and type(ecs) is dict and "EventID" not in extra and "." not in "".join(event):
        channel, code, number = winlog.get("channel"), ecs.get("code"), winlog.get("event_id")
        if channel and code and type(channel) is str and type(code) is str and type(number) in (str, int):
            searched = _folded_text(text)
            if searched is not None:
                key = EventKey(channel, code, is_windows=True)
                return _JsonView(event, searched, extra, key, plain=str(number) == code)
    return EventView(event, extra)


def _folded_text(text: bytes) -> bytes | None:
    """Return a JSON text in lower case and without escapes; None where it has others than the common ones.

    It contains every string that a value contains, and names beside them: rules that are then evaluated decide.
    """
    if not text.isascii():
        return None
    folded = text.lower()
    if b"\\" not in folded:
        return folded
    folded = folded.replace(b"\\\\", b"\0")
    if b"\\" in folded:
        for escape, character in _ESCAPES:
            folded = folded.replace(escape, character)
        if b"\\" in folded:
            return None
    return folded.replace(b"\0", b"\\")


class _JsonView(EventView):
    """A view that is flattened when a value is asked for."""

    __slots__ = ("_plain", "_searched")

    def __init__(
        self, event: Event, searched: bytes, extra: Mapping[str, tuple[str, ...]], key: EventKey, *, plain: bool
    ) -> None:
        self._searched = searched
        self._plain = plain
        self._added = NOTHING_ADDED
        self._begin(event, extra, key)

    def __getattr__(self, name: str) -> Any:
        if name != "_flat":
            raise AttributeError(name)
        self._flat = ALL_FIELDS.flatten(self.event)
        return self._flat

    def at(self, path: str) -> Values:
        value = self.event.get(path)  # no name at the top has a dot, so nothing else is at its path
        return (value,) if value and type(value) is str else super().at(path)

    def is_plain(self) -> bool:
        return self._plain

    def searched_text(self) -> bytes:
        return self._searched

    def rebuild(self, rebuilt: RebuiltField) -> Values:
        names, roots = _quick(rebuilt)
        data = self.event["winlog"].get("event_data")
        if type(data) is dict:
            for name in names:
                value = data.get(name)
                if value and type(value) is str:
                    return NO_VALUES
        if roots.isdisjoint(self.event):
            return NO_VALUES
        return super().rebuild(rebuilt)


@lru_cache(maxsize=4096)
def _quick(rebuilt: RebuiltField) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names of event data that hold a field, and the names at the top of documents without it."""
    names = tuple(path.removeprefix(_EVENT_DATA) for path in rebuilt.direct if path.startswith(_EVENT_DATA))
    computed = rebuilt.computed
    paths = (computed.list_path,) if isinstance(computed, ComputedFromObjects) else computed.paths
    return names, frozenset(path.partition(".")[0] for path in paths)
