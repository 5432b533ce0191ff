"""One path, one test → upper and lower clause, by the way the path is mapped.

What is not in the index although it stands in `_source` (longer than `ignore_above`, malformed, unindexed) widens the
upper bound; what the index may hold although `_source` says otherwise (numbers cut to whole ones, lower case,
copies) empties the lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from watcher.model import Query, SigmaCidr, SigmaCompare, SigmaNumber, SigmaRegex, SigmaString, SigmaValue, Wildcard
from watcher.translate import patterns as pattern
from watcher.translate.bounds import (
    EVERYTHING,
    NOTHING,
    UNKNOWN,
    Bounds,
    all_of,
    any_of,
    at_least,
    either,
    exactly,
)
from watcher.translate.typed import CODES, DATES, INTEGERS, KEYWORDS, NUMBERS, TEXTS, TypedField, by_tokens, lessened

_MOST_FACTORS = 3
_BITS = 2**63  # beyond this no whole number of the engines goes
_ROUNDED = ("half_float", "scaled_float")  # kept so coarsely that a bound may fall on the wrong side


def clause(typed: TypedField, test: SigmaValue) -> Bounds:
    """Build the clause of a test on the values at a path."""
    if not typed.type.searchable or typed.type.computed:
        return UNKNOWN
    kind = typed.type.type
    if kind in KEYWORDS:
        return _on_keyword(typed, test)
    if kind in TEXTS:
        return _on_text_field(typed, test)
    build = _NARROWED.get(kind)
    if build is None:
        return UNKNOWN
    bounds = lessened(typed, build(typed, test))
    return Bounds(typed.or_hidden(bounds.upper, test), bounds.lower)


# --------------------------------------------------------------------------- keyword and wildcard


def _on_keyword(typed: TypedField, test: SigmaValue) -> Bounds:
    if typed.type.normalizer not in (None, "lowercase"):
        return at_least(typed.exists().upper)
    bounds = lessened(typed, _keyword(typed, test))
    return Bounds(typed.or_hidden(bounds.upper, test), bounds.lower)


def _keyword(typed: TypedField, test: SigmaValue) -> Bounds:
    path = typed.path
    match test:
        case SigmaString():
            asked = replace(test, cased=False) if test.cased and typed.type.normalizer else test
            return either(_text(path, one) for one in pattern.variants(asked))
        case SigmaNumber(value=value):
            return _number(path, value)
        case SigmaRegex():
            texts = [pattern.factor_pattern(one, test) for one in pattern.factors(test)[:_MOST_FACTORS]]
            if typed.type.normalizer:
                texts = [replace(one, cased=False) for one in texts]
            if texts:
                return at_least(all_of(_text(path, one).upper for one in texts))
    return at_least({"exists": {"field": path}})


def _number(path: str, value: float) -> Bounds:
    """Ask for a number however it is written; a whole one may have zeros before it."""
    written = _written(value)
    plain: Query = {"term": {path: {"value": written}}}
    # Windows writes event codes in one way
    if "." in written or "e" in written or path.removesuffix(".keyword") in CODES:
        return exactly(plain)
    sign, digits = ("-", written[1:]) if written.startswith("-") else (r"\+?", written)
    sign = r"(\+|-)?" if digits == "0" else sign
    return exactly(any_of((plain, {"regexp": {path: {"value": f"{sign}0*{digits}"}}})))


def _written(value: float) -> str:
    """Write a number as the predicate compares it."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _text(path: str, text: SigmaString) -> Bounds:
    whole = pattern.literal(text)
    folding: dict[str, Any] = {} if text.cased else {"case_insensitive": True}
    if whole is not None:
        return exactly({"term": {path: {"value": whole, **folding}}})
    if text.parts == (Wildcard.ANY,):
        return Bounds({"exists": {"field": path}}, NOTHING)
    made: Query
    if _is_prefix(text):
        made = {"prefix": {path: {"value": text.parts[0], **folding}}}
    else:
        made = {"wildcard": {path: {"value": pattern.pattern(text), **folding}}}
    return at_least(made) if pattern.loose(text) else exactly(made)


