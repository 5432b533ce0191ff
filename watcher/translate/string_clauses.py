"""Clauses on fields that hold strings: the `keyword` family compares whole values, the `text` family tokens.

Each function takes one path, how it is mapped, and one value of a rule. What the index does not hold although
`_source` does (longer values, unindexed values) is added by `field_clauses`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from msgspec import structs

from watcher.match.matchers import MAX_NUMBER_LENGTH
from watcher.model import Query, SigmaNumber, SigmaRegex, SigmaString, SigmaValue, Wildcard
from watcher.ports import FieldType
from watcher.taxonomy.field_locations import EVENT_CODES
from watcher.translate.bounds import EVERYTHING, Bounds, all_of, any_of, at_least, either, exactly
from watcher.translate.wildcard_patterns import (
    alphanumeric_runs,
    contains_literal,
    dash_variants,
    literal_value,
    regex_literals,
    searched_string,
    wildcard_pattern,
)

KEYWORD_TYPES = ("keyword", "wildcard", "constant_keyword")
TEXT_TYPES = ("text", "match_only_text")

_MAX_REGEX_LITERALS = 3
_MAX_TOKEN_LENGTH = 255  # the standard analyzer splits longer tokens
_MIN_RUN_LENGTH = 3
_MAX_RUNS = 3
_STANDARD_ANALYZERS = (None, "standard", "winlogbeat_powershell_script_analyzer")
_BEYOND_BMP = ".*[\U00010000-\U0010ffff].*"
_CACHE_SIZE = 1024
_EXPONENT = r"-?[0-9.]+[eE]-?[0-9+]+"  # a number of JSON with an exponent may have any value


# --------------------------------------------------------------------------- keyword, wildcard, constant_keyword


def keyword_clause(path: str, field_type: FieldType, value: SigmaValue) -> Bounds:
    """Return the bounds of a value on a field that is indexed as complete strings, unchanged or in lower case."""
    match value:
        case SigmaString():
            string = structs.replace(value, cased=False) if value.cased and field_type.normalizer else value
            return either(_string(path, field_type.type, variant) for variant in dash_variants(string))
        case SigmaNumber():
            return _number(path, value)
        case SigmaRegex():
            literals = [contains_literal(literal, value) for literal in regex_literals(value)[:_MAX_REGEX_LITERALS]]
            if field_type.normalizer:
                literals = [structs.replace(literal, cased=False) for literal in literals]
            if literals:
                return at_least(all_of(_string(path, field_type.type, literal).upper for literal in literals))
    return at_least({"exists": {"field": path}})


def number_terms(path: str, numbers: tuple[SigmaNumber, ...]) -> Query:
    """Return one clause for several numbers, as Windows writes event codes."""
    return {"terms": {path: [_decimal(number) for number in numbers]}}


def _number(path: str, number: SigmaNumber) -> Bounds:
    """Return the bounds of a number in any spelling.

    A string may have a sign and leading zeros. A number of JSON is indexed as it is written there: 5 also as `5.0`.
    """
    decimal = _decimal(number)
    term: Query = {"term": {path: {"value": decimal}}}
    if path.removesuffix(".keyword") in EVENT_CODES:  # Windows writes event codes without sign and zeros
        return exactly(term)
    if "e" in decimal:
        return Bounds({"exists": {"field": path}}, term)
    if "." in decimal:
        escaped = decimal.replace(".", r"\.")
        return Bounds(any_of((term, {"regexp": {path: {"value": f"{escaped}0*|{_EXPONENT}"}}})), term)
    sign, digits = ("-", decimal[1:]) if decimal.startswith("-") else (r"\+?", decimal)
    sign = r"(\+|-)?" if digits == "0" else sign
    spelling = f"{sign}0*{digits}"
    return Bounds(
        any_of((term, {"regexp": {path: {"value": rf"{spelling}(\.0*)?|{_EXPONENT}"}}})),
        any_of((term, {"regexp": {path: {"value": spelling}}})),
    )


def _decimal(number: SigmaNumber) -> str:
    """Return a number as the predicate writes it."""
    value = number.value
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _string(path: str, type_name: str, string: SigmaString) -> Bounds:
    folding: dict[str, Any] = {} if string.cased else {"case_insensitive": True}
    literal = literal_value(string)
    if literal is not None:
        return exactly({"term": {path: {"value": literal, **folding}}})
    searched = searched_string(string)
    if searched.parts == (Wildcard.ANY,):
        return at_least({"exists": {"field": path}})
    clause: Query
    # OpenSearch reads the prefix on a `wildcard` field as a pattern: a backslash in it would escape, an asterisk match
    if type_name != "wildcard" and _is_prefix(searched):
        clause = {"prefix": {path: {"value": searched.parts[0], **folding}}}
    else:
        clause = {"wildcard": {path: {"value": wildcard_pattern(searched), **folding}}}
    return exactly(clause) if searched == string else at_least(clause)


def _is_prefix(string: SigmaString) -> bool:
    return len(string.parts) == 2 and isinstance(string.parts[0], str) and string.parts[1] is Wildcard.ANY


def max_value_length(value: SigmaValue) -> float:
    """Return the length of the longest string that a value matches, in UTF-16 units as the engines count it."""
    if isinstance(value, SigmaNumber):
        return max(MAX_NUMBER_LENGTH, len(str(value.value)))
    if isinstance(value, SigmaString) and Wildcard.ANY not in value.parts:
        return sum(
            len(part.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(part, str) else 2 for part in value.parts
        )
    return math.inf


# --------------------------------------------------------------------------- text, match_only_text


def token_query(path: str, field_type: FieldType, value: SigmaValue) -> Query:
    """Return the query for the tokens that every matching value has, whatever its length: an upper bound."""
    if not field_type.searchable or field_type.computed:
        return EVERYTHING
    exists: Query = {"exists": {"field": path}}
    if field_type.analyzer not in _STANDARD_ANALYZERS:
        return exists
    runs: tuple[str, ...] = ()
    if isinstance(value, SigmaString):
        runs = alphanumeric_runs(value)
    elif isinstance(value, SigmaRegex) and "i" not in value.flags:
        runs = tuple(run for literal in regex_literals(value) for run in alphanumeric_runs(SigmaString((literal,))))
    searched = [run for run in runs if _MIN_RUN_LENGTH <= len(run) < _MAX_TOKEN_LENGTH][:_MAX_RUNS]
    if not searched:
        return exists
    tokens = all_of({"wildcard": {path: {"value": f"*{run}*", "case_insensitive": True}}} for run in searched)
    return any_of((tokens, _split_tokens(path)))


@lru_cache(maxsize=_CACHE_SIZE)
def _split_tokens(path: str) -> Query:
    """Return the query for tokens that may be a part of a longer one, split inside a searched run.

    They have the maximum length, counted in UTF-16 units, while expressions count characters. There is one object per
    path, so that a list of values contains it once: these expressions are expensive.
    """
    expressions = (f".{{{_MAX_TOKEN_LENGTH}}}", _BEYOND_BMP)
    return any_of({"regexp": {path: {"value": expression}}} for expression in expressions)
