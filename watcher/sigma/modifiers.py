"""Modifiers of a field: source values → sigma values.

Source: Sigma specification 2.1, Appendix "Modifiers".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from watcher.model import (
    SigmaFieldReference,
    SigmaRegex,
    SigmaString,
    SigmaValue,
    Wildcard,
)
from watcher.sigma.comparison_modifiers import (
    COMPARISONS,
    TIME_PARTS,
    compare,
    compare_time_part,
    match_existence,
    match_network,
)
from watcher.sigma.modified_values import (
    EncodedValue,
    ModifiedValue,
    ModifierError,
    SourceValue,
    literal_text,
    source_text,
    string_of,
    to_sigma_values,
)
from watcher.sigma.placeholders import PlaceholderError, Placeholders, expand_source, expand_string
from watcher.sigma.regex_dialect import to_python_regex
from watcher.sigma.sigma_strings import (
    any_dash,
    base64,
    base64_offsets,
    is_literal,
    open_end,
    open_start,
)

_FLAGS = {"i": "i", "ignorecase": "i", "m": "m", "multiline": "m", "s": "s", "dotall": "s"}
_ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
_OF_ALL_VALUES = ("all", "neq")  # they apply to the values together

_ANY = (Wildcard.ANY,)
_AROUND: Mapping[str, tuple[tuple[Wildcard, ...], tuple[Wildcard, ...]]] = {
    "contains": (_ANY, _ANY),
    "startswith": ((), _ANY),
    "endswith": (_ANY, ()),
}

ALLOWED = tuple(
    sorted(
        {
            *("all", "base64", "base64offset", "cased", "cidr", "contains", "endswith", "exists", "expand"),
            *("fieldref", "neq", "re", "startswith", "windash"),
            *_FLAGS,
            *_ENCODINGS,
            *COMPARISONS,
            *TIME_PARTS,
        }
    )
)


def apply_modifiers(
    source: Any, text: str, modifiers: Sequence[str], placeholders: Placeholders
) -> tuple[SigmaValue, ...]:
    """Apply the modifiers to one value; returns the values of which any must match.

    `text` is the value as written. Raises ModifierError where a modifier is unknown or does not fit.
    """
    if not modifiers:
        return to_sigma_values(SourceValue(source, text))
    if len(modifiers) == 1 and modifiers[0] in _AROUND and isinstance(source, str) and is_literal(text):
        before, after = _AROUND[modifiers[0]]  # most values of rules: the steps below result in the same
        return (SigmaString((*before, text, *after)),)
    check_modifiers(modifiers)
    values: tuple[ModifiedValue, ...] = (SourceValue(source, text),)
    for modifier in modifiers:
        if modifier in _OF_ALL_VALUES:
            continue
        step = _STEPS[modifier]
        if modifier == "expand":
            values = tuple(result for value in values for result in _expand_placeholders(value, placeholders))
        else:
            values = tuple([result for value in values for result in step(value, modifier)])
    return tuple([sigma_value for value in values for sigma_value in to_sigma_values(value)])


def wildcards_around(modifiers: Sequence[str]) -> tuple[tuple[Wildcard, ...], tuple[Wildcard, ...]] | None:
    """Return the wildcards that modifiers put before and after a literal, None where they do anything else."""
    if not modifiers:
        return (), ()
    return _AROUND.get(modifiers[0]) if len(modifiers) == 1 else None


def check_modifiers(modifiers: Sequence[str]) -> None:
    """Raise ModifierError if a modifier is unknown."""
    for modifier in modifiers:
        if modifier not in _STEPS and modifier not in _OF_ALL_VALUES:
            raise ModifierError(f"unknown modifier `{modifier}`; the modifiers are {', '.join(ALLOWED)}")


def _add_wildcards(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    if isinstance(value, SigmaRegex):  # a regular expression is searched unanchored
        return (value,)
    if isinstance(value, SigmaFieldReference):
        return (replace(value, how=modifier if value.how in ("equals", modifier) else "contains"),)
    text = string_of(value, modifier)
    if modifier != "endswith":
        text = open_end(text)
    if modifier != "startswith":
        text = open_start(text)
    return (text,)


def _as_regex(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    return (SigmaRegex(_regex_source(source_text(value, modifier))),)


def _regex_source(source: str) -> str:
    pattern = to_python_regex(source)
    try:
        re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as fault:
        raise ModifierError(f"`{source}` is not a valid regular expression: {fault}") from fault
    return pattern


def _flag(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    if not isinstance(value, SigmaRegex):
        raise ModifierError(f"`{modifier}` must follow `re`")
    return (replace(value, flags="".join(sorted({*value.flags, _FLAGS[modifier]}))),)


def _cased(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    if isinstance(value, SigmaFieldReference):
        return (replace(value, cased=True),)
    return (structs.replace(string_of(value, modifier), cased=True),)


def _encode(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    return (EncodedValue(literal_text(value, modifier).encode(_ENCODINGS[modifier]), modifier),)


def _bytes(value: ModifiedValue, modifier: str) -> bytes:
    return value.data if isinstance(value, EncodedValue) else literal_text(value, modifier).encode()


def _base64(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    return (base64(_bytes(value, modifier)),)


def _base64_offset(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    forms = base64_offsets(_bytes(value, modifier))
    if any(form.parts == ("",) for form in forms):
        raise ModifierError(f"`{modifier}` needs a longer value: too short to have a fixed Base64 character")
    return forms


def _windash(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    return (any_dash(string_of(value, modifier)),)


def _fieldref(value: ModifiedValue, modifier: str) -> tuple[ModifiedValue, ...]:
    if not isinstance(value, SigmaString):
        return (SigmaFieldReference(source_text(value, modifier).strip()),)
    # the wildcards show which of `contains`, `startswith` or `endswith` came before
    ends, starts = value.parts[:1] == (Wildcard.ANY,), value.parts[-1:] == (Wildcard.ANY,)
    how = "contains" if starts and ends else "startswith" if starts else "endswith" if ends else "equals"
    name = "".join(part for part in value.parts if not isinstance(part, Wildcard))
    return (SigmaFieldReference(name, how, value.cased),)


def _expand_placeholders(value: ModifiedValue, placeholders: Placeholders) -> tuple[ModifiedValue, ...]:
    """Expand every placeholder; a source value stays a source value, for the modifiers that follow."""
    try:
        if isinstance(value, SigmaRegex):
            patterns = expand_source(value.pattern, placeholders)
            return tuple(replace(value, pattern=_regex_source(pattern)) for pattern in patterns)
        if isinstance(value, SourceValue):
            sources = expand_source(source_text(value, "expand"), placeholders)
            return tuple(SourceValue(source, source) for source in sources)
        return expand_string(string_of(value, "expand"), placeholders)
    except PlaceholderError as fault:
        raise ModifierError(str(fault)) from fault


_Step = Callable[[ModifiedValue, str], tuple[ModifiedValue, ...]]

_STEPS: Mapping[str, _Step] = {
    **dict.fromkeys(("contains", "startswith", "endswith"), _add_wildcards),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_ENCODINGS, _encode),
    **dict.fromkeys(COMPARISONS, compare),
    **dict.fromkeys(TIME_PARTS, compare_time_part),
    "re": _as_regex,
    "cased": _cased,
    "base64": _base64,
    "base64offset": _base64_offset,
    "windash": _windash,
    "cidr": match_network,
    "exists": match_existence,
    "fieldref": _fieldref,
    "expand": lambda value, _: (value,),
}
