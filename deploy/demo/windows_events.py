"""Windows events as Winlogbeat ships them without modules: everything under `winlog.event_data`."""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Event = dict[str, Any]
Data = Mapping[str, str]
Section = tuple[str, Mapping[str, str]]

SYSTEM = "NT AUTHORITY\\SYSTEM"
EMPTY_GUID = "{00000000-0000-0000-0000-000000000000}"
DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A channel, and what every event of it says about its provider."""

    channel: str
    provider: str
    guid: str
    keywords: tuple[str, ...] = ()
    user: str = ""  # a SID: the account that the provider runs as
    level: str = "information"
    opcode: str = "Info"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event of a log."""

    log: Log
    code: str
    task: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where and when something was logged."""

    host: str
    time: datetime
    record: int
    pid: int = 4

    @property
    def short(self) -> str:
        """The host's name without its domain."""
        return self.host.split(".")[0].upper()

    def guid(self, text: str) -> str:
        """Return the identifier that Sysmon would give to a process of this host."""
        digest = hashlib.sha256(f"{self.host}/{text}".encode()).hexdigest().upper()
        return f"{{{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:26]}000000}}"

    def number(self, text: str) -> str:
        """Return a process identifier, the same for the same text."""
        return str(int(hashlib.sha256(f"{self.host}/{text}".encode()).hexdigest()[:3], 16) * 4 + 400)


SYSMON = Log(
    channel="Microsoft-Windows-Sysmon/Operational",
    provider="Microsoft-Windows-Sysmon",
    guid="{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
    user="S-1-5-18",
)
SECURITY = Log(
    channel="Security",
    provider="Microsoft-Windows-Security-Auditing",
    guid="{54849625-5478-4994-A5BA-3E3B0328C30D}",
    keywords=("Audit Success",),
)
SECURITY_FAILURE = Log(
    channel=SECURITY.channel, provider=SECURITY.provider, guid=SECURITY.guid, keywords=("Audit Failure",)
)
POWERSHELL = Log(
    channel="Microsoft-Windows-PowerShell/Operational",
    provider="Microsoft-Windows-PowerShell",
    guid="{A0C1853B-5C40-4B15-8766-3CF1C58F985A}",
    user=f"{DOMAIN_SID}-1108",
    level="verbose",
    opcode="On create calls",
)
SERVICES = Log(
    channel="System",
    provider="Service Control Manager",
    guid="{555908d1-a6d7-4695-8e1e-26931d2012f4}",
    keywords=("Classic",),
)

_SYSMON_TASKS: Mapping[str, tuple[str, str, int]] = {  # event id → headline, rule that logged it, version
    "1": ("Process Create", "ProcessCreate", 5),
    "3": ("Network connection detected", "NetworkConnect", 5),
    "7": ("Image loaded", "ImageLoad", 3),
    "10": ("Process accessed", "ProcessAccess", 3),
    "11": ("File created", "FileCreate", 2),
    "13": ("Registry value set", "RegistryEvent", 2),
    "20": ("WmiEventConsumer activity detected", "WmiEvent", 3),
    "21": ("WmiEventConsumerToFilter activity detected", "WmiEvent", 3),
    "22": ("Dns query", "DnsQuery", 5),
}


