"""Observables of an event: what TheHive's analyzers look up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

MOST = 100
"""How many observables an alert gets."""

_LONGEST = 4_000  # characters of one
_HASH_LENGTHS = frozenset({32, 40, 64, 128})  # MD5, SHA-1, SHA-256, SHA-512, in hexadecimal
_HASH = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32,128}(?![0-9A-Fa-f])")
_HASH_NAME = re.compile(r"hash|md5|sha1|sha256|sha512|imphash", re.IGNORECASE)
_ADDRESS_NAME = re.compile(r"ip|addr", re.IGNORECASE)


def observables(named: Iterable[Mapping[str, str]], fields: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the observables of an alert, each once: those of the summary, then hashes and addresses of the event."""
    unique: dict[tuple[str, str], dict[str, str]] = {}
    for observable in (*named, *_inside(fields)):
        data = observable["data"].strip()
        if data and len(data) <= _LONGEST and len(unique) < MOST:  # a part of a value would be another one
            unique.setdefault((observable["dataType"], data.casefold()), {**observable, "data": data})
    return list(unique.values())


def _inside(fields: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    for item in fields:
        name, value = item["name"], item["value"]
        if _HASH_NAME.search(name):
            for digest in _HASH.findall(value):
                if len(digest) in _HASH_LENGTHS:
                    yield {"dataType": "hash", "data": digest.lower(), "message": name}
        elif _ADDRESS_NAME.search(name) and (address := _address(value)):
            yield {"dataType": "ip", "data": address, "message": name}


def _address(value: str) -> str:
    """Return an address of a machine, without the prefix of IPv4 in IPv6; empty where it is none or says nothing."""
    try:
        address = ip_address(value.strip())
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return "" if mapped.is_unspecified or mapped.is_loopback else str(mapped)
