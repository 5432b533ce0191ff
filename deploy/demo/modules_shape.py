"""The same events after Winlogbeat's modules: many values stand under ECS names instead."""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]

_CATEGORIES: Mapping[str, str] = {  # the code → ECS' word for what it is about
    "1": "process",
    "3": "network",
    "7": "process",
    "10": "process",
    "11": "file",
    "13": "registry",
    "22": "network",
    "4624": "authentication",
    "4625": "authentication",
    "4688": "process",
    "4689": "process",
}
_MOVED = {
    "Image": "process.executable",
    "SourceImage": "process.executable",
    "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory",
    "ProcessGuid": "process.entity_id",
    "SourceProcessGUID": "process.entity_id",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line",
    "ParentProcessGuid": "process.parent.entity_id",
    "TargetFilename": "file.path",
    "ImageLoaded": "file.path",
    "Protocol": "network.transport",
    "SourceIp": "source.ip",
    "SourceHostname": "source.domain",
    "DestinationIp": "destination.ip",
    "DestinationHostname": "destination.domain",
    "DestinationPortName": "network.protocol",
    "QueryName": "dns.question.name",
}
_NUMBERS = {
    "ProcessId": "process.pid",
    "SourceProcessId": "process.pid",
    "SourceThreadId": "process.thread.id",
    "ParentProcessId": "process.parent.pid",
    "SourcePort": "source.port",
    "DestinationPort": "destination.port",
}
_RESOURCES = {
    "Company": "company",
    "Description": "description",
    "FileVersion": "file_version",
    "Product": "product",
}
_DROPPED = (
    "UtcTime",
    "SourceIsIpv6",
    "DestinationIsIpv6",
    "QueryResults",
    "QueryStatus",
    "Initiated",
    "SourcePortName",
)
_LOGON_TYPES = {"2": "Interactive", "3": "Network", "5": "Service", "7": "Unlock", "10": "RemoteInteractive"}
_WORD = re.compile(r'(?:"[^"]*"|[^\s"])+')


def with_modules(event: Event) -> Event:
    """Return the document that the modules would make of a raw one."""
    moved = copy.deepcopy(event)
    winlog = moved["winlog"]
    shapes = {
        "Microsoft-Windows-Sysmon/Operational": _sysmon,
        "Security": _security,
        "Microsoft-Windows-PowerShell/Operational": _powershell,
    }
    shape = shapes.get(winlog["channel"])
    if shape is None:
        return moved
    shape(moved, winlog["event_data"])
    winlog["record_id"] = str(winlog["record_id"])
    if not winlog["event_data"]:
        del winlog["event_data"]
    return moved


def _put(event: Event, path: str, value: object) -> None:
    *names, last = path.split(".")
    for name in names:
        event = event.setdefault(name, {})
    event[last] = value


def _move(event: Event, data: dict[str, str], name: str, path: str) -> None:
    if name in data:
        _put(event, path, data.pop(name))


def _kind(event: Event, module: str) -> None:
    event["event"]["module"] = module
    code = event["event"]["code"]
    if code in _CATEGORIES:
        event["event"]["category"] = [_CATEGORIES[code]]


def _names(event: Event) -> None:
    """Add what is read off paths and command lines."""
    process = event.get("process", {})
    for fields in (process, process.get("parent", {})):
        if "executable" in fields:
            fields["name"] = fields["executable"].rsplit("\\", 1)[-1]
        if "command_line" in fields:
            fields["args"] = [word.replace('"', "") for word in _WORD.findall(fields["command_line"])]
            fields["args_count"] = len(fields["args"])
    file = event.get("file", {})
    if "path" in file:
        file["directory"], file["name"] = file["path"].rsplit("\\", 1)
        if "." in file["name"]:
            file["extension"] = file["name"].rsplit(".", 1)[1]


def _related(event: Event) -> None:
    """List the addresses that occur, as the modules do for searches."""
    addresses = [event[side]["ip"] for side in ("source", "destination") if "ip" in event.get(side, {})]
    addresses += event.get("dns", {}).get("resolved_ip", [])
    if addresses:
        event.setdefault("related", {})["ip"] = list(dict.fromkeys(addresses))


def _user(event: Event, domain: str, name: str) -> None:
    event["user"] = event.get("user", {}) | {"domain": domain, "name": name}
    event.setdefault("related", {})["user"] = [name]


