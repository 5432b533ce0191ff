"""Sigma's field names → where Winlogbeat puts their values.

A field's values stand under `winlog.event_data` or `winlog.user_data` by the name that Windows gives them, or, where
Winlogbeat's modules moved them, under an ECS name. A module that changes a value on the way (a hash list, a registry
DWORD) leaves parts of it; from those the value is built again.

Sources: Winlogbeat's documentation of its modules and exported fields, ECS 8.17, the Windows event documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from watcher.taxonomy import build
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, POWERSHELL_CORE, SECURITY, SYSMON, Where

Parts = Mapping[str, tuple[str, ...]]
DATA = ("winlog.event_data.", "winlog.user_data.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A value made from what a module left of it."""

    paths: tuple[str, ...]  # where the parts stand
    make: Callable[[Parts], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where the values of one Sigma field stand in an event of one channel and code."""

    direct: tuple[str, ...]  # the values of all these paths
    fallback: tuple[str, ...] = ()  # where those give nothing: the System field, or the same value by another name
    built: tuple[Built, ...] = ()  # where those give nothing too: the first that gives something


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """A row of the table: in these events the field's value stands (or its parts stand) elsewhere."""

    channels: tuple[str, ...]
    codes: tuple[str, ...] = ()  # empty: every code of the channels
    direct: tuple[str, ...] = ()
    built: Built | None = None

    def speaks_of(self, where: Where) -> bool:
        """Tell whether some event of that kind may have the value so."""
        if where.channel is not None and where.channel not in self.channels:
            return False
        return not self.codes or not where.codes or any(code in self.codes for code in where.codes)

    def speaks_of_all(self, where: Where) -> bool:
        """Tell whether the row holds for every event of that kind."""
        if where.channel is None or where.channel not in self.channels:
            return False
        return not self.codes or (bool(where.codes) and all(code in self.codes for code in where.codes))


_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "EventID": ("winlog.event_id", "event.code"),
    "Channel": ("winlog.channel",),
    "Provider_Name": ("winlog.provider_name",),
    "Provider_Guid": ("winlog.provider_guid",),
    "Computer": ("winlog.computer_name",),
    "ComputerName": ("winlog.computer_name",),
    "Level": ("log.level", "winlog.level"),
    "EventRecordID": ("winlog.record_id",),
    "UserID": ("winlog.user.identifier",),
    "Message": ("message",),
}

_PROCESS_AUDIT: Mapping[str, str] = {  # Security 4688 read as process creation
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "LogonId": "SubjectLogonId",
    "Details": "NewValue",
}


def _sysmon(*codes: str, path: str) -> _Moved:
    return _Moved(channels=(SYSMON,), codes=codes, direct=(path,))


def _sysmon_built(*codes: str, paths: tuple[str, ...], make: Callable[[Parts], tuple[str, ...]]) -> _Moved:
    return _Moved(channels=(SYSMON,), codes=codes, built=Built(paths=paths, make=make))


def _security(*codes: str, path: str) -> _Moved:
    return _Moved(channels=(SECURITY,), codes=codes, direct=(path,))


def _hashes(group: str) -> tuple[str, ...]:
    return (*(f"{group}.hash.{name}" for name in ("sha1", "md5", "sha256")), f"{group}.pe.imphash")


