"""Errors of settings: the library's error paths → YAML nodes → file, line and column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from watcher.errors import SettingsError
from watcher.model import Finding, Location, Severity
from watcher.settings.annotations import InvalidValueError
from watcher.settings.risks import Risk
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode


class FaultySettingsError(SettingsError):
    """Every error of a settings file: one line per error, in the order of the file."""

    def __init__(self, faults: tuple[SettingsError, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(slots=True, kw_only=True)
class Reading:
    """The state of reading one file: the folder of relative paths, and what was noticed on the way."""

    folder: Path
    errors: list[SettingsError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    risks: dict[Finding, None] = field(default_factory=dict)
    secrets: list[ScalarNode] = field(default_factory=list)  # in the settings themselves, or of variables
    unresolved: set[Location] = field(default_factory=set)  # values whose variable is missing: already reported
    former: dict[str, str] = field(default_factory=dict)  # key → the former name under which the file has it
    folder_names: list[str] = field(default_factory=list)  # of the folders of rules that have no errors
    selectors: list[MapNode] = field(default_factory=list)

    def note_risk(self, risk: Risk, node: MapNode) -> None:
        """Note how others may read credentials, at the setting of a mapping that allows it."""
        entry = find_entry(node, risk.key) or find_entry(node, f"{risk.key}_file")
        location = entry.key_location if entry else node.location
        finding = Finding(
            code=risk.code, severity=Severity.WARNING, location=location, message=risk.message, fix=risk.fix
        )
        self.risks[finding] = None  # once, also where a section is read twice


def find_entry(node: MapNode, key: str) -> MappingEntry | None:
    """Return the last entry of a key, also where it has no value."""
    return next((entry for entry in reversed(node.entries) if entry.key_text == key), None)


def report(error: BaseException, node: YamlNode, path: str, reading: Reading) -> Iterator[SettingsError]:
    """Yield what a validation error consists of, each with its location; `node` is what was read at `path`."""
    if isinstance(error, FaultySettingsError):
        yield from error.faults  # of another file, with locations of its own
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            step = _step(inner)
            if isinstance(inner, KeyError):
                yield from _missing(str(inner.args[0]), node, path, reading)
            elif step is None or (isinstance(inner, InvalidValueError) and inner.key):
                yield from report(inner, node, path, reading)
            elif isinstance(step, int):
                yield from report(inner, node.items[step] if isinstance(node, ListNode) else node, path, reading)
            else:
                yield from report(inner, _child(node, step, reading), _joined(path, step), reading)
    elif isinstance(error, InvalidValueError):
        yield _settings_error(error, node, path)
    else:
        raise error


def report_duplicates(node: YamlNode, path: str, reading: Reading) -> None:
    """Report every key that appears more than once in its mapping."""
    if isinstance(node, ListNode):
        for item in node.items:
            report_duplicates(item, path, reading)
    elif isinstance(node, MapNode):
        for first, *others in node.duplicates():
            reading.errors.extend(_duplicate(entry, first, path) for entry in others)
        for entry in node.entries:
            report_duplicates(entry.value, _joined(path, entry.key_text), reading)


def _duplicate(entry: MappingEntry, first: MappingEntry, path: str) -> SettingsError:
    return SettingsError(
        f"`{_joined(path, entry.key_text)}` appears twice, first on line {first.key_location.line}",
        location=entry.key_location,
        fix="keep one of them",
        code="duplicate-key",
    )


def _step(error: BaseException) -> str | int | None:
    """Return the attribute or index that the library notes on an error, None where it concerns the whole value."""
    for note in getattr(error, "__notes__", ()):
        step = getattr(note, "name", None) if hasattr(note, "name") else getattr(note, "index", None)
        if isinstance(step, str | int):
            return step
    return None


def _child(node: YamlNode, key: str, reading: Reading) -> YamlNode:
    if isinstance(node, MapNode):
        for name in (key, f"{key}_file", reading.former.get(key, key)):
            entry = find_entry(node, name)
            if entry is not None:
                return entry.value
    return node


def _missing(key: str, node: YamlNode, path: str, reading: Reading) -> Iterator[SettingsError]:
    location = _child(node, key, reading).location
    if location not in reading.unresolved:  # else the missing variable is reported
        yield SettingsError(f"`{_joined(path, key)}` is missing", location=location, code="missing-key")


def _settings_error(error: InvalidValueError, node: YamlNode, path: str) -> SettingsError:
    name = _joined(path, error.key) if error.key else path
    entry = find_entry(node, error.key) if isinstance(node, MapNode) and error.key else None
    location = error.location or (entry.value.location if entry else node.location)
    subject = f"`{name}`{error.separator}" if name else ""
    return SettingsError(f"{subject}{error.message}", location=location, fix=error.fix, code=error.code)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