def _sysmon(event: Event, data: dict[str, str]) -> None:
    _kind(event, "sysmon")
    code = event["event"]["code"]
    for name in [name for name, value in data.items() if value == "-"]:
        del data[name]
    _lists(event, data, code)
    if "OriginalFileName" in data:
        _put(event, f"{'file' if code == '7' else 'process'}.pe.original_file_name", data.pop("OriginalFileName"))
    event["user"] = {"id": event["winlog"]["user"]["identifier"]}
    if "User" in data:
        _user(event, *data.pop("User").split("\\"))
    for name, path in _MOVED.items():
        _move(event, data, name, path)
    for name, path in _NUMBERS.items():
        if name in data:
            _put(event, path, int(data.pop(name)))
    _registry(event, data)
    _names(event)
    _related(event)
    for name in _DROPPED:
        data.pop(name, None)


def _lists(event: Event, data: dict[str, str], code: str) -> None:
    """Take apart the values that hold several things."""
    owner = "file" if code == "7" else "process"
    for entry in filter(None, data.pop("Hashes", "").split(",")):
        name, _, value = entry.partition("=")
        path = "pe.imphash" if name == "IMPHASH" else f"hash.{name.lower()}"
        _put(event, f"{owner}.{path}", value.lower())
    for name, part in _RESOURCES.items():
        if name in data:
            _put(event, f"{owner}.pe.{part}", data[name])
    for name, part in (("Signature", "subject_name"), ("SignatureStatus", "status")):
        if name in data:
            _put(event, f"file.code_signature.{part}", data[name])
    if "Initiated" in data:
        _put(event, "network.direction", "egress" if data["Initiated"] == "true" else "ingress")
        _put(event, "network.type", "ipv6" if data["SourceIsIpv6"] == "true" else "ipv4")
    if "QueryResults" in data:
        answers = [answer.removeprefix("::ffff:") for answer in data["QueryResults"].split(";") if answer]
        _put(event, "dns.answers", [{"type": "A", "data": answer} for answer in answers])
        _put(event, "dns.resolved_ip", answers)
        _put(event, "sysmon.dns.status", "SUCCESS")
        _put(event, "network.protocol", "dns")


def _registry(event: Event, data: dict[str, str]) -> None:
    if "TargetObject" not in data:
        return
    path = data.pop("TargetObject")
    hive, _, key = path.partition("\\")
    event["registry"] = {"path": path, "hive": hive, "key": key, "value": path.rsplit("\\", 1)[-1]}
    details = data.pop("Details", "")
    number = re.fullmatch(r"DWORD \((0x[0-9a-f]{8})\)", details)
    if number:
        event["registry"]["data"] = {"strings": [str(int(number[1], 16))], "type": "SZ_DWORD"}
    elif details:
        kind = "REG_BINARY" if details == "Binary Data" else "REG_SZ"
        event["registry"]["data"] = {"strings": [details], "type": kind}


def _security(event: Event, data: dict[str, str]) -> None:
    code = event["event"]["code"]
    _kind(event, "security")
    who = "Target" if code in ("4624", "4625") else "Subject"
    event["user"] = {"id": data[f"{who}UserSid"]}
    _user(event, data[f"{who}DomainName"], data[f"{who}UserName"])
    _put(event, "winlog.logon.id", data["SubjectLogonId"])
    if "LogonType" in data:
        _put(event, "winlog.logon.type", _LOGON_TYPES[data["LogonType"]])
    if code == "4672":
        event["winlog"]["event_data"]["PrivilegeList"] = data["PrivilegeList"].split()
    if code == "4688":
        _put(event, "process.parent.pid", int(data["ProcessId"], 16))
        _put(event, "process.pid", int(data.pop("NewProcessId"), 16))
        _put(event, "process.command_line", data["CommandLine"])
        _move(event, data, "NewProcessName", "process.executable")
        _move(event, data, "ParentProcessName", "process.parent.executable")
    elif "ProcessId" in data:
        _put(event, "process.pid", int(data.pop("ProcessId"), 16))
        _move(event, data, "ProcessName", "process.executable")
    if data.get("IpAddress", "-") != "-":
        _move(event, data, "IpAddress", "source.ip")
        _put(event, "source.port", int(data.pop("IpPort")))
    _move(event, data, "WorkstationName", "source.domain")
    _names(event)
    _related(event)


def _powershell(event: Event, data: dict[str, str]) -> None:
    event["event"] |= {"category": "process", "type": "info"}
    event["user"] = {"id": event["winlog"]["user"]["identifier"]}
    _put(event, "powershell.sequence", int(data.pop("MessageNumber")))
    _put(event, "powershell.total", int(data.pop("MessageTotal")))
    _move(event, data, "ScriptBlockText", "powershell.file.script_block_text")
    _move(event, data, "ScriptBlockId", "powershell.file.script_block_id")
    _move(event, data, "Path", "file.path")
    _names(event)