_HASH_OF_PROCESS = ("1", "23", "24", "25", "26")
_HASH_OF_FILE = ("6", "7", "15", "26", "29")
_REGISTRY = ("12", "13", "14")
_PROCESS_MOVED = (
    "4624",
    "4625",
    "4648",
    "4670",
    "4673",
    "4674",
    "4689",
    "4697",
    "4719",
    "4720",
    "4722",
    "4723",
    "4724",
    "4725",
    "4726",
    "4727",
    "4728",
    "4729",
    "4730",
    "4731",
    "4732",
    "4733",
    "4734",
    "4735",
    "4737",
    "4738",
    "4740",
    "4741",
    "4742",
    "4743",
    "4744",
    "4745",
    "4746",
    "4747",
    "4748",
    "4749",
    "4750",
    "4751",
    "4752",
    "4753",
    "4754",
    "4755",
    "4756",
    "4757",
    "4758",
    "4759",
    "4760",
    "4761",
    "4762",
    "4763",
    "4764",
    "4767",
    "4768",
    "4769",
    "4770",
    "4771",
    "4798",
    "4799",
    "4817",
    "4904",
    "4905",
    "4907",
    "4912",
    "5140",
    "5145",
)
_SCRIPTS = (POWERSHELL, POWERSHELL_CORE)
_ANY_SHELL = (POWERSHELL, POWERSHELL_CORE, POWERSHELL_CLASSIC)


def _shell(path: str) -> tuple[_Moved, ...]:
    return (_Moved(channels=_ANY_SHELL, direct=(path,)),)


def _one_hash(name: str, *, last: str) -> tuple[_Moved, ...]:
    return (
        _sysmon_built(*_HASH_OF_PROCESS, paths=(f"process.{last}",), make=build.upper(f"process.{last}")),
        _sysmon_built(*_HASH_OF_FILE, paths=(f"file.{last}",), make=build.upper(f"file.{last}")),
        _Moved(
            channels=(SYSMON,),
            built=Built(paths=("winlog.event_data.Hashes",), make=build.hash_named(name)),
        ),
    )


