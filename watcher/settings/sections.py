"""One map of watcher.yml: takes its keys one by one, and collects every fault instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.settings.secret import Secret
from watcher.settings.value_readers import Reader, T, invalid, line, text, unset, wrong
from watcher.yaml_nodes.nodes import Entry, ListNode, MapNode, ScalarNode, YamlNode

_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{)")


class FaultySettingsError(SettingsError):
    """Everything that is wrong with a settings file: one line per fault, in the order of the file."""

    def __init__(self, faults: tuple[SettingsError, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(slots=True, kw_only=True)
class Reading:
    """What reading a file goes along with: the folder that paths are relative to, and the faults so far."""

    folder: Path
    faults: list[SettingsError] = field(default_factory=list)
    unresolved: set[Location] = field(default_factory=set)  # values whose variable is missing: noted, not judged again

    def note(self, fault: SettingsError) -> None:
        """Keep a fault for the end."""
        self.faults.append(fault)

    def path(self, node: YamlNode) -> Path:
        """Read a path, relative to the settings file; `~` is the home folder."""
        return self.folder / Path(text(node)).expanduser()

    def file(self, node: YamlNode) -> Path:
        """Read the path of a file that is there."""
        path = self.path(node)
        if not path.is_file():
            raise invalid(node.location, f"there is no file `{path}`", "give a path relative to the settings file")
        return path

    def directory(self, node: YamlNode) -> Path:
        """Read the path of a folder that is there."""
        path = self.path(node)
        if not path.is_dir():
            raise invalid(node.location, f"there is no folder `{path}`", "give a path relative to the settings file")
        return path

    def content(self, node: YamlNode) -> str:
        """Read the secret that a file holds, without the line's end."""
        path = self.path(node)
        try:
            held = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
            raise invalid(
                node.location, f"the file `{path}` cannot be read: {reason}", "check the path and who may read it"
            ) from None
        if not held:
            raise invalid(node.location, f"the file `{path}` is empty", "write the secret into it")
        return held


class Section:
    """The keys of one map; what is not taken from it by the end is no setting."""

    def __init__(self, node: YamlNode, where: str, reading: Reading) -> None:
        if not isinstance(node, MapNode):
            raise wrong(node, f"a map of settings in `{where}`" if where else "a map of settings")
        self.node: MapNode = node
        self.where = where
        self.reading = reading
        self.known: list[str] = []
        note_duplicates(node, where, reading)

    @property
    def location(self) -> Location:
        """Where the map starts."""
        return self.node.location

    def take(self, key: str, reader: Reader[T], default: T) -> T:
        """Read the value of a key; where it is missing or faulty, the default stands in."""
        self.known.append(key)
        node = self._find(key)
        if node is None:
            return default
        try:
            return reader(node)
        except SettingsError as fault:
            self.reading.note(about(fault, self.path(key)))
            return default

    def need(self, key: str, reader: Reader[T], stand_in: T) -> T:
        """Read a key that must be there; the stand-in is never used, for the fault is reported at the end."""
        if not self.has(key):
            self.missing(key, "")
        return self.take(key, reader, stand_in)

    def missing(self, key: str, fix: str) -> None:
        """Report a key that must be there, unless it was to come from a variable that was reported already."""
        if self.location_of(key) not in self.reading.unresolved:
            self.reading.note(invalid(self.location_of(key), f"`{self.path(key)}` is missing", fix, "missing-key"))

    def together(self, *keys: str) -> None:
        """Report where only some of the keys are given that have a meaning together."""
        given = [key for key in keys if self.has(key) or self.has(f"{key}_file")]
        for key in keys:
            if given and key not in given:
                self.missing(key, f"`{self.path(given[0])}` needs it")

    def secret(self, key: str) -> Secret | None:
        """Read a secret, given as it is or as the file that holds it (`<key>_file`)."""
        beside = f"{key}_file"
        if self.has(key) and self.has(beside):
            message = f"`{self.path(key)}` and `{self.path(beside)}` are both given"
            self.reading.note(invalid(self.location_of(beside), message, "keep one of them"))
        direct = self.take(key, line, "")
        held = self.take(beside, self.reading.content, "")
        return Secret(direct or held) if direct or held else None

    def inner(self, key: str) -> Section:
        """Give the map that stands at a key, an empty one where there is none."""
        self.known.append(key)
        empty = MapNode(entries=(), location=self.location)
        try:
            return Section(self._find(key) or empty, self.path(key), self.reading)
        except SettingsError as fault:
            self.reading.note(fault)
            return Section(empty, self.path(key), self.reading)

    def sections(self, key: str) -> Iterator[Section]:
        """Give the maps of a list, or the one map that stands there alone."""
        self.known.append(key)
        node = self._find(key)
        for item in node.items if isinstance(node, ListNode) else () if node is None else (node,):
            try:
                yield Section(item, self.path(key), self.reading)
            except SettingsError as fault:
                self.reading.note(fault)

    def named(self, key: str) -> Iterator[Entry]:
        """Give the entries of a map whose keys the user chose."""
        self.known.append(key)
        node = self._find(key)
        if node is None:
            return
        if not isinstance(node, MapNode):
            self.reading.note(wrong(node, f"a map in `{self.path(key)}`"))
            return
        note_duplicates(node, self.path(key), self.reading)
        yield from node.entries

    def has(self, key: str) -> bool:
        """Tell whether the key has a value."""
        return self._find(key) is not None

    def path(self, key: str) -> str:
        """Give the whole path of a key, e.g. `cluster.hosts`."""
        return f"{self.where}.{key}" if self.where else key

    def add(self, key: str, values: Iterable[str], location: Location) -> None:
        """Put a list of texts at a key that the file does not give."""
        items = tuple(ScalarNode(value=value, text=value, quoted=True, location=location) for value in values)
        value = ListNode(items=items, location=location) if len(items) > 1 else items[0]
        entry = Entry(key=key, key_text=key, key_location=location, value=value)
        self.node = replace(self.node, entries=(*self.node.entries, entry))

    def close(self) -> None:
        """Report the keys that are no settings."""
        for entry in self.node.entries:
            if entry.key_text not in self.known:
                near = get_close_matches(entry.key_text, self.known, n=1)
                guess = f"did you mean `{near[0]}`? " if near else ""
                allowed = ", ".join(f"`{key}`" for key in self.known)
                message = f"`{self.path(entry.key_text)}` is no setting"
                self.reading.note(
                    invalid(entry.key_location, message, f"{guess}allowed here: {allowed}", "unknown-key")
                )

    def location_of(self, key: str) -> Location:
        """Give the place of a key's value, that of the map where there is none."""
        found = [entry.value.location for entry in self.node.entries if entry.key_text in {key, f"{key}_file"}]
        return found[-1] if found else self.location

    def _find(self, key: str) -> YamlNode | None:
        found = [entry.value for entry in self.node.entries if entry.key_text == key]
        return found[-1] if found and not unset(found[-1]) else None


