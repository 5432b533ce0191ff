"""What a rule can ask of one event: the values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from watcher.match.document import NO_VALUES, WHOLE, Outline, Values, leaves, objects, walk
from watcher.match.value import fold, loosely
from watcher.model import Event
from watcher.taxonomy.build import Built, Listed
from watcher.taxonomy.fields import DATA, Reading, moved, reading
from watcher.taxonomy.logsources import Where

Asked = tuple[str, bool]
"""A Sigma field, and whether Security 4688 is read as process creation."""
_DATA_MAPS = ("winlog.event_data", "winlog.user_data")


class Remade(NamedTuple):
    """How a field's values are put together in events that hold none of them."""

    direct: tuple[str, ...]  # where they stand in events that do
    built: Built | Listed


def _is_unnamed(name: str) -> bool:
    return name.startswith("param") and name[5:].isdigit()


_MOST_KINDS = 4096
_READINGS: dict[tuple[str, str, bool], dict[str, Reading]] = {}  # by kind of event: the tables asked once


class EventView:
    """One event, asked by Sigma field names; answers are remembered."""

    __slots__ = ("_everything", "_fields", "_folded", "_readings", "_spread", "channel", "code", "event", "extra")

    def __init__(
        self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None, outline: Outline = WHOLE
    ) -> None:
        """Look at an event; fields whose paths lie without the outline have no values."""
        self.event = event
        self.extra = extra or {}  # the field mappings of settings
        self._spread = outline.values(event)
        self._fields: dict[Asked, Values] = {}
        self._folded: dict[Asked, Values] = {}
        self._everything: Values | None = None
        self.channel = self._spread.first.get("winlog.channel", "")
        self.code = self._spread.first.get("event.code") or self._spread.first.get("winlog.event_id", "")
        self._readings = (self._tables(process_audit=False), self._tables(process_audit=True))

    def at(self, path: str) -> Values:
        """Give every value at a path of the document."""
        return self._spread.at(path)

    def text(self) -> str:
        """Give all values of the document as one text, their case folded loosely."""
        return loosely(self._spread.text())

    def is_of(self, where: Where) -> bool:
        """Tell whether the event is of that channel and those codes."""
        if where.foreign and self.channel:
            return False
        if where.channel is not None and where.channel.lower() != self.channel.lower():
            return False
        return not where.codes or self.code in where.codes

    def values(self, field: str, *, process_audit: bool = False) -> Values:
        """Give the values of a Sigma field; with `process_audit` Security 4688 is read as process creation."""
        return self.asked((field, process_audit))

    def asked(self, asked: Asked) -> Values:
        """Give the values of a Sigma field as it is asked for."""
        found = self._fields.get(asked)
        if found is None:
            found = self._fields[asked] = self._read(asked)
        return found

    def folded(self, asked: Asked) -> Values:
        """Give the values of a Sigma field as it is asked for, their case folded."""
        found = self._folded.get(asked)
        if found is None:
            found = self._folded[asked] = tuple(map(fold, self.asked(asked)))
        return found

    def built(self, asked: Asked) -> tuple[Remade, ...]:
        """Tell how values of a field (empty: of any) may be put together that stand nowhere in the event's text.

        The answer is the same for all events of this channel and code.
        """
        if asked[0] not in ("", "Data", "EventData"):
            return self._put_together(asked)
        parts = moved(self._where(process_audit=False))
        return tuple(dict.fromkeys(one for name in parts for one in self._put_together((name, False))))

    def _put_together(self, asked: Asked) -> tuple[Remade, ...]:
        there = self._reading(asked)
        built = (one for one in there.built if isinstance(one, Listed) or not one.cut)
        return tuple(Remade(there.direct, one) for one in built)

    def remade(self, one: Remade) -> Values:
        """Give what is put together in this event, unless the field's values stand there as they are."""
        for path in one.direct:
            if path in self._spread.first:
                return NO_VALUES
        return self._made(one.built)

    def _tables(self, *, process_audit: bool) -> dict[str, Reading]:
        kind = (self.channel, self.code, process_audit)
        known = _READINGS.get(kind)
        if known is None:
            if len(_READINGS) >= _MOST_KINDS:  # whoever writes events may make up channels and codes without end
                _READINGS.clear()
            known = _READINGS.setdefault(kind, {})
        return known

    def _reading(self, asked: Asked) -> Reading:
        field, process_audit = asked
        known = self._readings[process_audit]
        found = known.get(field)
        if found is None:
            found = known[field] = reading(field, self._where(process_audit=process_audit))
        return found

    def _read(self, asked: Asked) -> Values:
        field = asked[0]
        there = self._reading(asked)
        direct = (*there.direct, *self.extra[field]) if field in self.extra else there.direct
        found = self._at_all(direct) or self._at_all(there.fallback)
        if found:
            return found
        if field in ("Data", "EventData"):
            return tuple(self._data(unnamed=field == "Data"))
        return self._built(there)

    def _where(self, *, process_audit: bool) -> Where:
        return Where(channel=self.channel or None, codes=(self.code,) if self.code else (), process_audit=process_audit)

    def _at_all(self, paths: tuple[str, ...]) -> Values:
        first = self._spread.first
        found = NO_VALUES
        for path in paths:
            if path in first:
                more = self._spread.at(path)
                if more != found:  # the same, most often, is the same again
                    found += more
        return found if len(found) < 2 else tuple(dict.fromkeys(found))

    def _built(self, there: Reading) -> Values:
        for built in there.built:
            made = self._made(built)
            if made:
                return made
        return NO_VALUES

    def _made(self, built: Built | Listed) -> Values:
        if isinstance(built, Listed):
            return built.make(tuple(one for node in walk(self.event, built.at.split(".")) for one in objects(node)))
        parts = {path: self._spread.at(path) for path in built.paths if path in self._spread.first}
        return built.make(parts) if parts else NO_VALUES

    def _data(self, *, unnamed: bool) -> Iterator[str]:
        there = set()
        for name, value in self._named_data():
            there.add(name)
            if not unnamed or _is_unnamed(name):
                yield from leaves(value)
        for name in moved(self._where(process_audit=False)):
            if name not in there and (not unnamed or _is_unnamed(name)):
                yield from self.values(name)

    def _named_data(self) -> Iterator[tuple[str, Any]]:
        for path in _DATA_MAPS:
            for node in walk(self.event, path.split(".")):
                if isinstance(node, Mapping):
                    yield from node.items()
        for key, value in self.event.items():  # dotted spelling at the top
            if key.startswith(DATA):
                yield key.split(".", 2)[2], value

    def everything(self) -> Values:
        """Give what a keyword is searched in: the message and all values of the event's data."""
        if self._everything is None:
            self._everything = (*self.at("message"), *self._data(unnamed=False))
        return self._everything
