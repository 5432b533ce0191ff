"""Reader of Windows event logs (EVTX): records → documents in Winlogbeat's raw shape.

Texts that Windows renders from the event's publisher (the message, names of tasks) are not in such a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from watcher.errors import InputError
from watcher.model import Event, Location

_HEADER, _CHUNK = 4096, 65536  # bytes; a file is a header and complete chunks
_MAX_FAULTS = 100  # in a row; then the rest of the file is skipped
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LEVELS = {1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}
_OPCODES = {0: "Info", 1: "Start", 2: "Stop", 3: "DCStart", 4: "DCStop", 5: "Extension", 6: "Reply", 7: "Resume"}
_OPCODES |= {8: "Suspend", 9: "Send"}
_AUDITS = {52: ("Audit Failure", "failure"), 53: ("Audit Success", "success")}  # bits of the keywords


def evtx_events(path: Path, progress: Callable[[int], None]) -> Iterator[Event | InputError]:
    """Yield every record of an EVTX file, or an InputError for each that is damaged.

    `progress` is called with the number of bytes read. Raises InputError if the file is not an event log, cannot be
    read, or the extra `evtx` is not installed.
    """
    try:
        from evtx import PyEvtxParser  # noqa: PLC0415 - of the extra `evtx`
    except ModuleNotFoundError:
        raise InputError(
            "EVTX files need the extra `evtx`",
            location=Location(file=str(path), line=1),
            fix="install it by `pip install '.[evtx]'` in the root of the checkout",
        ) from None
    try:
        with path.open("rb") as raw:
            yield from _documents(path, iter(PyEvtxParser(raw).records_json()), lambda: progress(raw.tell()))
        if (path.stat().st_size - _HEADER) % _CHUNK:
            yield _unreadable(path, 1, "the file ends inside a chunk: it is truncated")
    except (OSError, RuntimeError, ValueError) as fault:
        raise _unreadable(path, 1, fault) from None


def _documents(path: Path, records: Iterator[Any], progress: Callable[[], None]) -> Iterator[Event | InputError]:
    number = in_a_row = 0
    while in_a_row < _MAX_FAULTS:
        number += 1
        try:
            record = next(records)
        except StopIteration:
            return
        except (OSError, RuntimeError, ValueError) as fault:
            in_a_row += 1
            yield _unreadable(path, number, fault)
            continue
        in_a_row = 0
        yield _document(path, number, record)
        progress()


def _unreadable(path: Path, number: int, fault: object) -> InputError:
    return InputError(
        f"the event log cannot be read here: {fault}",
        location=Location(file=str(path), line=number),
        fix="export it again from Windows; the other records are read",
        code="unreadable",
    )


def _document(path: Path, number: int, record: Any) -> Event | InputError:
    if isinstance(record, Exception):
        return _unreadable(path, number, record)
    try:
        return evtx_document(json.loads(record["data"], strict=False)["Event"])
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return _unreadable(path, number, fault)


def evtx_document(event: Mapping[str, Any]) -> Event:
    """Return the document of one event, given its XML as the parser's JSON."""
    system = event["System"]
    code = _text(system["EventID"])
    provider = _attributes(system.get("Provider"))
    time = _timestamp(_attributes(system.get("TimeCreated")).get("SystemTime", ""))
    level = _number(system.get("Level"))
    name, outcome = _audit(_text(system.get("Keywords")))
    document: dict[str, Any] = {
        "@timestamp": time,
        "event": {"code": code, "kind": "event", "provider": provider.get("Name"), "created": time},
        "log": {"level": _LEVELS.get(level or 4, "information")},
        "winlog": _winlog(event, system, provider, code),
    }
    computer = _text(system.get("Computer"))
    if computer:
        document["host"] = {"name": computer}
    if outcome:
        document["event"]["outcome"] = outcome
        document["winlog"]["keywords"] = [name]
    return document