_MOVED: Mapping[str, tuple[_Moved, ...]] = {
    "Image": (_sysmon(path="process.executable"),),
    "SourceImage": (_sysmon("8", "10", path="process.executable"),),
    "CommandLine": (
        _sysmon("1", path="process.command_line"),
        _security("4688", path="process.command_line"),
        *_shell("powershell.command.value"),
    ),
    "CurrentDirectory": (_sysmon(path="process.working_directory"),),
    "ParentImage": (_sysmon("1", path="process.parent.executable"),),
    "ParentCommandLine": (_sysmon("1", path="process.parent.command_line"),),
    "ProcessGuid": (_sysmon(path="process.entity_id"),),
    "SourceProcessGuid": (_sysmon("8", "10", path="process.entity_id"),),
    "SourceProcessGUID": (_sysmon("8", "10", path="process.entity_id"),),
    "TargetProcessGuid": (_sysmon("8", "10", path="winlog.event_data.TargetProcessGUID"),),
    "ParentProcessGuid": (_sysmon("1", path="process.parent.entity_id"),),
    "ProcessId": (_sysmon(path="process.pid"),),
    "SourceProcessId": (_sysmon("8", "10", path="process.pid"),),
    "SourceThreadId": (_sysmon("8", "10", path="process.thread.id"),),
    "ParentProcessId": (_sysmon("1", path="process.parent.pid"),),
    "OriginalFileName": (
        _sysmon("1", path="process.pe.original_file_name"),
        _sysmon("7", path="file.pe.original_file_name"),
    ),
    "TargetFilename": (_sysmon("2", "11", "15", "23", "26", "27", "28", "29", path="file.path"),),
    "ImageLoaded": (_sysmon("6", "7", path="file.path"),),
    "Device": (_sysmon("9", path="file.path"),),
    "PipeName": (_sysmon("17", "18", path="file.name"),),
    "Protocol": (_sysmon("3", path="network.transport"),),
    "SourceIp": (_sysmon("3", path="source.ip"),),
    "SourcePort": (_sysmon("3", path="source.port"),),
    "SourceHostname": (_sysmon("3", path="source.domain"),),
    "DestinationIp": (_sysmon("3", path="destination.ip"),),
    "DestinationPort": (_sysmon("3", path="destination.port"),),
    "DestinationHostname": (_sysmon("3", path="destination.domain"),),
    "DestinationPortName": (_sysmon("3", path="network.protocol"),),
    "QueryName": (_sysmon("22", path="dns.question.name"),),
    "TargetObject": (_sysmon(*_REGISTRY, path="registry.path"),),
    "RuleName": (_sysmon(path="rule.name"),),
    "Destination": (_sysmon(path="process.executable"),),
    "Type": (_sysmon("25", path="message"),),
    "ID": (_sysmon("255", path="error.code"),),
    "Hashes": (
        _sysmon_built(*_HASH_OF_PROCESS, paths=_hashes("process"), make=build.hashes("process")),
        _sysmon_built(*_HASH_OF_FILE, paths=_hashes("file"), make=build.hashes("file")),
    ),
    "Hash": (_sysmon_built("15", paths=_hashes("file"), make=build.hashes("file")),),
    **dict.fromkeys(("md5", "MD5"), _one_hash("MD5", last="hash.md5")),
    **dict.fromkeys(("sha1", "SHA1"), _one_hash("SHA1", last="hash.sha1")),
    **dict.fromkeys(("sha256", "SHA256"), _one_hash("SHA256", last="hash.sha256")),
    **dict.fromkeys(("imphash", "Imphash"), _one_hash("IMPHASH", last="pe.imphash")),
    "Details": (
        _sysmon_built(*_REGISTRY, paths=("registry.data.strings", "registry.data.type"), make=build.registry_details),
    ),
    "User": (
        _sysmon_built(paths=("user.domain", "user.name"), make=build.domain_user),
        _Moved(channels=_SCRIPTS, built=Built(paths=("user.domain", "user.name"), make=build.domain_user)),
    ),
    "UserId": (
        _Moved(channels=(POWERSHELL_CLASSIC,), built=Built(paths=("user.domain", "user.name"), make=build.domain_user)),
    ),
    "Initiated": (_sysmon_built("3", paths=("network.direction",), make=build.initiated),),
    "SourceIsIpv6": (_sysmon_built("3", paths=("network.type",), make=build.is_ipv6),),
    "DestinationIsIpv6": (_sysmon_built("3", paths=("network.type",), make=build.is_ipv6),),
    "QueryStatus": (_sysmon_built("22", paths=("sysmon.dns.status",), make=build.dns_status),),
    "QueryResults": (_sysmon_built("22", paths=("dns.answers.type", "dns.answers.data"), make=build.dns_results),),
    "IsExecutable": (_sysmon("23", "26", path="sysmon.file.is_executable"),),
    "Archived": (_sysmon("23", "24", path="sysmon.file.archived"),),
    "UtcTime": (_sysmon_built(paths=("@timestamp",), make=build.utc_time),),
    # Security
    "NewProcessName": (_security("4688", path="process.executable"),),
    "ParentProcessName": (_security("4688", path="process.parent.executable"),),
    "NewProcessId": (
        _Moved(channels=(SECURITY,), codes=("4688",), built=Built(paths=("process.pid",), make=build.hexadecimal)),
    ),
    "ProcessName": (_security(*_PROCESS_MOVED, path="process.executable"),),
    "IpAddress": (_security(*_PROCESS_MOVED, path="source.ip"),),
    "IpPort": (_security(*_PROCESS_MOVED, path="source.port"),),
    "WorkstationName": (_security(*_PROCESS_MOVED, path="source.domain"),),
    "ClientAddress": (
        _security(*_PROCESS_MOVED, path="related.ip"),
        _security("4778", "4779", path="source.ip"),
    ),
    # PowerShell
    "ScriptBlockText": (_Moved(channels=_SCRIPTS, codes=("4104",), direct=("powershell.file.script_block_text",)),),
    "ScriptBlockId": (_Moved(channels=_SCRIPTS, codes=("4104",), direct=("powershell.file.script_block_id",)),),
    "Path": (_Moved(channels=_SCRIPTS, codes=("4104",), direct=("file.path",)),),
    "ScriptName": (_Moved(channels=_ANY_SHELL, direct=("file.path",)),),
    "HostApplication": _shell("process.command_line"),
    "HostName": _shell("process.title"),
    "HostId": _shell("process.entity_id"),
    "HostID": _shell("process.entity_id"),
    "EngineVersion": _shell("powershell.engine.version"),
    "HostVersion": _shell("powershell.process.executable_version"),
    "CommandName": _shell("powershell.command.name"),
    "CommandPath": _shell("powershell.command.path"),
    "CommandType": _shell("powershell.command.type"),
    "NewEngineState": _shell("powershell.engine.new_state"),
    "PreviousEngineState": _shell("powershell.engine.previous_state"),
    "NewProviderState": _shell("powershell.provider.new_state"),
    "ProviderName": _shell("powershell.provider.name"),
    "PipelineId": _shell("powershell.pipeline_id"),
    "RunspaceId": _shell("powershell.runspace_id"),
    "Payload": (
        _Moved(
            channels=_SCRIPTS,
            codes=("4103",),
            built=Built(paths=build.INVOCATION, make=build.invocation),
        ),
    ),
    "ContextInfo": (
        _Moved(channels=_SCRIPTS, codes=("4103",), built=Built(paths=build.CONTEXT, make=build.context_info)),
    ),
}

