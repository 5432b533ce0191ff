"""Flat records of Windows events, as NXLog and scripts write them → documents in Winlogbeat's raw shape.

Source: the fields of NXLog's module im_msvistalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.event_files.system_names import KEYWORDS, LEVELS
from watcher.model import Event

_CHANNEL = ("Channel", "LogName")
_CODE = ("EventID", "Id")
_COMPUTER = ("Hostname", "Computer", "ComputerName", "MachineName")
_TIME = ("@timestamp", "EventTime", "TimeCreated", "UtcTime")
_PROVIDER = ("SourceName", "Provider_Name")
_GUID = ("ProviderGuid", "Provider_Guid")
_RECORD = ("RecordNumber", "EventRecordID", "RecordId")
_SYSTEM = (*_CHANNEL, *_CODE, "Hostname", "Computer", "MachineName", "@timestamp", "EventTime", "TimeCreated")
_COLLECTOR = (  # what the collector says of itself, and names of values that are read
    *("EventReceivedTime", "SourceModuleName", "SourceModuleType", "Severity", "SeverityValue", "EventTypeOrignal"),
    *("ExecutionProcessID", "ExecutionThreadID", "ActivityID", "RelatedActivityID", "Keywords", "Task", "Category"),
    *("Opcode", "OpcodeValue", "Version", "Message", "UserID", "AccountName", "AccountType", "Domain", "Level"),
    *("host", "port", "tags", "@version"),
)
_OUTCOMES = ("INFO", "WARNING", "ERROR", "CRITICAL", "VERBOSE", "AUDIT_SUCCESS", "AUDIT_FAILURE")
_NO_DATA = frozenset((*_SYSTEM, *_PROVIDER, *_GUID, *_RECORD, *_COLLECTOR))


def is_flat(record: Mapping[str, Any]) -> bool:
    """Whether a record is an event of Windows with its System fields and its data beside each other."""
    return "winlog" not in record and all(isinstance(_first(record, names), str | int) for names in (_CHANNEL, _CODE))


def flat_document(record: Mapping[str, Any]) -> Event:
    """Return the document of a flat record."""
    code, time = str(_first(record, _CODE)), _first(record, _TIME)
    document: dict[str, Any] = {"event": {"code": code, "kind": "event"}, "winlog": _winlog(record, code)}
    if isinstance(time, str):
        document["@timestamp"] = time.replace(" ", "T", 1)
    computer = _first(record, _COMPUTER)
    if computer:
        document["host"] = {"name": computer}
    if record.get("Message"):
        document["message"] = record["Message"]
    level = _integer(record.get("Level"))
    if level is not None:
        document["log"] = {"level": LEVELS.get(level, "information")}
    return document


def _winlog(record: Mapping[str, Any], code: str) -> dict[str, Any]:
    keywords = _integer(record.get("Keywords"))
    numbers = {
        "version": _integer(record.get("Version")),
        "level": _integer(record.get("Level")),
        "task": _integer(record.get("Task")),
        "opcode": _integer(record.get("OpcodeValue")),
        "keywords": None if keywords is None else hex(keywords % (1 << 64)),  # NXLog writes them as signed numbers
    }
    process = {"pid": record.get("ExecutionProcessID"), "thread": {"id": record.get("ExecutionThreadID")}}
    winlog = {
        "channel": _first(record, _CHANNEL),
        "event_id": code,
        "provider_name": _first(record, _PROVIDER),
        "provider_guid": _first(record, _GUID),
        "record_id": _first(record, _RECORD),
        "computer_name": _first(record, _COMPUTER),
        "version": numbers["version"] or None,
        "task": record.get("Category"),
        "opcode": record.get("Opcode"),
        "keywords": [name for bit, name in KEYWORDS.items() if (keywords or 0) & bit],
        "activity_id": record.get("ActivityID"),
        "related_activity_id": record.get("RelatedActivityID"),
        "process": process if process["pid"] is not None else None,
        "user": {"identifier": record["UserID"]} if record.get("UserID") else None,
        "system": {name: number for name, number in numbers.items() if number is not None},
        "event_data": _event_data(record),
    }
    return {name: value for name, value in winlog.items() if value not in (None, "", {}, [])}


def _event_data(record: Mapping[str, Any]) -> dict[str, Any]:
    data = {name: value for name, value in record.items() if name not in _NO_DATA and value not in (None, "")}
    if record.get("EventTypeOrignal"):  # so NXLog calls the event's own field of that name
        data["EventType"] = record["EventTypeOrignal"]
    elif data.get("EventType") in _OUTCOMES:
        del data["EventType"]
    return data


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _integer(value: Any) -> int | None:
    try:
        return int(value, 0) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