def _winlog(
    event: Mapping[str, Any], system: Mapping[str, Any], provider: Mapping[str, str], code: str
) -> dict[str, Any]:
    execution = _attributes(system.get("Execution"))
    correlation = _attributes(system.get("Correlation"))
    opcode = _number(system.get("Opcode"))
    process = {"pid": _number(execution.get("ProcessID")), "thread": {"id": _number(execution.get("ThreadID"))}}
    winlog = {
        "api": "wineventlog",
        "channel": _text(system.get("Channel")),
        "event_id": code,
        "provider_name": provider.get("Name"),
        "provider_guid": _with_braces(provider.get("Guid", "")),
        "record_id": _number(system.get("EventRecordID")),
        "computer_name": _text(system.get("Computer")),
        "version": _number(system.get("Version")) or None,
        "opcode": _OPCODES.get(opcode) if opcode is not None else None,
        "activity_id": _with_braces(correlation.get("ActivityID", "")),
        "related_activity_id": _with_braces(correlation.get("RelatedActivityID", "")),
        "process": process if execution else None,
        "user": {"identifier": user} if (user := _attributes(system.get("Security")).get("UserID")) else None,
        "event_data": _event_data(event.get("EventData")),
        "user_data": _user_data(event.get("UserData")),
    }
    return {key: value for key, value in winlog.items() if value not in (None, "", {})}


# --------------------------------------------------------------------------- data


def _event_data(data: Any) -> dict[str, Any]:
    """Return the named values; unnamed values are named by their position."""
    event_data: dict[str, Any] = {}
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if name == "#attributes":
            continue
        if name == "Data":
            unnamed = value.get("#text") if isinstance(value, Mapping) else value
            for number, item in enumerate(unnamed if isinstance(unnamed, list) else [unnamed], start=1):
                _put(event_data, f"param{number}", item)
        else:
            _put(event_data, name, value)
    return event_data


def _user_data(data: Any) -> dict[str, Any]:
    """Return the values of the first element and its name."""
    if not isinstance(data, Mapping):
        return {}
    for name, inner in data.items():
        if name == "#attributes":
            continue
        user_data: dict[str, Any] = {"xml_name": name}
        for key, value in inner.items() if isinstance(inner, Mapping) else ():
            if key != "#attributes":
                _put(user_data, key, value)
        return user_data
    return {}


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Add a value unless it is empty or the name is taken."""
    content = _nested(value) if isinstance(value, Mapping) and "#text" not in value else _text(value)
    if content and name not in fields:
        fields[name] = content


def _nested(value: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, inner in value.items():
        if name == "#attributes" and isinstance(inner, Mapping):
            for key, attribute in inner.items():
                _put(fields, key, attribute)
        else:
            _put(fields, name, inner)
    return fields


def _text(value: Any) -> str:
    """Return a value as Windows writes it."""
    if isinstance(value, Mapping):
        return _text(value.get("#text"))
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _with_braces(str(value).replace("\r\n", "\n"))


def _with_braces(text: str) -> str:
    """Return a GUID with the braces that the parser omits; other text is unchanged."""
    return f"{{{text}}}" if len(text) == 36 and _GUID.fullmatch(text) else text


def _attributes(value: Any) -> Mapping[str, str]:
    attributes = value.get("#attributes") if isinstance(value, Mapping) else None
    return {key: str(item) for key, item in attributes.items()} if isinstance(attributes, Mapping) else {}


def _number(value: Any) -> int | None:
    try:
        return int(_text(value), 0)
    except ValueError:
        return None


def _timestamp(text: str) -> str:
    """Return a timestamp in milliseconds, as Winlogbeat writes it."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction[:3]:0<3}Z"


def _audit(keywords: str) -> tuple[str, str]:
    bits = _number(keywords) or 0
    return next((audit for bit, audit in _AUDITS.items() if bits >> bit & 1), ("", ""))
