"""What a rule can ask of one event: the values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from watcher.match.value import fold
from watcher.model import Event
from watcher.taxonomy.build import Built, Listed
from watcher.taxonomy.fields import DATA, Reading, moved, reading
from watcher.taxonomy.logsources import Where

Values = tuple[str, ...]
_NOTHING: Values = ()
_DATA_MAPS = ("winlog.event_data", "winlog.user_data")


def values_at(event: Event, path: str) -> Values:
    """Give every value at a path, as texts.

    The path's names may stand nested, dotted, or mixed; arrays, and arrays of objects, are flattened.
    Empty texts and nulls are no values.
    """
    return tuple(text for value in _walk(event, path.split(".")) for text in _texts(value))


@cache
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _walk(node: Any, names: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for one in node:
            yield from _walk(one, names)
        return
    if not isinstance(node, Mapping):
        return
    for count in range(1, len(names) + 1):
        key = names[0] if count == 1 else ".".join(names[:count])
        if key in node:
            if count == len(names):
                yield node[key]
            else:
                yield from _walk(node[key], names[count:])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, float):
        yield str(int(value)) if value.is_integer() else repr(value)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield from _texts(value)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _objects(one)


def _is_unnamed(name: str) -> bool:
    return name.startswith("param") and name[5:].isdigit()


_MOST_KINDS = 4096
_READINGS: dict[tuple[str, str, bool], dict[str, Reading]] = {}  # by kind of event: the tables asked once


class EventView:
    """One event, asked by Sigma field names; answers are remembered."""

    __slots__ = ("_dotted", "_fields", "_folded", "_paths", "channel", "code", "event", "extra")

    def __init__(self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.event = event
        self.extra = extra or {}  # the field mappings of settings
        self._paths: dict[str, Values] = {}
        self._dotted: dict[int, bool] = {}
        self._fields: dict[tuple[str, bool], Values] = {}
        self._folded: dict[tuple[str, bool], Values] = {}
        self.channel = (self.at("winlog.channel") or ("",))[0]
        self.code = (self.at("event.code") or self.at("winlog.event_id") or ("",))[0]

    def at(self, path: str) -> Values:
        """Give every value at a path of the document."""
        found = self._paths.get(path)
        if found is None:
            found = self._paths[path] = self._read_path(path)
        return found

    def _read_path(self, path: str) -> Values:
        """Read a path that is spelt nested, as Winlogbeat does, without a look at other spellings."""
        names = _names(path)
        node: Any = self.event
        for name in names:
            if not isinstance(node, dict) or self._is_dotted(node):
                return values_at(self.event, path)
            node = node.get(name)
            if node is None:
                return _NOTHING
        if isinstance(node, str):
            return (node,) if node else _NOTHING
        return tuple(_texts(node))

    def _is_dotted(self, node: dict[str, Any]) -> bool:
        """Tell whether a map has names with dots in them."""
        found = self._dotted.get(id(node))
        if found is None:
            found = self._dotted[id(node)] = "." in "".join(node)
        return found

    def is_of(self, where: Where) -> bool:
        """Tell whether the event is of that channel and those codes."""
        if where.channel is not None and where.channel.lower() != self.channel.lower():
            return False
        return not where.codes or self.code in where.codes

    def values(self, field: str, *, process_audit: bool = False) -> Values:
        """Give the values of a Sigma field; with `process_audit` Security 4688 is read as process creation."""
        key = (field, process_audit)
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = self._read(field, process_audit=process_audit)
        return found

    def folded(self, field: str, *, process_audit: bool = False) -> Values:
        """Give the values of a Sigma field, their case folded."""
        key = (field, process_audit)
        found = self._folded.get(key)
        if found is None:
            found = self._folded[key] = tuple(map(fold, self.values(field, process_audit=process_audit)))
        return found

    def folded_everything(self) -> Values:
        """Give what a keyword is searched in, its case folded."""
        key = ("", False)
        found = self._folded.get(key)
        if found is None:
            found = self._folded[key] = tuple(map(fold, self.everything()))
        return found

    def _reading(self, field: str, *, process_audit: bool) -> Reading:
        known = _READINGS.get((self.channel, self.code, process_audit))
        if known is None:
            if len(_READINGS) >= _MOST_KINDS:  # whoever writes events may make up channels and codes without end
                _READINGS.clear()
            known = _READINGS.setdefault((self.channel, self.code, process_audit), {})
        found = known.get(field)
        if found is None:
            found = known[field] = reading(field, self._where(process_audit=process_audit))
        return found

    def _read(self, field: str, *, process_audit: bool) -> Values:
        there = self._reading(field, process_audit=process_audit)
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
        found = _NOTHING
        for path in paths:
            more = self.at(path)
            if more:
                found = found + more if found else more
        return found if len(found) < 2 else tuple(dict.fromkeys(found))

    def _built(self, there: Reading) -> Values:
        for built in there.built:
            made = self._made(built)
            if made:
                return made
        return _NOTHING

    def _made(self, built: Built | Listed) -> Values:
        if isinstance(built, Listed):
            return built.make(tuple(one for node in _walk(self.event, built.at.split(".")) for one in _objects(node)))
        return built.make({path: self.at(path) for path in built.paths})

    def _data(self, *, unnamed: bool) -> Iterator[str]:
        there = set()
        for name, value in self._named_data():
            there.add(name)
            if not unnamed or _is_unnamed(name):
                yield from _leaves(value)
        for name in moved(self._where(process_audit=False)):
            if name not in there and (not unnamed or _is_unnamed(name)):
                yield from self.values(name)

    def _named_data(self) -> Iterator[tuple[str, Any]]:
        for path in _DATA_MAPS:
            for node in _walk(self.event, path.split(".")):
                if isinstance(node, Mapping):
                    yield from node.items()
        for key, value in self.event.items():  # dotted spelling at the top
            if key.startswith(DATA):
                yield key.split(".", 2)[2], value

    def everything(self) -> Values:
        """Give what a keyword is searched in: the message and all values of the event's data."""
        found = self._paths.get("")
        if found is None:
            found = self._paths[""] = (*self.at("message"), *self._data(unnamed=False))
        return found
