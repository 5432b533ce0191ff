"""Which fields Winlogbeat's modules move, where to, and which must be computed from their parts.

Sources: Winlogbeat's documentation of its modules and exported fields, ECS 8.17, the Windows event documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.taxonomy import computed_fields, powershell_lines
from watcher.taxonomy.computed_fields import Compute, ComputedField, ComputedFromObjects
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, POWERSHELL_CORE, SECURITY, SYSMON, EventClass


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFields:
    """A row of the table: in these events the field's value, or its parts, are at other paths."""

    channels: tuple[str, ...]
    codes: tuple[str, ...] = ()  # empty: every code of the channels
    direct: tuple[str, ...] = ()
    computed: ComputedField | ComputedFromObjects | None = None

    def applies_to_some(self, event_class: EventClass) -> bool:
        """Whether the row holds for some event of a class."""
        if event_class.channel is not None and not self._has(event_class.channel):
            return False
        return not self.codes or not event_class.codes or any(code in self.codes for code in event_class.codes)

    def applies_to_all(self, event_class: EventClass) -> bool:
        """Whether the row holds for every event of a class."""
        if event_class.channel is None or not self._has(event_class.channel):
            return False
        return not self.codes or (bool(event_class.codes) and all(code in self.codes for code in event_class.codes))

    def _has(self, channel: str) -> bool:
        return channel.lower() in (name.lower() for name in self.channels)


def _sysmon(*codes: str, path: str) -> MovedFields:
    return MovedFields(channels=(SYSMON,), codes=codes, direct=(path,))


def _sysmon_computed(*codes: str, paths: tuple[str, ...], compute: Compute) -> MovedFields:
    return MovedFields(channels=(SYSMON,), codes=codes, computed=ComputedField(paths=paths, compute=compute))


def _security(*codes: str, path: str) -> MovedFields:
    return MovedFields(channels=(SECURITY,), codes=codes, direct=(path,))


def _hashes(group: str) -> tuple[str, ...]:
    return (*(f"{group}.hash.{name}" for name in ("sha1", "md5", "sha256")), f"{group}.pe.imphash")


_HASH_OF_PROCESS = ("1", "23", "24", "25", "26")
_HASH_OF_FILE = ("6", "7", "15", "26", "29")
_REGISTRY = ("12", "13", "14")
_PROCESS_MOVED = tuple(
    (
        "4624 4625 4648 4670 4673 4674 4689 4697 4719 4720 4722 4723 4724 4725 4726 4727 4728 4729 4730 4731 4732 4733 "
        "4734 4735 4737 4738 4740 4741 4742 4743 4744 4745 4746 4747 4748 4749 4750 4751 4752 4753 4754 4755 4756 4757 "
        "4758 4759 4760 4761 4762 4763 4764 4767 4768 4769 4770 4771 4798 4799 4817 4904 4905 4907 4912 5140 5145"
    ).split()
)
_SCRIPTS = (POWERSHELL, POWERSHELL_CORE)
_ANY_SHELL = (POWERSHELL, POWERSHELL_CORE, POWERSHELL_CLASSIC)


def _shell(path: str) -> tuple[MovedFields, ...]:
    return (MovedFields(channels=_ANY_SHELL, direct=(path,)),)


def _classic(*codes: str, path: str) -> MovedFields:
    return MovedFields(channels=(POWERSHELL_CLASSIC,), codes=codes, direct=(path,))


def _single_hash(name: str, *, last: str) -> tuple[MovedFields, ...]:
    return (
        _sysmon_computed(
            *_HASH_OF_PROCESS, paths=(f"process.{last}",), compute=computed_fields.upper(f"process.{last}")
        ),
        _sysmon_computed(*_HASH_OF_FILE, paths=(f"file.{last}",), compute=computed_fields.upper(f"file.{last}")),
        MovedFields(
            channels=(SYSMON,),
            computed=ComputedField(
                paths=("winlog.event_data.Hashes",), compute=computed_fields.hash_named(name), is_substring=True
            ),
        ),
    )


