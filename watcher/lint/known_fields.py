"""The fields that Windows and Sysmon write, by channel and event id.

Sources: Sysmon's schema 4.90, the Windows event documentation of Security and PowerShell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from watcher.taxonomy.field_locations import system_fields
from watcher.taxonomy.logsources import (
    POWERSHELL,
    POWERSHELL_CLASSIC,
    POWERSHELL_CORE,
    SECURITY,
    SYSMON,
    EventClass,
    LogSourceEvents,
)
from watcher.taxonomy.moved_fields import MOVED_FIELDS
from watcher.taxonomy.powershell_lines import LINES

_PROCESS = "ProcessGuid ProcessId Image User"
_VERSIONS = "FileVersion Description Product Company OriginalFileName"
_HASHES = "Hashes md5 MD5 sha1 SHA1 sha256 SHA256 imphash Imphash"
_SIGNED = "Signed Signature SignatureStatus"
_REGISTRY = f"{_PROCESS} EventType TargetObject"
_WMI = "EventType Operation User"

_SYSMON: Mapping[str, str] = {
    "1": f"{_PROCESS} {_VERSIONS} {_HASHES} CommandLine CurrentDirectory LogonGuid LogonId TerminalSessionId "
    "IntegrityLevel ParentProcessGuid ParentProcessId ParentImage ParentCommandLine ParentUser",
    "2": f"{_PROCESS} TargetFilename CreationUtcTime PreviousCreationUtcTime",
    "3": f"{_PROCESS} Protocol Initiated SourceIsIpv6 SourceIp SourceHostname SourcePort SourcePortName "
    "DestinationIsIpv6 DestinationIp DestinationHostname DestinationPort DestinationPortName",
    "4": "State Version SchemaVersion",
    "5": _PROCESS,
    "6": f"ImageLoaded {_HASHES} {_SIGNED}",
    "7": f"{_PROCESS} ImageLoaded {_VERSIONS} {_HASHES} {_SIGNED}",
    "8": "SourceProcessGuid SourceProcessId SourceImage TargetProcessGuid TargetProcessId TargetImage NewThreadId "
    "StartAddress StartModule StartFunction SourceUser TargetUser",
    "9": f"{_PROCESS} Device",
    "10": "SourceProcessGUID SourceProcessId SourceThreadId SourceImage TargetProcessGUID TargetProcessId TargetImage "
    "GrantedAccess CallTrace SourceUser TargetUser",
    "11": f"{_PROCESS} TargetFilename CreationUtcTime",
    "12": _REGISTRY,
    "13": f"{_REGISTRY} Details",
    "14": f"{_REGISTRY} NewName",
    "15": f"{_PROCESS} TargetFilename CreationUtcTime Hash Contents {_HASHES}",
    "16": "Configuration ConfigurationFileHash",
    "17": f"{_PROCESS} EventType PipeName",
    "18": f"{_PROCESS} EventType PipeName",
    "19": f"{_WMI} EventNamespace Name Query",
    "20": f"{_WMI} Name Type Destination",
    "21": f"{_WMI} Consumer Filter",
    "22": f"{_PROCESS} QueryName QueryStatus QueryResults",
    "23": f"{_PROCESS} TargetFilename {_HASHES} IsExecutable Archived",
    "24": f"{_PROCESS} Session ClientInfo {_HASHES} Archived",
    "25": f"{_PROCESS} Type",
    "26": f"{_PROCESS} TargetFilename {_HASHES} IsExecutable",
    "27": f"{_PROCESS} TargetFilename {_HASHES}",
    "28": f"{_PROCESS} TargetFilename {_HASHES} IsExecutable",
    "29": f"{_PROCESS} TargetFilename {_HASHES}",
    "255": "ID Description",
}
_PROCESS_AUDIT = (
    "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId NewProcessId NewProcessName TokenElevationType "
    "ProcessId CommandLine TargetUserSid TargetUserName TargetDomainName TargetLogonId ParentProcessName "
    "MandatoryLabel Image ParentImage LogonId"
)
_SHELL: Mapping[str, str] = {
    "4103": "ContextInfo UserData Payload",
    "4104": "MessageNumber MessageTotal ScriptBlockText ScriptBlockId Path",
}
_EVERYWHERE = frozenset((*system_fields(), "RuleName", "UtcTime", "Data", "EventData"))


@cache
def fields_of(logsource_events: LogSourceEvents) -> frozenset[str] | None:
    """Return the fields that events of a log source may have, None if they are not documented here."""
    parts = [_fields_of_class(event_class) for event_class in logsource_events.event_classes]
    if any(part is None for part in parts):
        return None
    return _EVERYWHERE.union(*(part for part in parts if part is not None))


@cache
def spellings_of(logsource_events: LogSourceEvents) -> Mapping[str, str]:
    """Return the field names of a log source by their lower-case form."""
    fields = fields_of(logsource_events)
    if fields is None and all(event_class.channel == SECURITY for event_class in logsource_events.event_classes):
        fields = _EVERYWHERE.union(MOVED_FIELDS)
    return {name.lower(): name for name in sorted(fields or _EVERYWHERE)}


def _fields_of_class(event_class: EventClass) -> frozenset[str] | None:
    if event_class.process_audit:
        return frozenset(_PROCESS_AUDIT.split())
    tables = {SYSMON: _SYSMON, POWERSHELL: _SHELL, POWERSHELL_CORE: _SHELL}.get(event_class.channel or "")
    if event_class.channel == POWERSHELL_CLASSIC and event_class.codes:
        return frozenset((*LINES, "param1", "param2", "param3"))
    if tables is None or not event_class.codes or not all(code in tables for code in event_class.codes):
        return None
    return frozenset(name for code in event_class.codes for name in tables[code].split())
