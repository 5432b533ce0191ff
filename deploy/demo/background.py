"""What goes on in a small Windows network while nothing happens: one maker per kind of event."""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from audit import ADDRESSES, logon, logon_failed, privileges, process_ended
from processes import (
    AGENT,
    BROWSER,
    DEFENDER,
    EXPLORER,
    POWERSHELL_EXE,
    PROCESSES,
    SVCHOST,
    SYSTEM32,
    process_audited,
    process_created,
)
from windows_events import (
    DOMAIN_SID,
    SERVICES,
    SYSTEM,
    Event,
    Kind,
    Seen,
    document,
    hashes,
    script_block,
    service_installed,
    stamp,
    sysmon,
)

Maker = Callable[[Seen, Random], Event]

_CONNECTIONS: Sequence[tuple[str, str, int, str]] = (  # image, address, port, name
    (BROWSER, "198.51.100.44", 443, "www.example.com"),
    (BROWSER, "198.51.100.71", 443, "cdn.example.net"),
    (SVCHOST, "198.51.100.5", 443, "update.example.org"),
    (f"{SYSTEM32}lsass.exe", "192.0.2.10", 88, "DC01.corp.example"),
    (AGENT, "192.0.2.31", 8443, "FILE01.corp.example"),
    (f"{SYSTEM32}inetsrv\\w3wp.exe", "192.0.2.40", 1433, "SQL01.corp.example"),
)
_LIBRARIES = ("crypt32.dll", "wininet.dll", "dnsapi.dll", "samsrv.dll", "taskschd.dll", "wbem\\wbemprox.dll")
_ACCESSES: Sequence[tuple[str, str, str]] = (  # source, target, mask
    (SVCHOST, f"{SYSTEM32}lsass.exe", "0x1000"),
    (DEFENDER, f"{SYSTEM32}lsass.exe", "0x1418"),
    (f"{SYSTEM32}wbem\\WmiPrvSE.exe", f"{SYSTEM32}lsass.exe", "0x1410"),
    (f"{SYSTEM32}csrss.exe", BROWSER, "0x1fffff"),
    (EXPLORER, f"{SYSTEM32}notepad.exe", "0x1410"),
)
_FILES: Sequence[tuple[str, str]] = (
    (BROWSER, "C:\\Users\\jdoe\\Downloads\\price-list.pdf.part"),
    (SVCHOST, "C:\\Windows\\SoftwareDistribution\\DataStore\\Logs\\edb00A1.log"),
    (f"{SYSTEM32}inetsrv\\w3wp.exe", "C:\\inetpub\\wwwroot\\upload\\photo-0815.jpg"),
    (AGENT, "D:\\Backup\\2026-11-23.vbk"),
    (POWERSHELL_EXE, "C:\\Users\\adm.miller\\AppData\\Local\\Temp\\__PSScriptPolicyTest_k3w0z1.ps1"),
)
_VALUES: Sequence[tuple[str, str]] = (
    ("HKLM\\System\\CurrentControlSet\\Services\\W32Time\\Config\\LastKnownGoodTime", "Binary Data"),
    ("HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Signature Updates\\SignatureUpdateCount", "DWORD (0x00000003)"),
    ("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\Example Backup", f'"{AGENT}" --tray'),
    (
        f"HKU\\{DOMAIN_SID}-1108\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\Count",
        "Binary Data",
    ),
)
_NAMES = ("www.example.com", "cdn.example.net", "update.example.org", "dc01.corp.example", "mail.corp.example")
_SCRIPTS: Sequence[tuple[str, str]] = (
    ("Get-PSDrive -PSProvider FileSystem | Select-Object Name, Used, Free", "C:\\Scripts\\Get-DiskSpace.ps1"),
    ("Get-ADUser -Filter 'Enabled -eq $true' -Properties LastLogonDate | Measure-Object", ""),
    ("Invoke-WebRequest -Uri https://update.example.org/feed.json -OutFile C:\\Scripts\\feed.json", ""),
    ("prompt", ""),
)
_STATES = (
    "Windows Update",
    "Background Intelligent Transfer Service",
    "Software Protection",
    "WMI Performance Adapter",
)


def _process(seen: Seen, chance: Random) -> Event:
    return process_created(seen, chance.choice(PROCESSES))


def _audited(seen: Seen, chance: Random) -> Event:
    return process_audited(seen, chance.choice(PROCESSES))