MOVED_FIELDS: Mapping[str, tuple[MovedFields, ...]] = {
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
    "ProcessId": (
        _sysmon(path="process.pid"),
        MovedFields(
            channels=(SECURITY,),
            codes=_PROCESS_MOVED,
            computed=ComputedField(paths=("process.pid",), compute=computed_fields.hexadecimal),
        ),
    ),
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
    "Destination": (_sysmon("20", path="process.executable"),),
    "Type": (_sysmon("25", path="message"),),
    "ID": (_sysmon("255", path="error.code"),),
    "Hashes": (
        _sysmon_computed(*_HASH_OF_PROCESS, paths=_hashes("process"), compute=computed_fields.hashes("process")),
        _sysmon_computed(*_HASH_OF_FILE, paths=_hashes("file"), compute=computed_fields.hashes("file")),
        _sysmon_computed("27", "28", paths=("related.hash",), compute=computed_fields.related_hashes),
    ),
    "Hash": (_sysmon_computed("15", paths=_hashes("file"), compute=computed_fields.hashes("file")),),
    **dict.fromkeys(("md5", "MD5"), _single_hash("MD5", last="hash.md5")),
    **dict.fromkeys(("sha1", "SHA1"), _single_hash("SHA1", last="hash.sha1")),
    **dict.fromkeys(("sha256", "SHA256"), _single_hash("SHA256", last="hash.sha256")),
    **dict.fromkeys(("imphash", "Imphash"), _single_hash("IMPHASH", last="pe.imphash")),
    "Details": (
        _sysmon_computed(
            *_REGISTRY, paths=("registry.data.strings", "registry.data.type"), compute=computed_fields.registry_details
        ),
    ),
    "User": (
        _sysmon_computed(paths=("user.domain", "user.name"), compute=computed_fields.domain_user),
        MovedFields(
            channels=_SCRIPTS,
            computed=ComputedField(paths=("user.domain", "user.name"), compute=computed_fields.domain_user),
        ),
    ),
    "UserId": (
        MovedFields(
            channels=(POWERSHELL_CLASSIC,),
            computed=ComputedField(paths=("user.domain", "user.name"), compute=computed_fields.domain_user),
        ),
    ),
    "Initiated": (_sysmon_computed("3", paths=("network.direction",), compute=computed_fields.initiated),),
    "SourceIsIpv6": (_sysmon_computed("3", paths=("network.type",), compute=computed_fields.is_ipv6),),
    "DestinationIsIpv6": (_sysmon_computed("3", paths=("network.type",), compute=computed_fields.is_ipv6),),
    "QueryStatus": (_sysmon_computed("22", paths=("sysmon.dns.status",), compute=computed_fields.dns_status),),
    "QueryResults": (
        _sysmon_computed("22", paths=("dns.answers.type", "dns.answers.data"), compute=computed_fields.dns_results),
    ),
    "IsExecutable": (_sysmon(path="sysmon.file.is_executable"),),
    "Archived": (_sysmon(path="sysmon.file.archived"),),
    "UtcTime": (_sysmon_computed(paths=("@timestamp",), compute=computed_fields.utc_time),),
    # Security
    "NewProcessName": (_security("4688", path="process.executable"),),
    "ParentProcessName": (_security("4688", path="process.parent.executable"),),
    "NewProcessId": (
        MovedFields(
            channels=(SECURITY,),
            codes=("4688",),
            computed=ComputedField(paths=("process.pid",), compute=computed_fields.hexadecimal),
        ),
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
    "ScriptBlockText": (
        MovedFields(channels=_SCRIPTS, codes=("4104",), direct=("powershell.file.script_block_text",)),
    ),
    "ScriptBlockId": (
        MovedFields(channels=_SCRIPTS, codes=("4104", "4105", "4106"), direct=("powershell.file.script_block_id",)),
    ),
    "Path": (MovedFields(channels=_SCRIPTS, codes=("4104",), direct=("file.path",)),),
    "ScriptName": (MovedFields(channels=_ANY_SHELL, direct=("file.path",)),),
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
    "ShellID": (MovedFields(channels=_SCRIPTS, direct=("powershell.id",)),),
    "Payload": (MovedFields(channels=_SCRIPTS, codes=("4103",), computed=powershell_lines.INVOCATION),),
    "ContextInfo": (MovedFields(channels=_SCRIPTS, codes=("4103",), computed=powershell_lines.CONTEXT),),
    "MessageNumber": (MovedFields(channels=_SCRIPTS, codes=("4104",), direct=("powershell.sequence",)),),
    "MessageTotal": (MovedFields(channels=_SCRIPTS, codes=("4104",), direct=("powershell.total",)),),
    "param1": (
        _classic("400", "403", path="powershell.engine.new_state"),
        _classic("600", path="powershell.provider.name"),
        _classic("800", path="powershell.command.value"),
    ),
    "param2": (
        _classic("400", "403", path="powershell.engine.previous_state"),
        _classic("600", path="powershell.provider.new_state"),
        MovedFields(channels=(POWERSHELL_CLASSIC,), codes=("800",), computed=powershell_lines.PIPELINE_LINES),
    ),
    "param3": (
        MovedFields(channels=(POWERSHELL_CLASSIC,), codes=("400", "403"), computed=powershell_lines.ENGINE_LINES),
        MovedFields(channels=(POWERSHELL_CLASSIC,), codes=("600",), computed=powershell_lines.PROVIDER_LINES),
        MovedFields(channels=(POWERSHELL_CLASSIC,), codes=("800",), computed=powershell_lines.INVOCATION),
    ),
}
