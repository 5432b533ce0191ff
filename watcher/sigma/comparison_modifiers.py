"""Modifiers that compare with something else than a string: numbers, parts of timestamps, networks, existence."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from watcher.model import SigmaCidr, SigmaCompare, SigmaExists, SigmaTimestampPart
from watcher.sigma.modified_values import ModifiedValue, ModifierError, SourceValue, is_comparable, source_text

COMPARISONS = ("lt", "lte", "gt", "gte")
TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")

_MAPPED_BITS = 96  # of an IPv6 address, before the IPv4 address that it maps


def compare(value: ModifiedValue, modifier: str) -> tuple[SigmaCompare | SigmaTimestampPart]:
    """Apply `lt`, `lte`, `gt` or `gte` to a number or to a part of a timestamp."""
    if isinstance(value, SigmaTimestampPart):
        return (replace(value, operator=modifier),)
    return (SigmaCompare(modifier, _number(value, modifier)),)


def compare_time_part(value: ModifiedValue, modifier: str) -> tuple[SigmaTimestampPart]:
    """Apply `minute`, `hour` and the like to an integer or to a comparison with one."""
    if isinstance(value, SigmaCompare) and isinstance(value.bound, int):
        return (SigmaTimestampPart(modifier, value.bound, value.operator),)
    number = _number(value, modifier)
    if not isinstance(number, int):
        raise ModifierError(f"`{modifier}` needs an integer")
    return (SigmaTimestampPart(modifier, number),)


def match_network(value: ModifiedValue, modifier: str) -> tuple[SigmaCidr]:
    """Apply `cidr` to a network; one of IPv4 addresses mapped to IPv6 is the network of those IPv4 addresses."""
    text = source_text(value, modifier).strip()
    try:
        return (SigmaCidr(_unmapped(ip_network(text, strict=False))),)
    except ValueError as fault:
        raise ModifierError(f"`cidr` needs a network such as `10.0.0.0/8`: {fault}") from fault


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv4Network) or network.prefixlen < _MAPPED_BITS:
        return network
    mapped = network.network_address.ipv4_mapped
    return network if mapped is None else IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def match_existence(value: ModifiedValue, modifier: str) -> tuple[SigmaExists]:
    """Apply `exists` to a boolean."""
    text = value.text.strip().lower() if isinstance(value, SourceValue) else ""
    if text in ("true", "yes", "on", "1"):
        return (SigmaExists(expected=True),)
    if text in ("false", "no", "off", "0"):
        return (SigmaExists(expected=False),)
    raise ModifierError(f"`{modifier}` needs `true` or `false`")


def _number(value: ModifiedValue, modifier: str) -> int | float:
    number = _read_number(value, modifier)
    if isinstance(number, int) and not is_comparable(number):
        raise ModifierError(f"`{modifier}` needs a number that engines can store, not one of hundreds of digits")
    return number


def _read_number(value: ModifiedValue, modifier: str) -> int | float:
    if isinstance(value, SourceValue):
        if isinstance(value.value, int | float) and not isinstance(value.value, bool):
            return value.value
        try:
            return _parse_number(value.text)
        except ValueError:
            pass
    raise ModifierError(f"`{modifier}` needs a number")


def _parse_number(text: str) -> int | float:
    """Parse a decimal number, or a hexadecimal one after `0x`."""
    stripped = text.strip()
    try:
        return int(stripped, 16) if stripped.lower().startswith(("0x", "-0x")) else int(stripped)
    except ValueError:
        return float(stripped)
