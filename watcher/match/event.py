"""What a rule can ask of one event: the values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watcher.match.value import fold
from watcher.model import Event
from watcher.taxonomy.fields import DATA, Reading, reading
from watcher.taxonomy.logsources import Where

Values = tuple[str, ...]
_NOTHING: Values = ()
_DATA_MAPS = ("winlog.event_data", "winlog.user_data")
_MOVED_OUT_OF_DATA = (  # what the modules take out of the event's data; keywords search it too
    "process.executable",
    "process.command_line",
    "process.working_directory",
    "process.title",
    "process.parent.executable",
    "process.parent.command_line",
    "process.pe.original_file_name",
    "process.hash",
    "process.pe.imphash",
    "file.path",
    "file.name",
    "file.hash",
    "file.pe",
    "registry.path",
    "registry.data.strings",
    "source.ip",
    "source.port",
    "source.domain",
    "destination.ip",
    "destination.port",
    "destination.domain",
    "dns.question.name",
    "dns.answers",
    "user.name",
    "user.domain",
    "rule.name",
    "powershell",
    "related.ip",
)


def values_at(event: Event, path: str) -> Values:
    """Give every value at a path, as texts.

    The path's names may stand nested, dotted, or mixed; arrays, and arrays of objects, are flattened.
    Empty texts and nulls are no values.
    """
    return tuple(text for value in _walk(event, path.split(".")) for text in _texts(value))


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


class EventView:
    """One event, asked by Sigma field names; answers are remembered."""

    __slots__ = ("_fields", "_folded", "_paths", "channel", "code", "event", "extra")

    def __init__(self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.event = event
        self.extra = extra or {}  # the field mappings of settings
        self._paths: dict[str, Values] = {}
        self._fields: dict[tuple[str, bool], Values] = {}
        self._folded: dict[tuple[str, bool], Values] = {}
        self.channel = (self.at("winlog.channel") or ("",))[0]
        self.code = (self.at("event.code") or self.at("winlog.event_id") or ("",))[0]

    def at(self, path: str) -> Values:
        """Give every value at a path of the document."""
        found = self._paths.get(path)
        if found is None:
            found = self._paths[path] = values_at(self.event, path)
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

    def _read(self, field: str, *, process_audit: bool) -> Values:
        where = Where(
            channel=self.channel or None, codes=(self.code,) if self.code else (), process_audit=process_audit
        )
        there = reading(field, where)
        direct = (*there.direct, *self.extra.get(field, ()))
        found = self._at_all(direct) or self._at_all(there.fallback) or self._built(there)
        if found or field not in ("Data", "EventData"):
            return found
        return tuple(self._data(unnamed=field == "Data"))

    def _at_all(self, paths: tuple[str, ...]) -> Values:
        found = [value for path in paths for value in self.at(path)]
        return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)

    def _built(self, there: Reading) -> Values:
        for built in there.built:
            made = built.make({path: self.at(path) for path in built.paths})
            if made:
                return made
        return _NOTHING

    def _data(self, *, unnamed: bool) -> Iterator[str]:
        for name, value in self._named_data():
            if not unnamed or (name.startswith("param") and name[5:].isdigit()):
                yield from _leaves(value)

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
            moved = (
                leaf
                for path in _MOVED_OUT_OF_DATA
                for node in _walk(self.event, path.split("."))
                for leaf in _leaves(node)
            )
            found = self._paths[""] = (*self.at("message"), *self._data(unnamed=False), *moved)
        return found
