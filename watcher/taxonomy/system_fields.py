"""The fields of the System part of a Windows event → the paths and names that Winlogbeat writes for them.

Winlogbeat replaces the numbers of levels, operations and keywords by names. Rules write either, so that numbers are
computed from names again. Where a name stands for several numbers, the field has all of them. The reader of event logs
keeps the numbers below `winlog.system`, and those are exact.

Sources: the XML schema of Windows events, Winlogbeat's documentation of its exported fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watcher.event_files.system_names import KEYWORDS, LEVELS, OPCODES
from watcher.taxonomy.computed_fields import ComputedField, Parts

SYSTEM_NUMBERS = "winlog.system"
"""Path of the numbers that event logs hold and Winlogbeat replaces by names."""

SYSTEM_ALONE: Mapping[str, tuple[str, ...]] = {
    "EventID": ("winlog.event_id", "event.code"),
    "Provider_Name": ("winlog.provider_name",),
    "Computer": ("winlog.computer_name",),
    "EventRecordID": ("winlog.record_id",),
}
"""Fields that are never those of an event's data: an event about another event holds that one's id there."""

_ACTIVITY, _RELATED = ("winlog.activity_id",), ("winlog.related_activity_id",)
_PROCESS, _THREAD = ("winlog.process.pid",), ("winlog.process.thread.id",)
_USER, _TIME, _TASK = ("winlog.user.identifier",), ("@timestamp",), ("winlog.task",)

SYSTEM_FIELDS: Mapping[str, tuple[str, ...]] = {
    **SYSTEM_ALONE,
    "ActivityID": _ACTIVITY,
    "Channel": ("winlog.channel",),
    "ComputerName": ("winlog.computer_name",),
    "Correlation_ActivityID": _ACTIVITY,
    "Correlation_RelatedActivityID": _RELATED,
    "Execution_ProcessID": _PROCESS,
    "Execution_ThreadID": _THREAD,
    "Message": ("message",),
    "ProcessID": _PROCESS,
    "Provider_Guid": ("winlog.provider_guid",),
    "RelatedActivityID": _RELATED,
    "Security_UserID": _USER,
    "TaskCategory": _TASK,
    "ThreadID": _THREAD,
    "TimeCreated": _TIME,
    "TimeCreated_SystemTime": _TIME,
    "UserID": _USER,
    "Version": ("winlog.version",),
}
"""System field → the paths of its values; but for those above, a data field of the same name comes first."""


def _numbers_by_name(names: Mapping[int, str]) -> Mapping[str, tuple[str, ...]]:
    numbers: dict[str, tuple[str, ...]] = {}
    for number, name in sorted(names.items(), reverse=True):
        numbers[name.lower()] = (*numbers.get(name.lower(), ()), str(number))
    return numbers


_TASKS = {"none": ("0",)}
_AUDITED = {  # the tasks of the Security log
    103: "Service shutdown",
    104: "Log clear",
    12288: "Security State Change",
    12289: "Security System Extension",
    12290: "System Integrity",
    12292: "Other System Events",
    12544: "Logon",
    12545: "Logoff",
    12546: "Account Lockout",
    12548: "Special Logon",
    12551: "Other Logon/Logoff Events",
    12800: "File System",
    12801: "Registry",
    12802: "Kernel Object",
    12803: "SAM",
    12804: "Other Object Access Events",
    12805: "Certification Services",
    12807: "Handle Manipulation",
    12808: "File Share",
    12809: "Filtering Platform Packet Drop",
    12810: "Filtering Platform Connection",
    12811: "Detailed File Share",
    12812: "Removable Storage",
    13056: "Sensitive Privilege Use",
    13057: "Non Sensitive Privilege Use",
    13312: "Process Creation",
    13313: "Process Termination",
    13314: "DPAPI Activity",
    13315: "RPC Events",
    13316: "Plug and Play Events",
    13317: "Token Right Adjusted Events",
    13568: "Audit Policy Change",
    13569: "Authentication Policy Change",
    13570: "Authorization Policy Change",
    13571: "MPSSVC Rule-Level Policy Change",
    13572: "Filtering Platform Policy Change",
    13573: "Other Policy Change Events",
    13824: "User Account Management",
    13825: "Computer Account Management",
    13826: "Security Group Management",
    13827: "Distribution Group Management",
    13829: "Other Account Management Events",
    14080: "Directory Service Access",
    14081: "Directory Service Changes",
    14336: "Credential Validation",
    14337: "Kerberos Service Ticket Operations",
    14339: "Kerberos Authentication Service",
}
_SECURITY_TASKS = _numbers_by_name(_AUDITED)

_KEYWORD_BITS = {name.lower(): bit for bit, name in KEYWORDS.items()}
_CHANNEL_BITS = (1 << 63, 1 << 62, 0)  # the highest bits name the channel: the provider's first, second, or none
_LOG_SERVICE = "microsoft-windows-eventlog"  # writes to the Security log as its second channel


def _numbers(part: str) -> str:
    return f"{SYSTEM_NUMBERS}.{part}"


def _named(path: str, part: str, numbers: Mapping[str, tuple[str, ...]], *further: str) -> ComputedField:
    """Return the field whose values are the names at a path, and the numbers that they stand for."""
    exact = (_numbers(part), *further)

    def compute(parts: Parts) -> tuple[str, ...]:
        names = parts.get(path, ())
        exact_numbers = tuple(number for exact_path in exact for number in parts.get(exact_path, ()))
        return (*names, *(exact_numbers or (number for name in names for number in numbers.get(name.lower(), ()))))

    return ComputedField(paths=(path, *exact), compute=compute)


def _task() -> ComputedField:
    of_any, of_security = _named("winlog.task", "task", _TASKS), _named("winlog.task", "task", _SECURITY_TASKS)

    def compute(parts: Parts) -> tuple[str, ...]:
        is_security = any(channel.lower() == "security" for channel in parts.get("winlog.channel", ()))
        return (of_security if is_security else of_any).compute(parts)

    return ComputedField(paths=(*of_any.paths, "winlog.channel"), compute=compute)


def _keywords(parts: Parts) -> tuple[str, ...]:
    """Compute the names of the keywords, and the numbers in both spellings of which one is the event's."""
    names, exact = parts.get("winlog.keywords", ()), parts.get(_numbers("keywords"), ())
    if exact:
        return (*names, *_spellings(int(number, 0) for number in exact))
    bits = [_KEYWORD_BITS[name.lower()] for name in names if name.lower() in _KEYWORD_BITS]
    if not bits:
        return names
    if any(name.lower().startswith("audit") for name in names):
        is_log_service = any(name.lower() == _LOG_SERVICE for name in parts.get("winlog.provider_name", ()))
        channel_bits: tuple[int, ...] = (_CHANNEL_BITS[1],) if is_log_service else (_CHANNEL_BITS[0],)
    else:
        channel_bits = _CHANNEL_BITS
    return (*names, *_spellings(sum(bits) | channel_bit for channel_bit in channel_bits))


def _spellings(numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(text for number in numbers for text in (hex(number), str(number)))


def _version(parts: Parts) -> tuple[str, ...]:
    """Compute the version 0, which Winlogbeat leaves out."""
    return () if "winlog.version" in parts else ("0",)


_LEVEL = _named("log.level", "level", _numbers_by_name(LEVELS), "winlog.level")
_OPCODE = _named("winlog.opcode", "opcode", _numbers_by_name(OPCODES))
_TASK_NUMBER = _task()
_KEYWORD = ComputedField(paths=("winlog.keywords", _numbers("keywords"), "winlog.provider_name"), compute=_keywords)

COMPUTED_SYSTEM_FIELDS: Mapping[str, ComputedField] = {
    "Keywords": _KEYWORD,
    "Level": _LEVEL,
    "Opcode": _OPCODE,
    "Task": _TASK_NUMBER,
    "Version": ComputedField(paths=("winlog.version", "winlog.event_id"), compute=_version),
}
"""System fields whose values are computed from what Winlogbeat writes."""
