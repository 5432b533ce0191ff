"""Modifiers of a field: source values → sigma values.

Source: Sigma specification 2.1, Appendix "Modifiers".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from math import isfinite
from typing import Any

from watcher.model import (
    SigmaCidr,
    SigmaCompare,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegex,
    SigmaString,
    SigmaTimestampPart,
    SigmaValue,
    Wildcard,
)
from watcher.sigma.placeholders import PlaceholderError, Placeholders, expand_source, expand_string
from watcher.sigma.regex_dialect import to_python_regex
from watcher.sigma.sigma_strings import (
    any_dash,
    base64,
    base64_offsets,
    literal,
    open_end,
    open_start,
    parse_sigma_string,
)

_FLAGS = {"i": "i", "ignorecase": "i", "m": "m", "multiline": "m", "s": "s", "dotall": "s"}
_ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
_COMPARISONS = ("lt", "lte", "gt", "gte")
_OF_ALL_VALUES = ("all", "neq")  # they apply to the values together
_TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")

ALLOWED = tuple(
    sorted(
        {
            *("all", "base64", "base64offset", "cased", "cidr", "contains", "endswith", "exists", "expand"),
            *("fieldref", "neq", "re", "startswith", "windash"),
            *_FLAGS,
            *_ENCODINGS,
            *_COMPARISONS,
            *_TIME_PARTS,
        }
    )
)


class ModifierError(ValueError):
    """A modifier is unknown or does not fit its value; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class _EncodedValue:
    """Bytes of a value, before Base64."""

    data: bytes
    modifier: str  # that encoded them


@dataclass(frozen=True, slots=True)
class _SourceValue:
    """A value as written in the rule, before any modifier."""

    value: Any
    text: str


_Value = _SourceValue | _EncodedValue | SigmaValue


def apply_modifiers(
    source: Any, text: str, modifiers: Sequence[str], placeholders: Placeholders
) -> tuple[SigmaValue, ...]:
    """Apply the modifiers to one value; returns the values of which any must match.

    `text` is the value as written. Raises ModifierError where a modifier is unknown or does not fit.
    """
    check_modifiers(modifiers)
    values: tuple[_Value, ...] = (_SourceValue(source, text),)
    for modifier in modifiers:
        if modifier in _OF_ALL_VALUES:
            continue
        step = _STEPS[modifier]
        if modifier == "expand":
            values = tuple(result for value in values for result in _expand_placeholders(value, placeholders))
        else:
            values = tuple(result for value in values for result in step(value, modifier))
    return tuple(_sigma_value(value) for value in values)


def check_modifiers(modifiers: Sequence[str]) -> None:
    """Raise ModifierError if a modifier is unknown."""
    for modifier in modifiers:
        if modifier not in ALLOWED:
            raise ModifierError(f"unknown modifier `{modifier}`; the modifiers are {', '.join(ALLOWED)}")


def _sigma_value(value: _Value) -> SigmaValue:
    if isinstance(value, _EncodedValue):
        return _decoded(value)
    if not isinstance(value, _SourceValue):
        return SigmaNull() if isinstance(value, SigmaString) and not any(value.parts) else value
    if value.value is None or value.value == "":
        return SigmaNull()
    if isinstance(value.value, bool):
        return SigmaString((str(value.value).lower(),))
    if isinstance(value.value, int | float) and isfinite(value.value):
        return SigmaNumber(value.value)
    return parse_sigma_string(value.text)


def _decoded(value: _EncodedValue) -> SigmaString:
    try:
        return SigmaString((value.data.decode(),))
    except UnicodeDecodeError:
        raise ModifierError(
            f"`{value.modifier}` results in bytes that are not a string; add `base64offset` after it"
        ) from None


def _text(value: _Value, modifier: str) -> SigmaString:
    if isinstance(value, SigmaString):
        return value
    if isinstance(value, _EncodedValue):
        return _decoded(value)
    if isinstance(value, _SourceValue):
        return parse_sigma_string(_raw(value, modifier))
    raise ModifierError(f"`{modifier}` needs a string, which the modifiers before it do not result in")


def _raw(value: _Value, modifier: str) -> str:
    if not isinstance(value, _SourceValue):
        raise ModifierError(f"`{modifier}` must be the first modifier")
    if value.value is None:
        raise ModifierError(f"`{modifier}` needs a value, and the value is null")
    return value.text


