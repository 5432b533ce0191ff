"""Reader of Windows event logs (EVTX): records → documents in Winlogbeat's raw shape.

Texts that Windows renders from the event's publisher (the message, names of tasks) are in such a file only where the
events were forwarded with them. `winlog.system` keeps the numbers that Winlogbeat replaces by names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watcher.errors import InputError
from watcher.event_files.system_names import KEYWORDS, LEVELS, OPCODES
from watcher.model import Event, Location

_HEADER, _CHUNK = 4096, 65536  # bytes; a file is a header and complete chunks
_MAX_FAULTS = 100  # in a row; then the rest of the file is skipped
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_OUTCOMES = {"Audit Failure": "failure", "Audit Success": "success"}
_REPEATED = re.compile(r"(.+)_[1-9][0-9]*")  # how the parser names further elements of a name


def evtx_records(path: Path) -> Iterator[tuple[str | InputError, int]]:
    """Yield every record of an EVTX file as the parser's JSON, and the position in the file behind it.

    A damaged record is an InputError. Raises InputError if the file is not an event log, cannot be read, or the extra
    `evtx` is not installed.
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
            for record in _records(path, iter(PyEvtxParser(raw).records_json())):
                yield record, raw.tell()
        size = path.stat().st_size
        if (size - _HEADER) % _CHUNK:
            yield _unreadable(str(path), 1, "the file ends inside a chunk: it is truncated"), size
    except (OSError, RuntimeError, ValueError) as fault:
        raise _unreadable(str(path), 1, fault) from None


def _records(path: Path, records: Iterator[Any]) -> Iterator[str | InputError]:
    number = in_a_row = 0
    while in_a_row < _MAX_FAULTS:
        number += 1
        try:
            record = next(records)
        except StopIteration:
            return
        except (OSError, RuntimeError, ValueError) as fault:
            in_a_row += 1
            yield _unreadable(str(path), number, fault)
            continue
        in_a_row = 0
        yield _unreadable(str(path), number, record) if isinstance(record, Exception) else record["data"]


def _unreadable(file: str, number: int, fault: object) -> InputError:
    return InputError(
        f"the event log cannot be read here: {fault}",
        location=Location(file=file, line=number),
        fix="export it again from Windows; the other records are read",
        code="unreadable",
    )


def record_event(file: str, number: int, record: str) -> Event | InputError:
    """Return the document of a record of a file, given as the parser's JSON, or an InputError if it is damaged."""
    try:
        return evtx_document(_DECODER.decode(record)["Event"])
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return _unreadable(file, number, fault)


class _Elements(list[Any]):
    """The values of several elements of one name, and not a value that is an array."""


def _all_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which a name that stands several times has the list of its values."""
    members = dict(pairs)
    if len(members) < len(pairs):
        values: dict[str, _Elements] = {}
        for name, value in pairs:
            values.setdefault(name, _Elements()).append(value)
        members = {name: listed if len(listed) > 1 else listed[0] for name, listed in values.items()}
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_all_members, strict=False)


def evtx_document(event: Mapping[str, Any]) -> Event:
    """Return the document of one event, given its XML as the parser's JSON."""
    system, rendered = event["System"], _rendered(event.get("RenderingInfo"))
    code = _text(system["EventID"])
    provider = _attributes(system.get("Provider"))
    time = _timestamp(_attributes(system.get("TimeCreated")).get("SystemTime", ""))
    winlog = _winlog(event, system, provider, code, rendered)
    document: dict[str, Any] = {
        "@timestamp": time,
        "event": {"code": code, "kind": "event", "provider": provider.get("Name"), "created": time},
        "log": {
            "level": rendered.get("level", "").lower() or LEVELS.get(_number(system.get("Level")) or 0, "information")
        },
        "winlog": winlog,
    }
    computer = _text(system.get("Computer"))
    if computer:
        document["host"] = {"name": computer}
    if rendered.get("message"):
        document["message"] = rendered["message"]
    outcome = next((_OUTCOMES[name] for name in winlog.get("keywords", ()) if name in _OUTCOMES), None)
    if outcome:
        document["event"]["outcome"] = outcome
    return document


def _rendered(info: Any) -> dict[str, Any]:
    """Return the texts that Windows rendered before it forwarded the event."""
    if not isinstance(info, Mapping):
        return {}
    keywords = info.get("Keywords")
    names = (
        [value for key, value in keywords.items() if key.startswith("Keyword")] if isinstance(keywords, Mapping) else []
    )
    flat = [_text(name) for value in names for name in (value if isinstance(value, list) else [value])]
    texts = {part.lower(): _text(info.get(part)) for part in ("Message", "Level", "Task", "Opcode")}
    return {**texts, "keywords": [name for name in flat if name]}


