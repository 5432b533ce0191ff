"""Values that Winlogbeat's modules split, computed again as Windows wrote them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Parts = Mapping[str, tuple[str, ...]]
Compute = Callable[[Parts], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedField:
    """A value computed from the parts that a module left of it."""

    paths: tuple[str, ...]  # of the parts
    compute: Compute
    is_substring: bool = False  # the value is a substring of a value of its parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedFromObjects:
    """A value computed from a list of objects, each of which may lack keys."""

    list_path: str  # of the list of objects
    paths: tuple[str, ...]  # of the values in the objects
    compute: Callable[[tuple[Mapping[str, Any], ...]], tuple[str, ...]]


_HASH_NAMES = (("sha1", "SHA1"), ("md5", "MD5"), ("sha256", "SHA256"))
_DNS_ANSWERS = {"CNAME": "5", "NS": "2", "PTR": "12", "MX": "15", "TXT": "16", "SOA": "6", "SRV": "33", "DS": "43"}
_DNS_STATUS = {
    "SUCCESS": "0",
    "ERROR_ACCESS_DENIED": "5",
    "ERROR_NOT_ENOUGH_MEMORY": "8",
    "ERROR_INVALID_DATA": "13",
    "ERROR_INVALID_PARAMETER": "87",
    "ERROR_INVALID_NAME": "123",
    "ERROR_CANCELLED": "1223",
    "ERROR_TIMEOUT": "1460",
    "DNS_ERROR_RCODE_FORMAT_ERROR": "9001",
    "DNS_ERROR_RCODE_SERVER_FAILURE": "9002",
    "DNS_ERROR_RCODE_NAME_ERROR": "9003",
    "DNS_ERROR_RCODE_NOT_IMPLEMENTED": "9004",
    "DNS_ERROR_RCODE_REFUSED": "9005",
    "DNS_ERROR_RCODE_YXDOMAIN": "9006",
    "DNS_ERROR_RCODE_YXRRSET": "9007",
    "DNS_ERROR_RCODE_NXRRSET": "9008",
    "DNS_ERROR_RCODE_NOTAUTH": "9009",
    "DNS_ERROR_RCODE_NOTZONE": "9010",
    "DNS_INFO_NO_RECORDS": "9501",
    "DNS_ERROR_BAD_PACKET": "9502",
    "DNS_ERROR_NO_PACKET": "9503",
    "DNS_ERROR_INVALID_NAME_CHAR": "9560",
    "DNS_ERROR_RECORD_DOES_NOT_EXIST": "9701",
    "DNS_ERROR_NO_DNS_SERVERS": "9852",
    "WSAECONNRESET": "10054",
    "WSAENOBUFS": "10055",
    "WSAETIMEDOUT": "10060",
}
_DIGITS = {32: ("MD5", "IMPHASH"), 40: ("SHA1",), 64: ("SHA256",)}


def same(path: str) -> Compute:
    """Return a function that returns the values of a path unchanged."""
    return lambda parts: parts.get(path, ())


def upper(path: str) -> Compute:
    """Return a function that returns the values of a path in upper case, as Sysmon writes hashes."""
    return lambda parts: tuple(value.upper() for value in parts.get(path, ()))


def hashes(group: str) -> Compute:
    """Return a function that computes Sysmon's hash list: `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`."""

    def compute(parts: Parts) -> tuple[str, ...]:
        listed = [(label, parts.get(f"{group}.hash.{name}", ())) for name, label in _HASH_NAMES]
        listed.append(("IMPHASH", parts.get(f"{group}.pe.imphash", ())))
        text = ",".join(f"{label}={values[0].upper()}" for label, values in listed if values)
        return (text,) if text else ()

    return compute