def _by(seen: Seen, image: str) -> dict[str, str]:
    return {"ProcessGuid": seen.guid(image), "ProcessId": seen.number(image), "Image": image}


def _connection(seen: Seen, chance: Random) -> Event:
    image, address, port, name = chance.choice(_CONNECTIONS)
    data = {
        **_by(seen, image),
        "User": "CORP\\jdoe" if image == BROWSER else SYSTEM,
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIsIpv6": "false",
        "SourceIp": chance.choice(ADDRESSES),
        "SourceHostname": seen.host,
        "SourcePort": str(chance.randint(49152, 65535)),
        "SourcePortName": "-",
        "DestinationIsIpv6": "false",
        "DestinationIp": address,
        "DestinationHostname": name,
        "DestinationPort": str(port),
        "DestinationPortName": {443: "https", 88: "kerberos"}.get(port, "-"),
    }
    return sysmon(seen, "3", data)


def _library(seen: Seen, chance: Random) -> Event:
    name = chance.choice(_LIBRARIES)
    path = f"{SYSTEM32}{name}"
    data = {
        **_by(seen, chance.choice((SVCHOST, f"{SYSTEM32}lsass.exe", AGENT))),
        "ImageLoaded": path,
        "FileVersion": "10.0.20348.1 (WinBuild.160101.0800)",
        "Description": name,
        "Product": "Microsoft® Windows® Operating System",
        "Company": "Microsoft Corporation",
        "OriginalFileName": name.rsplit("\\", 1)[-1],
        "Hashes": hashes(path),
        "Signed": "true",
        "Signature": "Microsoft Windows",
        "SignatureStatus": "Valid",
        "User": SYSTEM,
    }
    return sysmon(seen, "7", data)


def _access(seen: Seen, chance: Random) -> Event:
    source, target, mask = chance.choice(_ACCESSES)
    data = {
        "SourceProcessGUID": seen.guid(source),
        "SourceProcessId": seen.number(source),
        "SourceThreadId": str(chance.randint(200, 2400) * 4),
        "SourceImage": source,
        "TargetProcessGUID": seen.guid(target),
        "TargetProcessId": seen.number(target),
        "TargetImage": target,
        "GrantedAccess": mask,
        "CallTrace": f"C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|{SYSTEM32}KERNELBASE.dll+32f3e",
        "SourceUser": SYSTEM,
        "TargetUser": SYSTEM,
    }
    return sysmon(seen, "10", data)


def _file(seen: Seen, chance: Random) -> Event:
    image, path = chance.choice(_FILES)
    created = stamp(seen.time).replace("T", " ").removesuffix("Z")
    return sysmon(seen, "11", {**_by(seen, image), "TargetFilename": path, "CreationUtcTime": created, "User": SYSTEM})


def _value(seen: Seen, chance: Random) -> Event:
    path, details = chance.choice(_VALUES)
    data = {"EventType": "SetValue", **_by(seen, SVCHOST), "TargetObject": path, "Details": details, "User": SYSTEM}
    return sysmon(seen, "13", data)


def _name(seen: Seen, chance: Random) -> Event:
    data = {
        **_by(seen, chance.choice((BROWSER, SVCHOST, AGENT))),
        "QueryName": chance.choice(_NAMES),
        "QueryStatus": "0",
        "QueryResults": f"::ffff:{chance.choice(('198.51.100.44', '198.51.100.71', '192.0.2.10'))};",
        "User": "CORP\\jdoe",
    }
    return sysmon(seen, "22", data)


def _script(seen: Seen, chance: Random) -> Event:
    text, path = chance.choice(_SCRIPTS)
    return script_block(seen, text, path=path)


def _service_state(seen: Seen, chance: Random) -> Event:
    name, state = chance.choice(_STATES), chance.choice(("running", "stopped"))
    text = f"The {name} service entered the {state} state."
    return document(Kind(SERVICES, "7036"), seen, {"param1": name, "param2": state}, text)


def _service(seen: Seen, _chance: Random) -> Event:
    return service_installed(seen, "Example Backup Agent", f'"{AGENT}" --service', start="auto start")


MAKERS: Mapping[Maker, int] = {  # maker → how often, of 100
    _process: 13,
    _audited: 10,
    process_ended: 8,
    _connection: 11,
    _library: 7,
    _access: 8,
    _file: 7,
    _value: 6,
    _name: 8,
    logon: 8,
    logon_failed: 2,
    privileges: 4,
    _script: 3,
    _service_state: 4,
    _service: 1,
}
