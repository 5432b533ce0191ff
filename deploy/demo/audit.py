"""What the Security log tells of people and programs that come and go."""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

from random import Random

from processes import PROCESSES
from windows_events import (
    DOMAIN_SID,
    EMPTY_GUID,
    SECURITY,
    SECURITY_FAILURE,
    Data,
    Event,
    Kind,
    Section,
    Seen,
    document,
    rendered,
    subject,
)

ADDRESSES = ("192.0.2.10", "192.0.2.20", "192.0.2.31", "192.0.2.57", "192.0.2.112")


def _account(seen: Seen, chance: Random) -> tuple[str, str]:
    name, sid = chance.choice(
        (("jdoe", "1108"), ("asmith", "1109"), ("svc-backup", "1120"), (f"{seen.short}$", "1001"))
    )
    return name, f"{DOMAIN_SID}-{sid}"


def _logon_data(seen: Seen, chance: Random) -> dict[str, str]:
    name, sid = _account(seen, chance)
    return {
        "SubjectUserSid": "S-1-0-0",
        "SubjectUserName": "-",
        "SubjectDomainName": "-",
        "SubjectLogonId": "0x0",
        "TargetUserSid": sid,
        "TargetUserName": name,
        "TargetDomainName": "CORP",
        "LogonType": "3",
        "LogonProcessName": "Kerberos",
        "AuthenticationPackageName": "Kerberos",
        "WorkstationName": "-",
        "ProcessId": "0x0",
        "ProcessName": "-",
        "IpAddress": chance.choice(ADDRESSES),
        "IpPort": str(chance.randint(49152, 65535)),
    }


def _origin(data: Data) -> Section:
    return "Network Information", {
        "Workstation Name": data["WorkstationName"],
        "Source Network Address": data["IpAddress"],
        "Source Port": data["IpPort"],
    }


def logon(seen: Seen, chance: Random) -> Event:
    """Make Security 4624."""
    logon_id = hex(chance.randint(0x10000, 0xFFFFFF))
    data = _logon_data(seen, chance) | {"TargetLogonId": logon_id, "LogonGuid": EMPTY_GUID, "ElevatedToken": "%%1843"}
    who = {"Security ID": data["TargetUserSid"], "Account Name": data["TargetUserName"], "Logon ID": logon_id}
    text = rendered("An account was successfully logged on.", subject(data), ("New Logon", who), _origin(data))
    return document(Kind(SECURITY, "4624", "Logon", 2), seen, data, text)


def logon_failed(seen: Seen, chance: Random) -> Event:
    """Make Security 4625."""
    failure = {"TargetUserSid": "S-1-0-0", "Status": "0xc000006d", "SubStatus": "0xc000006a", "FailureReason": "%%2313"}
    data = _logon_data(seen, chance) | failure
    why = {"Failure Reason": "Unknown user name or bad password.", "Status": "0xC000006D", "Sub Status": "0xC000006A"}
    text = rendered("An account failed to log on.", subject(data), ("Failure Information", why), _origin(data))
    return document(Kind(SECURITY_FAILURE, "4625", "Logon"), seen, data, text)


def _by_account(seen: Seen, chance: Random) -> dict[str, str]:
    name, sid = _account(seen, chance)
    logon_id = hex(chance.randint(0x10000, 0xFFFFFF))
    return {"SubjectUserSid": sid, "SubjectUserName": name, "SubjectDomainName": "CORP", "SubjectLogonId": logon_id}


def privileges(seen: Seen, chance: Random) -> Event:
    """Make Security 4672."""
    privileges = ("SeSecurityPrivilege", "SeBackupPrivilege", "SeRestorePrivilege", "SeImpersonatePrivilege")
    data = _by_account(seen, chance) | {"PrivilegeList": "\n\t\t\t".join(privileges)}
    text = (
        rendered("Special privileges assigned to new logon.", subject(data))
        + f"\n\nPrivileges:\t\t{data['PrivilegeList']}"
    )
    return document(Kind(SECURITY, "4672", "Special Logon"), seen, data, text)


def process_ended(seen: Seen, chance: Random) -> Event:
    """Make Security 4689."""
    image = chance.choice(PROCESSES).image
    process = {"ProcessId": hex(chance.randint(300, 3000) * 4), "ProcessName": image}
    data = _by_account(seen, chance) | {"Status": "0x0"} | process
    what = {"Process ID": data["ProcessId"], "Process Name": image, "Exit Status": "0x0"}
    text = rendered("A process has exited.", subject(data), ("Process Information", what))
    return document(Kind(SECURITY, "4689", "Process Termination"), seen, data, text)
