"""A field's modifiers and values → tests.

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
from watcher.sigma.placeholders import PlaceholderError, Placeholders, in_text, in_writing
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
_OF_THE_LIST = ("all", "neq")  # they speak of all values together
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
    """A modifier does not exist or does not fit its value; the sentence says which do."""


@dataclass(frozen=True, slots=True)
class _EncodedValue:
    """Bytes on their way to Base64."""

    data: bytes
    modifier: str  # that made them


@dataclass(frozen=True, slots=True)
class _SourceValue:
    """A value as the rule has it, before any modifier."""

    value: Any
    text: str


_Value = _SourceValue | _EncodedValue | SigmaValue


def expand(value: Any, text: str, modifiers: Sequence[str], placeholders: Placeholders) -> tuple[SigmaValue, ...]:
    """Turn one value into the tests of which any must hold.

    `text` is the value as written. Raises ModifierError where a modifier is unknown or does not fit.
    """
    known(modifiers)
    values: tuple[_Value, ...] = (_SourceValue(value, text),)
    for modifier in modifiers:
        if modifier in _OF_THE_LIST:
            continue
        step = _STEPS[modifier]
        if modifier == "expand":
            values = tuple(one for each in values for one in _expanded(each, placeholders))
        else:
            values = tuple(one for each in values for one in step(each, modifier))
    return tuple(_settled(each) for each in values)


def known(modifiers: Sequence[str]) -> None:
    """Raise ModifierError where a modifier does not exist."""
    for modifier in modifiers:
        if modifier not in ALLOWED:
            raise ModifierError(f"unknown modifier `{modifier}`; the modifiers are {', '.join(ALLOWED)}")


def _settled(value: _Value) -> SigmaValue:
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
        raise ModifierError(f"`{value.modifier}` gives bytes that are no text; put `base64offset` behind it") from None


def _text(value: _Value, modifier: str) -> SigmaString:
    if isinstance(value, SigmaString):
        return value
    if isinstance(value, _EncodedValue):
        return _decoded(value)
    if isinstance(value, _SourceValue):
        return parse_sigma_string(_raw(value, modifier))
    raise ModifierError(f"`{modifier}` needs a string, not what the modifiers before it made")


def _raw(value: _Value, modifier: str) -> str:
    if not isinstance(value, _SourceValue):
        raise ModifierError(f"`{modifier}` needs a value as written: put it first")
    if value.value is None:
        raise ModifierError(f"`{modifier}` needs a value, and there is none")
    return value.text


def _opened(value: _Value, modifier: str) -> tuple[_Value, ...]:
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


def _regex(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (SigmaRegex(_expression(_raw(value, modifier))),)


def _expression(written: str) -> str:
    pattern = to_python_regex(written)
    try:
        re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as fault:
        raise ModifierError(f"`{written}` is no regular expression: {fault}") from fault
    return pattern


def _flag(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if not isinstance(value, SigmaRegex):
        raise ModifierError(f"`{modifier}` needs `re` before it")
    return (replace(value, flags="".join(sorted({*value.flags, _FLAGS[modifier]}))),)


def _cased(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if isinstance(value, SigmaFieldReference):
        return (replace(value, cased=True),)
    return (replace(_text(value, modifier), cased=True),)


def _encoded(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (_EncodedValue(_plain(value, modifier).encode(_ENCODINGS[modifier]), modifier),)


def _plain(value: _Value, modifier: str) -> str:
    text = literal(_text(value, modifier))
    if text is None:
        raise ModifierError(f"`{modifier}` cannot encode wildcards")
    return text


def _bytes(value: _Value, modifier: str) -> bytes:
    return value.data if isinstance(value, _EncodedValue) else _plain(value, modifier).encode()


def _base64(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (base64(_bytes(value, modifier)),)


def _base64_offset(value: _Value, modifier: str) -> tuple[_Value, ...]:
    forms = base64_offsets(_bytes(value, modifier))
    if any(form.parts == ("",) for form in forms):
        raise ModifierError(f"`{modifier}` needs a longer value: of one this short no character is certain")
    return forms


def _windash(value: _Value, modifier: str) -> tuple[_Value, ...]:
    return (any_dash(_text(value, modifier)),)


def _cidr(value: _Value, modifier: str) -> tuple[_Value, ...]:
    written = _raw(value, modifier).strip()
    try:
        return (SigmaCidr(ip_network(written, strict=False)),)
    except ValueError as fault:
        raise ModifierError(f"`cidr` needs a network such as `10.0.0.0/8`: {fault}") from fault


def number(text: str) -> int | float:
    """Read a number as rules and events write it: decimal, or hexadecimal behind `0x`."""
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
            return number(value.text)
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
    wanted = _numeric(value, modifier)
    if not isinstance(wanted, int):
        raise ModifierError(f"`{modifier}` needs a whole number")
    return (SigmaTimestampPart(modifier, wanted),)


def _exists(value: _Value, modifier: str) -> tuple[_Value, ...]:
    written = value.text.strip().lower() if isinstance(value, _SourceValue) else ""
    if written in ("true", "yes", "on", "1"):
        return (SigmaExists(expected=True),)
    if written in ("false", "no", "off", "0"):
        return (SigmaExists(expected=False),)
    raise ModifierError(f"`{modifier}` needs `true` or `false`")


def _fieldref(value: _Value, modifier: str) -> tuple[_Value, ...]:
    if not isinstance(value, SigmaString):
        return (SigmaFieldReference(_raw(value, modifier).strip()),)
    # after `contains`, `startswith` or `endswith` the wildcards tell which it was
    ends, starts = value.parts[:1] == (Wildcard.ANY,), value.parts[-1:] == (Wildcard.ANY,)
    how = "contains" if starts and ends else "startswith" if starts else "endswith" if ends else "equals"
    name = "".join(part for part in value.parts if not isinstance(part, Wildcard))
    return (SigmaFieldReference(name, how, value.cased),)


def _expanded(value: _Value, placeholders: Placeholders) -> tuple[_Value, ...]:
    """Put the values of every placeholder in its place; a value as written stays one, for what comes behind."""
    try:
        if isinstance(value, SigmaRegex):
            made = in_writing(value.pattern, placeholders)
            return tuple(replace(value, pattern=_expression(one)) for one in made)
        if isinstance(value, _SourceValue):
            return tuple(_SourceValue(one, one) for one in in_writing(_raw(value, "expand"), placeholders))
        return in_text(_text(value, "expand"), placeholders)
    except PlaceholderError as fault:
        raise ModifierError(str(fault)) from fault


_Step = Callable[[_Value, str], tuple[_Value, ...]]

_STEPS: Mapping[str, _Step] = {
    **dict.fromkeys(("contains", "startswith", "endswith"), _opened),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_ENCODINGS, _encoded),
    **dict.fromkeys(_COMPARISONS, _comparison),
    **dict.fromkeys(_TIME_PARTS, _time_part),
    "re": _regex,
    "cased": _cased,
    "base64": _base64,
    "base64offset": _base64_offset,
    "windash": _windash,
    "cidr": _cidr,
    "exists": _exists,
    "fieldref": _fieldref,
    "expand": lambda value, _: (value,),
}