def _winlog(
    event: Mapping[str, Any],
    system: Mapping[str, Any],
    provider: Mapping[str, str],
    code: str,
    rendered: dict[str, Any],
) -> dict[str, Any]:
    execution = _attributes(system.get("Execution"))
    correlation = _attributes(system.get("Correlation"))
    numbers = {part.lower(): _number(system.get(part)) for part in ("Version", "Level", "Task", "Opcode", "Keywords")}
    process = {"pid": _number(execution.get("ProcessID")), "thread": {"id": _number(execution.get("ThreadID"))}}
    opcode = numbers["opcode"]
    winlog = {
        "api": "wineventlog",
        "channel": _text(system.get("Channel")),
        "event_id": code,
        "provider_name": provider.get("Name"),
        "provider_guid": _with_braces(provider.get("Guid", "")),
        "record_id": _number(system.get("EventRecordID")),
        "computer_name": _text(system.get("Computer")),
        "version": numbers["version"] or None,
        "task": rendered.get("task"),
        "opcode": rendered.get("opcode") or (OPCODES.get(opcode) if opcode is not None else None),
        "keywords": rendered.get("keywords") or _keyword_names(numbers["keywords"] or 0),
        "activity_id": _with_braces(correlation.get("ActivityID", "")),
        "related_activity_id": _with_braces(correlation.get("RelatedActivityID", "")),
        "process": process if execution else None,
        "user": {"identifier": user} if (user := _attributes(system.get("Security")).get("UserID")) else None,
        "system": _numbers(numbers),
        "event_data": _event_data(event.get("EventData")),
        "user_data": _user_data(event.get("UserData")),
    }
    return {key: value for key, value in winlog.items() if value not in (None, "", {}, [])}


def _numbers(numbers: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the numbers of the System part, the keywords as Windows writes them."""
    return {
        part: hex(number) if part == "keywords" else number for part, number in numbers.items() if number is not None
    }


def _keyword_names(keywords: int) -> list[str]:
    return [name for bit, name in KEYWORDS.items() if keywords & bit]


# --------------------------------------------------------------------------- data


def _event_data(data: Any) -> dict[str, Any]:
    """Return the named values; unnamed values are named by their position."""
    event_data: dict[str, Any] = {}
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if name == "#attributes":
            continue
        if name == "Data" and not _attributes(value).get("Name"):
            unnamed = value.get("#text") if isinstance(value, Mapping) else value
            for number, item in enumerate(unnamed if isinstance(unnamed, list) else [unnamed], start=1):
                _put(event_data, f"param{number}", item)
        else:
            _put_element(event_data, data, name, value)
    return event_data


def _user_data(data: Any) -> dict[str, Any]:
    """Return the values of the first element, its attributes, and its name."""
    if not isinstance(data, Mapping):
        return {}
    for name, inner in data.items():
        if name == "#attributes":
            continue
        user_data: dict[str, Any] = {"xml_name": name}
        elements = inner if isinstance(inner, Mapping) else {}
        for key, value in elements.items():
            if key != "#attributes":
                _put_element(user_data, elements, key, value)
        for value in (inner, *elements.values()):  # an element's name comes before an attribute's
            for key, attribute in _attributes(value).items():
                if key not in ("Name", "xmlns") and key not in user_data:
                    _put(user_data, key, attribute)
        return user_data
    return {}


def _put_element(fields: dict[str, Any], elements: Mapping[str, Any], name: str, value: Any) -> None:
    """Add the values of an element by its attribute `Name`, else by the element's own name."""
    repeated = _REPEATED.fullmatch(name)
    own_name = repeated[1] if repeated is not None and repeated[1] in elements else name
    for item in value if isinstance(value, _Elements) else (value,):
        _put(fields, _attributes(item).get("Name") or own_name, item)


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Add a value unless it is empty; further values of a name make a list."""
    content = _nested(value) if isinstance(value, Mapping) and "#text" not in value else _text(value)
    if not content:
        return
    held = fields.get(name)
    if held is None:
        fields[name] = content
    elif isinstance(held, list):
        held.append(content)
    elif held != content:
        fields[name] = [held, content]


def _nested(value: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, inner in value.items():
        if name == "#attributes" and isinstance(inner, Mapping):
            for key, attribute in inner.items():
                _put(fields, key, attribute)
        else:
            _put_element(fields, value, name, inner)
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