def note_duplicates(node: MapNode, where: str, reading: Reading) -> None:
    """Report the keys that stand more than once."""
    for first, *others in node.duplicates():
        for entry in others:
            key = f"{where}.{entry.key_text}" if where else entry.key_text
            message = f"`{key}` stands twice, first in line {first.key_location.line}"
            reading.note(invalid(entry.key_location, message, "keep one of them", "duplicate-key"))


def about(fault: SettingsError, path: str) -> SettingsError:
    """Put the path of the key before what is wrong with its value."""
    return SettingsError(f"`{path}`: {fault.message}", location=fault.location, fix=fault.fix, code=fault.code)


# --------------------------------------------------------------------------- the environment


def filled(node: YamlNode, environ: Mapping[str, str], reading: Reading) -> YamlNode:
    """Put the environment's values in the place of `${NAME}` and `${NAME:-default}`; `$$` is a dollar."""
    if isinstance(node, MapNode):
        entries = (replace(entry, value=filled(entry.value, environ, reading)) for entry in node.entries)
        return replace(node, entries=tuple(entries))
    if isinstance(node, ListNode):
        return replace(node, items=tuple(filled(item, environ, reading) for item in node.items))
    if "$" not in node.text:
        return node
    try:
        made = _REFERENCE.sub(lambda found: _value(found, environ, node), node.text)
    except SettingsError as fault:
        reading.note(fault)
        reading.unresolved.add(node.location)
        made = ""
    # a variable that is empty counts as not set, as in `${NAME:-default}`
    return replace(node, text=made, value=made or None)


def _value(found: re.Match[str], environ: Mapping[str, str], node: ScalarNode) -> str:
    if found["broken"]:
        raise invalid(node.location, "`${` starts no variable here", "write `${NAME}`, or `$$` for a dollar")
    if found["name"] is None:
        return "$"
    value = environ.get(found["name"], "")
    if value or found["default"] is not None:
        return value or found["default"]
    if found["name"] in environ:
        return ""
    name = found["name"]
    raise invalid(
        node.location,
        f"the environment variable `{name}` is not set",
        f"set it, or give a default: `${{{name}:-default}}`",
        "missing-variable",
    )