def related_hashes(parts: Parts) -> tuple[str, ...]:
    """Compute Sysmon's hash list from bare hashes, whose length shows their algorithm."""
    labels = {digits: iter(names) for digits, names in _DIGITS.items()}
    entries = []
    for value in parts.get("related.hash", ()):
        label = next(labels.get(len(value), iter(())), "")
        if label:
            entries.append(f"{label}={value.upper()}")
    return (",".join(entries),) if entries else ()


def hash_named(name: str) -> Compute:
    """Return a function that extracts one hash from the hash list."""
    prefix = f"{name}="

    def compute(parts: Parts) -> tuple[str, ...]:
        listed = (entry for text in parts.get("winlog.event_data.Hashes", ()) for entry in text.split(","))
        return tuple(entry[len(prefix) :] for entry in listed if entry.upper().startswith(prefix))

    return compute


def registry_details(parts: Parts) -> tuple[str, ...]:
    """Compute `Details` as Sysmon writes it, `DWORD (0x00000001)` for numbers."""
    values = parts.get("registry.data.strings", ())
    kind = (parts.get("registry.data.type", ()) or ("",))[0]
    if kind == "SZ_DWORD":
        return tuple(f"DWORD (0x{int(value):08x})" if value.isdigit() else value for value in values)
    if kind == "SZ_QWORD":
        # the module adds the halves after a shift by eight bits; the low half wins where it is ambiguous
        return tuple(_qword(int(value)) if value.isdigit() else value for value in values)
    return values


def _qword(value: int) -> str:
    high, low = (0, value) if value < 1 << 32 else divmod(value, 1 << 8)
    return f"QWORD (0x{high & 0xFFFFFFFF:08x}-0x{low & 0xFFFFFFFF:08x})"


def domain_user(parts: Parts) -> tuple[str, ...]:
    r"""Compute `DOMAIN\name`."""
    name = parts.get("user.name", ())
    domain = parts.get("user.domain", ())
    if not name and not domain:
        return ()
    return ("\\".join(("".join(domain[:1]), "".join(name[:1]))),)


def initiated(parts: Parts) -> tuple[str, ...]:
    """Compute `true` for a connection that the process opened, `false` for a connection that it accepted."""
    named = {"egress": "true", "ingress": "false", "outbound": "true", "inbound": "false"}
    return tuple(named[value] for value in parts.get("network.direction", ()) if value in named)


def is_ipv6(parts: Parts) -> tuple[str, ...]:
    """Compute `true` or `false` from the network's type."""
    named = {"ipv6": "true", "ipv4": "false"}
    return tuple(named[value] for value in parts.get("network.type", ()) if value in named)


def dns_status(parts: Parts) -> tuple[str, ...]:
    """Compute the number of a DNS status from its name; a name without a number stays."""
    return tuple(_DNS_STATUS.get(value, value) for value in parts.get("sysmon.dns.status", ()))


def dns_results(parts: Parts) -> tuple[str, ...]:
    """Compute Sysmon's answer list: `type:  5 name;::ffff:address;`."""
    data = parts.get("dns.answers.data", ())
    kinds = parts.get("dns.answers.type", ())
    if not data:
        return ()
    padded = (*kinds, *("",) * max(0, len(data) - len(kinds)))
    answers = []
    for value, kind in zip(data, padded, strict=False):
        if kind == "A":
            answers.append(f"::ffff:{value};")
        elif kind in _DNS_ANSWERS:
            answers.append(f"type:  {_DNS_ANSWERS[kind]} {value};")
        else:
            answers.append(f"{value};")
    return ("".join(answers),)


def utc_time(parts: Parts) -> tuple[str, ...]:
    """Compute Sysmon's `2020-01-31 10:20:30.400` from the timestamp."""
    return tuple(value.replace("T", " ").removesuffix("Z") for value in parts.get("@timestamp", ()))


def hexadecimal(parts: Parts) -> tuple[str, ...]:
    """Compute the hexadecimal form in which the Security log writes process ids."""
    return tuple(hex(int(value)) for value in parts.get("process.pid", ()) if value.isdigit())
