"""What codes in Windows events mean: message numbers, identities, rights, kinds of logon.

Sources: Microsoft's documentation of security identifiers, of process and file access rights, and of the security
audit events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_MESSAGES: Mapping[str, str] = {  # `%%` numbers of the Security log
    "1537": "DELETE",
    "1538": "READ_CONTROL",
    "1539": "WRITE_DAC",
    "1540": "WRITE_OWNER",
    "1541": "SYNCHRONIZE",
    "1792": "changed, not shown",
    "1793": "not set",
    "1794": "never",
    "1832": "identification",
    "1833": "impersonation",
    "1840": "delegation",
    "1842": "yes",
    "1843": "no",
    "1904": "a new registry value",
    "1905": "an existing registry value changed",
    "1906": "a registry value deleted",
    "1936": "full token (elevation type default)",
    "1937": "elevated token",
    "1938": "limited token",
    "2305": "the account does not exist",
    "2307": "the account is locked out",
    "2310": "the account is disabled",
    "2309": "the password has expired",
    "2313": "unknown user name or bad password",
    "4416": "ReadData or ListDirectory",
    "4417": "WriteData or AddFile",
    "4418": "AppendData or AddSubdirectory",
    "4419": "ReadEA",
    "4420": "WriteEA",
    "4421": "Execute or Traverse",
    "4422": "DeleteChild",
    "4423": "ReadAttributes",
    "4424": "WriteAttributes",
    "4432": "query key value",
    "4433": "set key value",
    "4434": "create sub-key",
    "4435": "enumerate sub-keys",
    "7680": "create child",
    "7681": "delete child",
    "7684": "read property",
    "7685": "write property",
    "7688": "control access",
    "8448": "success removed",
    "8449": "success added",
    "8450": "failure removed",
    "8451": "failure added",
    "14592": "inbound",
    "14593": "outbound",
}

_IDENTITIES: Mapping[str, str] = {
    "S-1-0-0": "nobody",
    "S-1-1-0": "Everyone",
    "S-1-5-2": "Network",
    "S-1-5-4": "Interactive",
    "S-1-5-6": "Service",
    "S-1-5-7": "Anonymous",
    "S-1-5-9": "Enterprise Domain Controllers",
    "S-1-5-11": "Authenticated Users",
    "S-1-5-18": "Local System",
    "S-1-5-19": "Local Service",
    "S-1-5-20": "Network Service",
    "S-1-5-32-544": "Administrators",
    "S-1-5-32-545": "Users",
    "S-1-5-32-546": "Guests",
    "S-1-5-32-548": "Account Operators",
    "S-1-5-32-549": "Server Operators",
    "S-1-5-32-550": "Print Operators",
    "S-1-5-32-551": "Backup Operators",
    "S-1-5-32-555": "Remote Desktop Users",
    "S-1-5-32-562": "Distributed COM Users",
    "S-1-5-32-578": "Hyper-V Administrators",
    "S-1-5-32-580": "Remote Management Users",
    "S-1-16-4096": "low integrity",
    "S-1-16-8192": "medium integrity",
    "S-1-16-12288": "high integrity",
    "S-1-16-16384": "system integrity",
}

_DOMAIN_IDENTITIES: Mapping[str, str] = {  # the last number of an account of a domain or computer
    "500": "built-in Administrator",
    "501": "built-in Guest",
    "502": "krbtgt",
    "512": "Domain Admins",
    "513": "Domain Users",
    "514": "Domain Guests",
    "515": "Domain Computers",
    "516": "Domain Controllers",
    "517": "Cert Publishers",
    "518": "Schema Admins",
    "519": "Enterprise Admins",
    "520": "Group Policy Creator Owners",
    "525": "Protected Users",
    "526": "Key Admins",
    "527": "Enterprise Key Admins",
}

_STANDARD_RIGHTS: dict[int, str] = {
    0x10000: "delete",
    0x20000: "read control",
    0x40000: "write DAC",
    0x80000: "write owner",
    0x100000: "synchronize",
}
_PROCESS_RIGHTS: Mapping[int, str] = {
    0x1: "terminate",
    0x2: "create thread",
    0x4: "set session",
    0x8: "change memory",
    0x10: "read memory",
    0x20: "write memory",
    0x40: "duplicate handles",
    0x80: "create process",
    0x100: "set quota",
    0x200: "set information",
    0x400: "query information",
    0x800: "suspend or resume",
    0x1000: "query limited information",
} | _STANDARD_RIGHTS
_FILE_RIGHTS: Mapping[int, str] = {
    0x1: "read data",
    0x2: "write data",
    0x4: "append data",
    0x8: "read extended attributes",
    0x10: "write extended attributes",
    0x20: "execute",
    0x40: "delete child",
    0x80: "read attributes",
    0x100: "write attributes",
} | _STANDARD_RIGHTS
_ALL_PROCESS_RIGHTS = (0x1F0FFF, 0x1FFFFF)

_WORDS: Mapping[str, Mapping[str, str]] = {
    "LogonType": {
        "2": "interactive",
        "3": "network",
        "4": "batch",
        "5": "service",
        "7": "unlock",
        "8": "network, password in clear",
        "9": "new credentials",
        "10": "remote interactive",
        "11": "cached interactive",
    },
    "StartType": {"0": "boot", "1": "system", "2": "automatic", "3": "on demand", "4": "disabled"},
    "TicketEncryptionType": {
        "0x1": "DES",
        "0x3": "DES",
        "0x11": "AES-128",
        "0x12": "AES-256",
        "0x17": "RC4",
        "0x18": "RC4 export",
    },
    "Status": {"0xc000006d": "bad user name or password", "0xc0000234": "account locked out"},
    "SubStatus": {
        "0xc0000064": "no such user",
        "0xc000006a": "wrong password",
        "0xc0000071": "password expired",
        "0xc0000072": "account disabled",
        "0xc0000193": "account expired",
        "0xc0000234": "account locked out",
    },
}

_MESSAGE = re.compile(r"%%(\d{1,5})")
_IDENTITY = re.compile(r"\bS-1-\d{1,2}(?:-\d{1,10}){1,14}\b")
_DOMAIN_IDENTITY = re.compile(r"S-1-5-21(?:-\d{1,10}){3}-(\d{3})")
_MASK = re.compile(r"0x[0-9a-fA-F]{1,8}")
_LONGEST = 2_000  # characters of a value whose codes are spelled
_MOST_CODES = 12


def spelled(field: str, value: str) -> str:
    """Return what the codes in a value of a field mean, e.g. "read memory"; empty where it has none."""
    if len(value) > _LONGEST:
        return ""
    word = _WORDS.get(field, {}).get(value.strip().lower())
    if word:
        return word
    if field == "GrantedAccess":
        return _rights(value, _PROCESS_RIGHTS)
    if field == "AccessMask":
        return _rights(value, _FILE_RIGHTS)
    meanings = [*_meanings(_MESSAGE.findall(value), _MESSAGES), *_identities(value)]
    return ", ".join(meanings)


def _rights(value: str, rights: Mapping[int, str]) -> str:
    if not _MASK.fullmatch(value.strip()):
        return ""
    mask = int(value, 16)
    if rights is _PROCESS_RIGHTS and mask in _ALL_PROCESS_RIGHTS:
        return "all access"
    rest = mask & ~sum(rights)
    names = [name for bit, name in rights.items() if mask & bit]
    return ", ".join([*names, *([f"{rest:#x}"] if rest and names else [])])


def _meanings(codes: list[str], table: Mapping[str, str]) -> list[str]:
    return [table[code] for code in dict.fromkeys(codes) if code in table][:_MOST_CODES]


def _identities(value: str) -> list[str]:
    names = []
    for identity in dict.fromkeys(_IDENTITY.findall(value)):
        of_domain = _DOMAIN_IDENTITY.fullmatch(identity)
        name = _DOMAIN_IDENTITIES.get(of_domain[1], "") if of_domain else _IDENTITIES.get(identity, "")
        if name:
            names.append(name)
    return names[:_MOST_CODES]