def _is_prefix(text: SigmaString) -> bool:
    return (
        len(text.parts) == 2
        and isinstance(text.parts[0], str)
        and text.parts[1] is Wildcard.ANY
        and (text.cased or not pattern.has_cases(text.parts[0]))
    )


# --------------------------------------------------------------------------- text


def _on_text_field(typed: TypedField, test: SigmaValue) -> Bounds:
    """Narrow by the tokens of a text, or ask its keyword sub-field where that knows more."""
    sub = f"{typed.path}.keyword"
    keyword = next((one for one in typed.mapping.fields.get(sub, ()) if one.type in KEYWORDS and one.searchable), None)
    if keyword is not None and (not keyword.indices or set(typed.type.indices or ("",)) <= set(keyword.indices)):
        inner = _on_keyword(TypedField(sub, keyword, typed.mapping), test)
        return Bounds(inner.upper if inner.upper != EVERYTHING else by_tokens(typed, test), inner.lower)
    return at_least(by_tokens(typed, test))


# --------------------------------------------------------------------------- numbers, addresses, booleans


def _on_number(typed: TypedField, test: SigmaValue) -> Bounds:
    match test:
        case SigmaNumber(value=value):
            return at_least(_equal(typed, value))
        case SigmaString():
            whole = pattern.literal(test)
            number = None if whole is None else _as_number(whole)
            return UNKNOWN if number is None else at_least(_equal(typed, number))
        case SigmaCompare():
            return at_least(_beyond(typed, test))
        case _:
            return at_least({"exists": {"field": typed.path}})


def _as_number(text: str) -> float | None:
    """Read a text as the number that an engine would index for it."""
    with suppress(ValueError):
        return int(text)  # a float does not know every whole number
    with suppress(ValueError):
        return float(text)
    return None


def _equal(typed: TypedField, value: float) -> Query:
    if math.isnan(value) or abs(value) >= _BITS:
        return EVERYTHING
    if typed.type.type in INTEGERS:
        return {"term": {typed.path: {"value": int(value)}}}
    return {"exists": {"field": typed.path}}


def _beyond(typed: TypedField, test: SigmaCompare) -> Query:
    if math.isnan(test.bound) or abs(test.bound) >= _BITS or typed.type.type in _ROUNDED:
        return {"exists": {"field": typed.path}}
    # fractions may have been cut off in the index
    edge = math.floor(test.bound) if test.operator.startswith("g") else math.ceil(test.bound)
    return {"range": {typed.path: {f"{test.operator[0]}te": edge}}}


def _on_address(typed: TypedField, test: SigmaValue) -> Bounds:
    if isinstance(test, SigmaCidr):
        made: Query = {"term": {typed.path: {"value": str(test.network)}}}
        return exactly(made) if test.network.version == 4 else at_least(made)
    whole = pattern.literal(test) if isinstance(test, SigmaString) else None
    if whole is not None:
        try:
            return at_least({"term": {typed.path: {"value": str(ip_address(whole))}}})
        except ValueError:
            return UNKNOWN
    return at_least({"exists": {"field": typed.path}})


def _on_boolean(typed: TypedField, test: SigmaValue) -> Bounds:
    whole = pattern.literal(test) if isinstance(test, SigmaString) else None
    if whole is not None and whole.lower() in ("true", "false"):
        return at_least({"term": {typed.path: {"value": whole.lower() == "true"}}})
    return at_least({"exists": {"field": typed.path}})


def _on_date(typed: TypedField, _test: SigmaValue) -> Bounds:
    return at_least({"exists": {"field": typed.path}})


_NARROWED = {
    **dict.fromkeys(NUMBERS, _on_number),
    **dict.fromkeys(DATES, _on_date),
    "ip": _on_address,
    "boolean": _on_boolean,
}


def together(path: str, tests: Iterable[SigmaValue]) -> Query | None:
    """Bring tests for plain numbers on a keyword into one `terms` clause; None where they are others."""
    values = []
    for test in tests:
        if not isinstance(test, SigmaNumber):
            return None
        values.append(_written(test.value))
    return {"terms": {path: values}}
