"""Clauses on fields that hold numbers, dates, IP addresses and booleans.

The engines convert such values when they index them: `8.7` in a `long` is 8, `"true"` in a `boolean` is true. What
`_source` held is therefore unknown, and all bounds but those of IPv4 networks are upper bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address

from watcher.model import Query, SigmaCidr, SigmaCompare, SigmaNumber, SigmaString, SigmaValue
from watcher.translate.bounds import EVERYTHING, UNKNOWN, Bounds, at_least, exactly
from watcher.translate.wildcard_patterns import literal_value

_INTEGER_TYPES = ("long", "integer", "short", "byte", "unsigned_long")
_FLOAT_TYPES = ("double", "float", "half_float", "scaled_float")
_DATE_TYPES = ("date", "date_nanos")
_ROUNDED_TYPES = ("half_float", "scaled_float")  # so imprecise that a limit may be on the wrong side of a value
_MAX_INTEGER = 2**63  # beyond it the engines have no integers
_MAX_BY_TYPE = {"integer": 2**31, "short": 2**15, "byte": 2**7}  # Elasticsearch refuses limits beyond them

ValueClause = Callable[[str, str, SigmaValue], Bounds]
"""Path, mapping type and value of a rule → bounds."""


def _number_clause(path: str, type_name: str, value: SigmaValue) -> Bounds:
    match value:
        case SigmaNumber(value=number):
            return at_least(_equal(path, type_name, number))
        case SigmaString():
            literal = literal_value(value)
            parsed = None if literal is None else _parsed_number(literal)
            return UNKNOWN if parsed is None else at_least(_equal(path, type_name, parsed))
        case SigmaCompare():
            return at_least(_range(path, type_name, value))
        case _:
            return at_least({"exists": {"field": path}})


def _parsed_number(text: str) -> float | None:
    """Return a string as the number that an engine would index for it."""
    with suppress(ValueError):
        return int(text)  # a float does not represent every integer
    with suppress(ValueError):
        return float(text)
    return None


def _equal(path: str, type_name: str, number: float) -> Query:
    if math.isnan(number) or abs(number) >= _MAX_INTEGER:
        return EVERYTHING
    if type_name in _INTEGER_TYPES:
        return {"term": {path: {"value": int(number)}}}
    return {"exists": {"field": path}}


def _range(path: str, type_name: str, value: SigmaCompare) -> Query:
    if math.isnan(value.bound) or abs(value.bound) >= _MAX_INTEGER or type_name in _ROUNDED_TYPES:
        return {"exists": {"field": path}}
    # the index may have cut off fractions, so the limit itself is included and rounded outwards
    limit = math.floor(value.bound) if value.operator.startswith("g") else math.ceil(value.bound)
    if abs(limit) >= _MAX_BY_TYPE.get(type_name, _MAX_INTEGER) or (type_name == "unsigned_long" and limit < 0):
        return {"exists": {"field": path}}
    return {"range": {path: {f"{value.operator[0]}te": limit}}}


def _ip_clause(path: str, _type_name: str, value: SigmaValue) -> Bounds:
    if isinstance(value, SigmaCidr):
        clause: Query = {"term": {path: {"value": str(value.network)}}}
        return exactly(clause) if value.network.version == 4 else at_least(clause)
    literal = literal_value(value) if isinstance(value, SigmaString) else None
    if literal is not None:
        try:
            return at_least({"term": {path: {"value": str(ip_address(literal))}}})
        except ValueError:
            return UNKNOWN
    return at_least({"exists": {"field": path}})


def _boolean_clause(path: str, _type_name: str, value: SigmaValue) -> Bounds:
    literal = literal_value(value) if isinstance(value, SigmaString) else None
    if literal is not None and literal.lower() in ("true", "false"):
        return at_least({"term": {path: {"value": literal.lower() == "true"}}})
    return at_least({"exists": {"field": path}})


def _date_clause(path: str, _type_name: str, _value: SigmaValue) -> Bounds:
    return at_least({"exists": {"field": path}})


VALUE_CLAUSES: Mapping[str, ValueClause] = {
    **dict.fromkeys((*_INTEGER_TYPES, *_FLOAT_TYPES), _number_clause),
    **dict.fromkeys(_DATE_TYPES, _date_clause),
    "ip": _ip_clause,
    "boolean": _boolean_clause,
}
"""Mapping type → the function that builds its clauses."""
