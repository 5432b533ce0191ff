"""Reader of Windows event logs (EVTX): records → documents in Winlogbeat's raw shape.

Texts that Windows renders from the event's publisher (the message, names of tasks) are in such a file only where the
events were forwarded with them. `winlog.system` keeps the numbers that Winlogbeat replaces by names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watcher.errors import InputError
from watcher.event_files.evtx_data import (
    DECODER,
    attributes_of,
    event_data_fields,
    text_of,
    user_data_fields,
    with_braces,
)
from watcher.event_files.evtx_xml import EvtxRecord, XmlRecords
from watcher.event_files.system_names import KEYWORDS, LEVELS, OPCODES
from watcher.model import Event, Location

_HEADER, _CHUNK = 4096, 65536  # bytes; a file is a header and complete chunks
_MAX_FAULTS = 100  # in a row; then the rest of the file is skipped
_OUTCOMES = {"Audit Failure": "failure", "Audit Success": "success"}


def evtx_records(path: Path) -> Iterator[tuple[EvtxRecord | InputError, int]]:
    """Yield every record of an EVTX file, and the position in the file behind it.

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
            xml = XmlRecords(iter(PyEvtxParser(str(path)).records()))
            for record in _records(path, iter(PyEvtxParser(raw).records_json()), xml):
                yield record, raw.tell()
        size = path.stat().st_size
        if (size - _HEADER) % _CHUNK:
            yield _unreadable(str(path), 1, "the file ends inside a chunk: it is truncated"), size
    except (OSError, RuntimeError, ValueError) as fault:
        raise _unreadable(str(path), 1, fault) from None


def _records(path: Path, records: Iterator[Any], xml: XmlRecords) -> Iterator[EvtxRecord | InputError]:
    number = in_a_row = 0
    while in_a_row < _MAX_FAULTS:
        number += 1
        xml.step()
        try:
            record = next(records)
        except StopIteration:
            return
        except (OSError, RuntimeError, ValueError) as fault:
            in_a_row += 1
            yield _unreadable(str(path), number, fault)
            continue
        in_a_row = 0
        yield _unreadable(str(path), number, record) if isinstance(record, Exception) else xml.record(record)


def _unreadable(file: str, number: int, fault: object) -> InputError:
    return InputError(
        f"the event log cannot be read here: {fault}",
        location=Location(file=file, line=number),
        fix="export it again from Windows; the other records are read",
        code="unreadable",
    )


def record_event(file: str, number: int, record: EvtxRecord) -> Event | InputError:
    """Return the document of a record of a file, or an InputError if it is damaged."""
    try:
        event = DECODER.decode(record.json)["Event"]
        return evtx_document({**event, "EventData": record.elements()} if record.event_data else event)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return _unreadable(file, number, fault)


def evtx_document(event: Mapping[str, Any]) -> Event:
    """Return the document of one event, given its XML as the parser's JSON."""
    system, rendered = event["System"], _rendered(event.get("RenderingInfo"))
    code = text_of(system["EventID"])
    provider = attributes_of(system.get("Provider"))
    time = _timestamp(attributes_of(system.get("TimeCreated")).get("SystemTime", ""))
    winlog = _winlog(event, system, provider, code, rendered)
    document: dict[str, Any] = {
        "@timestamp": time,
        "event": {"code": code, "kind": "event", "provider": provider.get("Name"), "created": time},
        "log": {
            "level": rendered.get("level", "").lower() or LEVELS.get(_number(system.get("Level")) or 0, "information")
        },
        "winlog": winlog,
    }
    computer = text_of(system.get("Computer"))
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
    flat = [text_of(name) for value in names for name in (value if isinstance(value, list) else [value])]
    texts = {part.lower(): text_of(info.get(part)) for part in ("Message", "Level", "Task", "Opcode")}
    return {**texts, "keywords": [name for name in flat if name]}


def _winlog(
    event: Mapping[str, Any],
    system: Mapping[str, Any],
    provider: Mapping[str, str],
    code: str,
    rendered: dict[str, Any],
) -> dict[str, Any]:
    execution = attributes_of(system.get("Execution"))
    correlation = attributes_of(system.get("Correlation"))
    numbers = {part.lower(): _number(system.get(part)) for part in ("Version", "Level", "Task", "Opcode", "Keywords")}
    process = {"pid": _number(execution.get("ProcessID")), "thread": {"id": _number(execution.get("ThreadID"))}}
    opcode = numbers["opcode"]
    winlog = {
        "api": "wineventlog",
        "channel": text_of(system.get("Channel")),
        "event_id": code,
        "provider_name": provider.get("Name"),
        "provider_guid": with_braces(provider.get("Guid", "")),
        "record_id": _number(system.get("EventRecordID")),
        "computer_name": text_of(system.get("Computer")),
        "version": numbers["version"] or None,
        "task": rendered.get("task"),
        "opcode": rendered.get("opcode") or (OPCODES.get(opcode) if opcode is not None else None),
        "keywords": rendered.get("keywords") or _keyword_names(numbers["keywords"] or 0),
        "activity_id": with_braces(correlation.get("ActivityID", "")),
        "related_activity_id": with_braces(correlation.get("RelatedActivityID", "")),
        "process": process if execution else None,
        "user": {"identifier": user} if (user := attributes_of(system.get("Security")).get("UserID")) else None,
        "system": _numbers(numbers),
        "event_data": event_data_fields(event.get("EventData")),
        "user_data": user_data_fields(event.get("UserData")),
    }
    return {key: value for key, value in winlog.items() if value not in (None, "", {}, [])}


def _numbers(numbers: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the numbers of the System part, the keywords as Windows writes them."""
    return {
        part: hex(number) if part == "keywords" else number for part, number in numbers.items() if number is not None
    }


def _keyword_names(keywords: int) -> list[str]:
    return [name for bit, name in KEYWORDS.items() if keywords & bit]


def _number(value: Any) -> int | None:
    try:
        return int(text_of(value), 0)
    except ValueError:
        return None


def _timestamp(text: str) -> str:
    """Return a timestamp in milliseconds, as Winlogbeat writes it."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction[:3]:0<3}Z"
