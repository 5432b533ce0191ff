"""Sigma's field names → the paths where Winlogbeat puts their values.

A field's values are under `winlog.event_data` or `winlog.user_data` by the name that Windows gives them. Where
Winlogbeat's modules moved them, they are under an ECS name. A module that changes a value (a hash list, a registry
DWORD) leaves parts of it, from which the value is computed again.

Sources: Winlogbeat's documentation of its modules and exported fields, ECS 8.17, the Windows event documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from watcher.taxonomy import computed_fields, ecs_fields, powershell_lines
from watcher.taxonomy.computed_fields import ComputedField, ComputedFromObjects
from watcher.taxonomy.logsources import POWERSHELL_CLASSIC, EventClass
from watcher.taxonomy.moved_fields import MOVED_FIELDS
from watcher.taxonomy.system_fields import COMPUTED_SYSTEM_FIELDS, SYSTEM_ALONE, SYSTEM_FIELDS

DATA = ("winlog.event_data.", "winlog.user_data.")
"""Prefixes of the paths of an event's data."""
CHANNEL = "winlog.channel"
"""Path of an event's channel."""
WINDOWS = "winlog."
"""Prefix of the paths that only events of Windows have."""
SYSTEM_PATHS = (CHANNEL, "winlog.event_id", "winlog.provider_name", "winlog.computer_name", "winlog.record_id")
"""Paths that nearly all events of Windows have."""
EVENT_CODES = ("event.code", "winlog.event_id")
"""Paths of an event's code, in the order in which they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLocations:
    """The paths of one Sigma field in the events of one event class."""

    direct: tuple[str, ...]  # the values at all of these paths are values of the field
    fallback: tuple[str, ...] = ()  # read if `direct` holds nothing: the System field, or another spelling
    computed: tuple[ComputedField | ComputedFromObjects, ...] = ()  # read if both hold nothing: the first with a value


_PROCESS_AUDIT: Mapping[str, str] = {  # Security 4688 read as process creation
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "LogonId": "SubjectLogonId",
    "Details": "NewValue",
}
_AUDITED: Mapping[str, str] = {audited: name for name, audited in _PROCESS_AUDIT.items()}


_DERIVED = ("md5", "MD5", "sha1", "SHA1", "sha256", "SHA256", "imphash", "Imphash")  # parts of `Hashes`
_WORD_EDGE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # `ThreatName` is written `Threat Name` by Defender
_SPACED: Mapping[str, str] = {  # names of Defender whose words no capital letter separates
    name.replace(" ", ""): name
    for name in (
        *("Security intelligence Version", "Previous security intelligence Version", "Platform version"),
        *("Engine version", "NRI engine version", "AV security intelligence version"),
        *("AS security intelligence version", "NRI security intelligence version", "Product status"),
        *("RTP state", "OA state", "IOAV state", "BM state"),
        *("Last AV security intelligence age", "Last AS security intelligence age"),
        *("AV security intelligence creation time", "AS security intelligence creation time"),
        *("Last quick scan age", "Last quick scan start time", "Last quick scan end time", "Last quick scan source"),
        *("Last full scan age", "Last full scan start time", "Last full scan end time", "Last full scan source"),
    )
}
_REMEMBERED = 65_536  # limited: events may hold any number of invented channels and codes
_PARAMETERS = ("param1", "param2", "param3")


@lru_cache(maxsize=_REMEMBERED)
def field_locations(field: str, event_class: EventClass) -> FieldLocations:
    """Return the paths where some event of a class may hold values of a field."""
    rows = [row for row in MOVED_FIELDS.get(field, ()) if row.applies_to_some(event_class)]
    direct = list(SYSTEM_ALONE.get(field) or (f"{prefix}{field}" for prefix in DATA))
    if is_path(field):
        direct.insert(0, field)
    if event_class.process_audit and field in _PROCESS_AUDIT:
        audited = _PROCESS_AUDIT[field]
        inner = field_locations(audited, EventClass(channel=event_class.channel, codes=event_class.codes))
        direct, rows = [*inner.direct], []
    direct.extend(path for row in rows for path in row.direct)
    if event_class.channel is None:  # perhaps not a Windows event
        direct.extend((field, *ecs_fields.FIELDS.get(field, ())))
    computed = [row.computed for row in rows if row.computed is not None]
    if field in COMPUTED_SYSTEM_FIELDS:
        computed.append(COMPUTED_SYSTEM_FIELDS[field])
    if field == "Data":  # Windows gives these values no names of their own
        computed.extend(part for name in _PARAMETERS for part in _parts_of(name, event_class))
    if (
        event_class.channel or POWERSHELL_CLASSIC
    ).lower() == POWERSHELL_CLASSIC.lower() and field in powershell_lines.LINES:
        computed.append(powershell_lines.line(field))
    return FieldLocations(direct=_unique(direct), fallback=_fallback(field), computed=tuple(computed))


def canonical_field(field: str) -> str:
    """Return the Sysmon name of a field that event 4688, read as process creation, names differently."""
    return _AUDITED.get(field, field)


def system_fields() -> tuple[str, ...]:
    """Return the fields that every Windows event has."""
    return tuple(dict.fromkeys((*SYSTEM_FIELDS, *COMPUTED_SYSTEM_FIELDS)))


def is_path(field: str) -> bool:
    """Whether a field is named by its path in the document, like `process.command_line` or `@timestamp`."""
    return "." in field or field.startswith("@")


def parents(path: str) -> tuple[str, ...]:
    """Return the paths of the objects that contain a dotted path, the outermost first."""
    parts = path.split(".")
    return tuple(".".join(parts[:count]) for count in range(1, len(parts)))


def _parts_of(name: str, event_class: EventClass) -> Iterator[ComputedField | ComputedFromObjects]:
    for row in MOVED_FIELDS.get(name, ()):
        if row.applies_to_some(event_class):
            yield from () if row.computed is None else (row.computed,)
            yield from (
                ComputedField(paths=(path,), compute=computed_fields.same(path), is_substring=True)
                for path in row.direct
            )


@lru_cache(maxsize=_REMEMBERED)
def moved_field_names(event_class: EventClass) -> tuple[str, ...]:
    """Return Windows' names of the fields that the modules moved in every event of a class."""
    return tuple(
        name
        for name, rows in MOVED_FIELDS.items()
        if name not in _DERIVED and any(row.applies_to_all(event_class) for row in rows if row.direct or row.computed)
    )


