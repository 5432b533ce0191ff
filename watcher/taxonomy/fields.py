"""Sigma's field names → where Winlogbeat puts their values.

A field's values stand under `winlog.event_data` or `winlog.user_data` by the name that Windows gives them, or, where
Winlogbeat's modules moved them, under an ECS name. A module that changes a value on the way (a hash list, a registry
DWORD) leaves parts of it; from those the value is built again.

Sources: Winlogbeat's documentation of its modules and exported fields, ECS 8.17, the Windows event documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from watcher.taxonomy import build, ecs, shell
from watcher.taxonomy.build import ComputedField, ComputedFromObjects
from watcher.taxonomy.logsources import POWERSHELL_CLASSIC, EventClass
from watcher.taxonomy.moved import MOVED

DATA = ("winlog.event_data.", "winlog.user_data.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLocations:
    """Where the values of one Sigma field stand in an event of one channel and code."""

    direct: tuple[str, ...]  # the values of all these paths
    fallback: tuple[str, ...] = ()  # where those give nothing: the System field, or the same value by another name
    built: tuple[
        ComputedField | ComputedFromObjects, ...
    ] = ()  # where those give nothing too: the first that gives something


_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "EventID": ("winlog.event_id", "event.code"),
    "Channel": ("winlog.channel",),
    "Provider_Name": ("winlog.provider_name",),
    "Provider_Guid": ("winlog.provider_guid",),
    "Computer": ("winlog.computer_name",),
    "ComputerName": ("winlog.computer_name",),
    "EventRecordID": ("winlog.record_id",),
    "TimeCreated": ("@timestamp",),
    "UserID": ("winlog.user.identifier",),
    "Message": ("message",),
}

_PROCESS_AUDIT: Mapping[str, str] = {  # Security 4688 read as process creation
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "LogonId": "SubjectLogonId",
    "Details": "NewValue",
}
_AUDITED: Mapping[str, str] = {audited: name for name, audited in _PROCESS_AUDIT.items()}


_DERIVED = ("md5", "MD5", "sha1", "SHA1", "sha256", "SHA256", "imphash", "Imphash")  # parts of `Hashes`
_WORD_EDGE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # `ThreatName` is written `Threat Name` by Defender
_SPACED: Mapping[str, str] = {  # names of Defender that no capital letter parts
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
_REMEMBERED = 65_536  # not without end: whoever writes events may make up channels and codes
_PARAMETERS = ("param1", "param2", "param3")


@lru_cache(maxsize=_REMEMBERED)
def field_locations(field: str, where: EventClass) -> FieldLocations:
    """Tell where the values of a field may stand in some event of that kind."""
    rows = [row for row in MOVED.get(field, ()) if row.speaks_of(where)]
    direct = [f"{prefix}{field}" for prefix in DATA]
    if is_path(field):
        direct.insert(0, field)
    if where.process_audit and field in _PROCESS_AUDIT:
        audited = _PROCESS_AUDIT[field]
        inner = field_locations(audited, EventClass(channel=where.channel, codes=where.codes))
        direct, rows = [*inner.direct], []
    direct.extend(path for row in rows for path in row.direct)
    if where.channel is None:  # maybe no event of Windows
        direct.extend((field, *ecs.FIELDS.get(field, ())))
    built = [row.built for row in rows if row.built is not None]
    if field == "Level":
        built.append(build.LEVEL)
    if field == "Data":  # Windows gives these values no names of their own
        built.extend(one for name in _PARAMETERS for one in _parts_of(name, where))
    if (where.channel or POWERSHELL_CLASSIC).lower() == POWERSHELL_CLASSIC.lower() and field in shell.LINES:
        built.append(shell.line(field))
    return FieldLocations(direct=_unique(direct), fallback=_fallback(field), built=tuple(built))


def same_field(field: str) -> str:
    """Give the one name of a field that event 4688, read as process creation, calls otherwise."""
    return _AUDITED.get(field, field)


def system_fields() -> tuple[str, ...]:
    """Give the fields that every event has."""
    return (*_SYSTEM, "Level")


def is_path(field: str) -> bool:
    """Tell whether a field is named as documents name it, like `process.command_line` or `@timestamp`."""
    return "." in field or field.startswith("@")


def parents(path: str) -> tuple[str, ...]:
    """Name the objects that a dotted path lies in, the outermost first."""
    parts = path.split(".")
    return tuple(".".join(parts[:count]) for count in range(1, len(parts)))


def _parts_of(name: str, where: EventClass) -> Iterator[ComputedField | ComputedFromObjects]:
    for row in MOVED.get(name, ()):
        if row.speaks_of(where):
            yield from () if row.built is None else (row.built,)
            yield from (ComputedField(paths=(path,), make=build.same(path), cut=True) for path in row.direct)


@lru_cache(maxsize=_REMEMBERED)
def moved_fields(where: EventClass) -> tuple[str, ...]:
    """Give the names that Windows gives to what the modules moved out of such an event's data."""
    return tuple(
        name
        for name, rows in MOVED.items()
        if name not in _DERIVED and any(row.speaks_of_all(where) for row in rows if row.direct or row.built)
    )


def movable_fields(where: EventClass) -> tuple[str, ...]:
    """Give the names that Windows gives to what the modules move out of the data of some event of that kind."""
    return tuple(name for name, rows in MOVED.items() if any(row.speaks_of(where) for row in rows))


def _fallback(field: str) -> tuple[str, ...]:
    """Give the System field of that name, and the data fields whose names differ by spaces alone."""
    names = {field.replace(" ", ""), _WORD_EDGE.sub(" ", field), _SPACED.get(field, field)} - {field}
    spaced = tuple(f"{prefix}{name}" for name in sorted(names) for prefix in DATA)
    return (*_SYSTEM.get(field, ()), *spaced)


def _unique(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))


def certain(field: str, path: str, where: EventClass) -> bool:
    """Tell whether a path always holds a value of the field, in every event of that kind."""
    if path == field and is_path(field):
        return True
    if path.startswith(DATA) and path.removeprefix(DATA[0]).removeprefix(DATA[1]) == field:
        return not (where.process_audit and field in _PROCESS_AUDIT)
    if where.process_audit and field in _PROCESS_AUDIT:
        return path in field_locations(field, where).direct
    return any(path in row.direct and row.speaks_of_all(where) for row in MOVED.get(field, ()))