_WORD_EDGE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # `ThreatName` is written `Threat Name` by Defender
_SHELL_LINES = (
    "HostApplication",
    "HostName",
    "HostVersion",
    "HostId",
    "EngineVersion",
    "RunspaceId",
    "PipelineId",
    "CommandName",
    "CommandType",
    "ScriptName",
    "CommandPath",
    "CommandLine",
    "NewEngineState",
    "PreviousEngineState",
    "SequenceNumber",
    "NewProviderState",
    "ProviderName",
    "UserId",
    "DetailSequence",
    "DetailTotal",
)
_PARAMETERS = ("winlog.event_data.param1", "winlog.event_data.param2", "winlog.event_data.param3")


@cache
def reading(field: str, where: Where) -> Reading:
    """Tell where the values of a field may stand in some event of that kind."""
    rows = [row for row in _MOVED.get(field, ()) if row.speaks_of(where)]
    direct = [f"{prefix}{field}" for prefix in DATA]
    if where.process_audit and field in _PROCESS_AUDIT:
        audited = _PROCESS_AUDIT[field]
        inner = reading(audited, Where(channel=where.channel, codes=where.codes))
        direct, rows = [*inner.direct], []
    direct.extend(path for row in rows for path in row.direct)
    built = [row.built for row in rows if row.built is not None]
    if where.channel in (None, POWERSHELL_CLASSIC) and field in _SHELL_LINES:
        built.append(Built(paths=_PARAMETERS, make=build.line_value(field, _PARAMETERS)))
    return Reading(direct=_unique(direct), fallback=_fallback(field), built=tuple(built))


def _fallback(field: str) -> tuple[str, ...]:
    """Give the System field of that name, and the data fields whose names differ by spaces alone."""
    names = {field.replace(" ", ""), _WORD_EDGE.sub(" ", field)} - {field}
    spaced = tuple(f"{prefix}{name}" for name in sorted(names) for prefix in DATA)
    return (*_SYSTEM.get(field, ()), *spaced)


def _unique(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))


def certain(field: str, path: str, where: Where) -> bool:
    """Tell whether a path always holds a value of the field, in every event of that kind."""
    if path.startswith(DATA) and path.removeprefix(DATA[0]).removeprefix(DATA[1]) == field:
        return not (where.process_audit and field in _PROCESS_AUDIT)
    if where.process_audit and field in _PROCESS_AUDIT:
        return path in reading(field, where).direct
    return any(path in row.direct and row.speaks_of_all(where) for row in _MOVED.get(field, ()))