def stamp(time: datetime) -> str:
    """Write a time as Winlogbeat does."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def document(kind: Kind, seen: Seen, data: Data, message: str) -> Event:
    """Return the document of one event; values that are empty are left out, as Winlogbeat does."""
    return {
        "@timestamp": stamp(seen.time),
        "event": _event(kind, seen),
        "host": {"name": seen.host},
        "log": {"level": kind.log.level},
        "message": message,
        "winlog": _winlog(kind, seen) | {"event_data": {name: value for name, value in data.items() if value}},
        "agent": _agent(seen),
        "ecs": {"version": "8.0.0"},
    }


def _winlog(kind: Kind, seen: Seen) -> Event:
    log = kind.log
    winlog: Event = {
        "channel": log.channel,
        "event_id": kind.code,
        "provider_name": log.provider,
        "provider_guid": log.guid,
        "api": "wineventlog",
        "record_id": seen.record,
        "computer_name": seen.host,
        "opcode": log.opcode,
        "process": {"pid": seen.pid, "thread": {"id": seen.pid + 12}},
    }
    if log.user == "S-1-5-18":
        winlog["user"] = {"identifier": log.user, "name": "SYSTEM", "domain": "NT AUTHORITY", "type": "User"}
    elif log.user:
        winlog["user"] = {"identifier": log.user, "name": "jdoe", "domain": "CORP", "type": "User"}
    named = {"keywords": list(log.keywords), "task": kind.task, "version": kind.version}
    return winlog | {name: value for name, value in named.items() if value}


def _event(kind: Kind, seen: Seen) -> Event:
    event = {"code": kind.code, "kind": "event", "provider": kind.log.provider, "created": stamp(seen.time)}
    if kind.task:
        event["action"] = kind.task
    outcomes = {"Audit Success": "success", "Audit Failure": "failure"}
    for word in set(kind.log.keywords) & set(outcomes):
        event["outcome"] = outcomes[word]
    return event


def _agent(seen: Seen) -> Event:
    digest = hashlib.sha256(seen.host.encode()).hexdigest()
    identifiers = [
        f"{part[:8]}-{part[8:12]}-4{part[13:16]}-8{part[17:20]}-{part[20:32]}" for part in (digest[:32], digest[32:])
    ]
    return {
        "type": "winlogbeat",
        "version": "8.19.0",
        "name": seen.short,
        "id": identifiers[0],
        "ephemeral_id": identifiers[1],
    }


def sysmon(seen: Seen, code: str, data: Data) -> Event:
    """Make a Sysmon event; its text lists its data."""
    headline, rule, version = _SYSMON_TASKS[code]
    utc = stamp(seen.time).replace("T", " ").removesuffix("Z")
    values = {"RuleName": "-", "UtcTime": utc, **data}
    text = "\n".join([f"{headline}:", *(f"{name}: {value}" for name, value in values.items())])
    return document(Kind(SYSMON, code, f"{headline} (rule: {rule})", version), seen, values, text)


def rendered(first: str, *sections: Section) -> str:
    """Write the text of an audit event: a sentence and its sections."""
    blocks = [first]
    for title, entries in sections:
        lines = [f"\t{name}:\t\t{value}" for name, value in entries.items()]
        blocks.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join(blocks)


def hashes(path: str) -> str:
    """Return the hash list that Sysmon would write for a file."""
    digest = hashlib.sha512(path.lower().encode()).hexdigest().upper()
    return f"MD5={digest[:32]},SHA256={digest[32:96]},IMPHASH={digest[96:128]}"


def subject(data: Data, title: str = "Subject") -> Section:
    """Return the section of an audit event's text that says who did it."""
    return title, {
        "Security ID": data["SubjectUserSid"],
        "Account Name": data["SubjectUserName"],
        "Account Domain": data["SubjectDomainName"],
        "Logon ID": data["SubjectLogonId"],
    }


def service_installed(seen: Seen, name: str, image_path: str, *, start: str = "demand start") -> Event:
    """Make System 7045."""
    data = {
        "ServiceName": name,
        "ImagePath": image_path,
        "ServiceType": "user mode service",
        "StartType": start,
        "AccountName": "LocalSystem",
    }
    labels = ("Service Name", "Service File Name", "Service Type", "Service Start Type", "Service Account")
    lines = [f"{label}:  {value}" for label, value in zip(labels, data.values(), strict=True)]
    text = "A service was installed in the system.\n\n" + "\n".join(lines)
    return document(Kind(SERVICES, "7045"), seen, data, text)


def script_block(seen: Seen, text: str, *, path: str = "") -> Event:
    """Make PowerShell 4104."""
    identifier = seen.guid(text).strip("{}").lower()
    data = {
        "MessageNumber": "1",
        "MessageTotal": "1",
        "ScriptBlockText": text,
        "ScriptBlockId": identifier,
        "Path": path,
    }
    message = f"Creating Scriptblock text (1 of 1):\n{text}\n\nScriptBlock ID: {identifier}\nPath: {path}"
    return document(Kind(POWERSHELL, "4104", "Execute a Remote Command", 1), seen, data, message)
