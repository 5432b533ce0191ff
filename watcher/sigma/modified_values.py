"""The values on which modifiers work: as written, encoded, or already a sigma value."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from msgspec import Struct

from watcher.model import SigmaNull, SigmaNumber, SigmaString, SigmaValue
from watcher.sigma.sigma_strings import literal, parse_sigma_string


class ModifierError(ValueError):
    """A modifier is unknown or does not fit its value; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class EncodedValue:
    """Bytes of a value, before Base64."""

    data: bytes
    modifier: str  # that encoded them


class SourceValue(Struct, frozen=True, gc=False):
    """A value as written in the rule, before any modifier."""

    value: Any
    text: str


LONGEST_NUMBER = 300
"""Digits of a number, just below the largest of JSON; longer ones are compared as text."""
_LARGEST = 10**LONGEST_NUMBER

ModifiedValue = SourceValue | EncodedValue | SigmaValue


def to_sigma_value(value: ModifiedValue) -> SigmaValue:
    """Return the value that the rule compares with; an empty one is null."""
    if isinstance(value, EncodedValue):
        return _decoded(value)
    if not isinstance(value, SourceValue):
        return SigmaNull() if isinstance(value, SigmaString) and not any(value.parts) else value
    if value.value is None or value.value == "":
        return SigmaNull()
    if isinstance(value.value, bool):
        return SigmaString((str(value.value).lower(),))
    if isinstance(value.value, int | float) and is_comparable(value.value):
        return SigmaNumber(value.value)
    return parse_sigma_string(value.text)


def is_comparable(number: float) -> bool:
    """Return whether a number is one that events hold: finite, and of a size that is converted in no time."""
    return abs(number) < _LARGEST if isinstance(number, int) else isfinite(number)


def to_sigma_values(value: ModifiedValue) -> tuple[SigmaValue, ...]:
    """Return the values that the rule compares with: also the text of a fraction or word that YAML reads otherwise.

    A hexadecimal or octal number is that number alone, as other tools for Sigma read it.
    """
    sigma_value = to_sigma_value(value)
    if not isinstance(value, SourceValue) or not isinstance(value.value, bool | float):
        return (sigma_value,)
    text, read = value.text.strip(), value.value
    compared = str(int(read) if isinstance(read, float) and read.is_integer() else read)
    if text.lower() == compared.lower() or not isinstance(sigma_value, SigmaNumber | SigmaString):
        return (sigma_value,)
    return tuple(dict.fromkeys((sigma_value, parse_sigma_string(text))))


def _decoded(value: EncodedValue) -> SigmaString:
    try:
        return SigmaString((value.data.decode(),))
    except UnicodeDecodeError:
        raise ModifierError(
            f"`{value.modifier}` results in bytes that are not a string; add `base64offset` after it"
        ) from None


def string_of(value: ModifiedValue, modifier: str) -> SigmaString:
    """Return the value as a string, for a modifier that needs one."""
    if isinstance(value, SigmaString):
        return value
    if isinstance(value, EncodedValue):
        return _decoded(value)
    if isinstance(value, SourceValue):
        return parse_sigma_string(source_text(value, modifier))
    raise ModifierError(f"`{modifier}` needs a string, which the modifiers before it do not result in")


def source_text(value: ModifiedValue, modifier: str) -> str:
    """Return the value as written, for a modifier that must be the first."""
    if not isinstance(value, SourceValue):
        raise ModifierError(f"`{modifier}` must be the first modifier")
    if value.value is None:
        raise ModifierError(f"`{modifier}` needs a value, and the value is null")
    return value.text


def literal_text(value: ModifiedValue, modifier: str) -> str:
    """Return the value as a string without wildcards, for a modifier that encodes it."""
    text = literal(string_of(value, modifier))
    if text is None:
        raise ModifierError(f"`{modifier}` cannot encode wildcards")
    return text