def _add_wildcards(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if isinstance(value, SigmaRegex):  # a regular expression is searched unanchored
        return (value,)
    if isinstance(value, SigmaFieldReference):
        return (replace(value, how=modifier if value.how in ("equals", modifier) else "contains"),)
    text = _text(value, modifier)
    if modifier != "endswith":
        text = open_end(text)
    if modifier != "startswith":
        text = open_start(text)
    return (text,)


def _as_regex(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (SigmaRegex(_regex_source(_raw(value, modifier))),)


def _regex_source(source: str) -> str:
    pattern = to_python_regex(source)
    try:
        re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as fault:
        raise ModifierError(f"`{source}` is not a valid regular expression: {fault}") from fault
    return pattern


def _flag(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if not isinstance(value, SigmaRegex):
        raise ModifierError(f"`{modifier}` must follow `re`")
    return (replace(value, flags="".join(sorted({*value.flags, _FLAGS[modifier]}))),)


def _cased(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if isinstance(value, SigmaFieldReference):
        return (replace(value, cased=True),)
    return (replace(_text(value, modifier), cased=True),)


def _encode(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (_EncodedValue(_literal(value, modifier).encode(_ENCODINGS[modifier]), modifier),)


def _literal(value: _Value, modifier: str) -> str:
    text = literal(_text(value, modifier))
    if text is None:
        raise ModifierError(f"`{modifier}` cannot encode wildcards")
    return text


def _bytes(value: _Value, modifier: str) -> bytes:
    return value.data if isinstance(value, _EncodedValue) else _literal(value, modifier).encode()


def _base64(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (base64(_bytes(value, modifier)),)


def _base64_offset(value: _Value, modifier: str) -> tuple[_Value, ...]:
    forms = base64_offsets(_bytes(value, modifier))
    if any(form.parts == ("",) for form in forms):
        raise ModifierError(f"`{modifier}` needs a longer value: too short to have a fixed Base64 character")
    return forms


def _windash(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (any_dash(_text(value, modifier)),)


def _cidr(value: _Value, modifier: str) -> tuple[_Value, ...]:
    text = _raw(value, modifier).strip()
    try:
        return (SigmaCidr(ip_network(text, strict=False)),)
    except ValueError as fault:
        raise ModifierError(f"`cidr` needs a network such as `10.0.0.0/8`: {fault}") from fault


def parse_number(text: str) -> int | float:
    """Parse a number of a rule or an event: decimal, or hexadecimal after `0x`."""
    stripped = text.strip()
    try:
        return int(stripped, 16) if stripped.lower().startswith(("0x", "-0x")) else int(stripped)
    except ValueError:
        return float(stripped)


def _numeric(value: _Value, modifier: str) -> int | float:
    if isinstance(value, _SourceValue):
        if isinstance(value.value, int | float) and not isinstance(value.value, bool):
            return value.value
        try:
            return parse_number(value.text)
        except ValueError:
            pass
    raise ModifierError(f"`{modifier}` needs a number")


def _comparison(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if isinstance(value, SigmaTimestampPart):
        return (replace(value, operator=modifier),)
    return (SigmaCompare(modifier, _numeric(value, modifier)),)


def _time_part(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if isinstance(value, SigmaCompare) and isinstance(value.bound, int):
        return (SigmaTimestampPart(modifier, value.bound, value.operator),)
    number = _numeric(value, modifier)
    if not isinstance(number, int):
        raise ModifierError(f"`{modifier}` needs an integer")
    return (SigmaTimestampPart(modifier, number),)


def _exists(value: _Value, modifier: str) -> tuple[_Value, ...]:
    text = value.text.strip().lower() if isinstance(value, _SourceValue) else ""
    if text in ("true", "yes", "on", "1"):
        return (SigmaExists(expected=True),)
    if text in ("false", "no", "off", "0"):
        return (SigmaExists(expected=False),)
    raise ModifierError(f"`{modifier}` needs `true` or `false`")


def _fieldref(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if not isinstance(value, SigmaString):
        return (SigmaFieldReference(_raw(value, modifier).strip()),)
    # the wildcards show which of `contains`, `startswith` or `endswith` came before
    ends, starts = value.parts[:1] == (Wildcard.ANY,), value.parts[-1:] == (Wildcard.ANY,)
    how = "contains" if starts and ends else "startswith" if starts else "endswith" if ends else "equals"
    name = "".join(part for part in value.parts if not isinstance(part, Wildcard))
    return (SigmaFieldReference(name, how, value.cased),)


def _expand_placeholders(value: _Value, placeholders: Placeholders) -> tuple[_Value, ...]:
    """Expand every placeholder; a source value stays a source value, for the modifiers that follow."""
    try:
        if isinstance(value, SigmaRegex):
            patterns = expand_source(value.pattern, placeholders)
            return tuple(replace(value, pattern=_regex_source(pattern)) for pattern in patterns)
        if isinstance(value, _SourceValue):
            sources = expand_source(_raw(value, "expand"), placeholders)
            return tuple(_SourceValue(source, source) for source in sources)
        return expand_string(_text(value, "expand"), placeholders)
    except PlaceholderError as fault:
        raise ModifierError(str(fault)) from fault


_Step = Callable[[_Value, str], tuple[_Value, ...]]

_STEPS: Mapping[str, _Step] = {
    **dict.fromkeys(("contains", "startswith", "endswith"), _add_wildcards),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_ENCODINGS, _encode),
    **dict.fromkeys(_COMPARISONS, _comparison),
    **dict.fromkeys(_TIME_PARTS, _time_part),
    "re": _as_regex,
    "cased": _cased,
    "base64": _base64,
    "base64offset": _base64_offset,
    "windash": _windash,
    "cidr": _cidr,
    "exists": _exists,
    "fieldref": _fieldref,
    "expand": lambda value, _: (value,),
}