def movable_field_names(event_class: EventClass) -> tuple[str, ...]:
    """Return Windows' names of the fields that the modules moved in some event of a class."""
    return tuple(name for name, rows in MOVED_FIELDS.items() if any(row.applies_to_some(event_class) for row in rows))


def _fallback(field: str) -> tuple[str, ...]:
    """Return the paths of the System field of that name, and of names that differ only by spaces."""
    if field in SYSTEM_ALONE:
        return ()
    names = {field.replace(" ", ""), _WORD_EDGE.sub(" ", field), _SPACED.get(field, field)} - {field}
    spaced = tuple(f"{prefix}{name}" for name in sorted(names) for prefix in DATA)
    return (*SYSTEM_FIELDS.get(field, ()), *spaced)


def _unique(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))


def is_certain(field: str, path: str, event_class: EventClass) -> bool:
    """Whether the value at a path is a value of the field in every event of a class."""
    if (path == field and is_path(field)) or path in SYSTEM_ALONE.get(field, ()):
        return True
    if path.startswith(DATA) and path.removeprefix(DATA[0]).removeprefix(DATA[1]) == field:
        return not (event_class.process_audit and field in _PROCESS_AUDIT)
    if event_class.process_audit and field in _PROCESS_AUDIT:
        return path in field_locations(field, event_class).direct
    return any(path in row.direct and row.applies_to_all(event_class) for row in MOVED_FIELDS.get(field, ()))
