"""The values of a base hit that a correlation groups by and counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, product
from math import prod

from watcher.model.correlation_hits import MAX_COMBINATIONS, BaseHit
from watcher.model.correlations import Correlation, CorrelationType

GroupValues = tuple[str, ...]
"""The values of the group-by fields, in their order: folded where they identify a group."""

MAX_DIGITS = 1_000
"""Longer strings are no numbers: exact sums of them would take unbounded time."""

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")

_NUMERIC = frozenset(
    {
        CorrelationType.VALUE_SUM,
        CorrelationType.VALUE_AVG,
        CorrelationType.VALUE_PERCENTILE,
        CorrelationType.VALUE_MEDIAN,
    }
)

Counted = tuple[Decimal, ...] | tuple[GroupValues, ...]
"""What a base hit adds to a measure: numbers, or folded tuples of values."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a base hit."""

    spellings: Mapping[GroupValues, GroupValues] = field(default_factory=dict)  # folded → as the event spells them
    cut: int = 0  # further combinations that were not read


def groups_of(correlation: Correlation, hit: BaseHit) -> Groups:
    """Return the groups of a base hit; none where a group-by field has no value."""
    columns = [distinct(field_values(correlation, name, hit)) for name in correlation.group_fields]
    combinations = product(*(column.items() for column in columns))
    spellings = {
        tuple(folded for folded, _ in pairs): tuple(spelling for _, spelling in pairs)
        for pairs in islice(combinations, MAX_COMBINATIONS)
    }
    return Groups(spellings, max(0, prod(len(column) for column in columns) - MAX_COMBINATIONS))


def spelling_of(correlation: Correlation, hit: BaseHit, key: GroupValues) -> GroupValues:
    """Return the values of a group in the spelling of a base hit that belongs to it."""
    columns = [distinct(field_values(correlation, name, hit)) for name in correlation.group_fields]
    return tuple(column[folded] for column, folded in zip(columns, key, strict=True))


def counts_values(correlation: Correlation) -> bool:
    """Return whether base hits take part only with a value of the counted field."""
    return correlation.type in _NUMERIC or counts_tuples(correlation)


def counts_tuples(correlation: Correlation) -> bool:
    """Return whether tuples of values are counted: of a base hit no more than `MAX_COMBINATIONS` are."""
    return correlation.type is CorrelationType.VALUE_COUNT


def counted_of(correlation: Correlation, hit: BaseHit) -> Counted:
    """Return what a base hit adds to the measure of a correlation that counts values."""
    columns = [field_values(correlation, name, hit) for name in correlation.fields]
    if correlation.type in _NUMERIC:
        return tuple(numbers(value for column in columns for value in column))
    return tuple(islice(product(*(distinct(column) for column in columns)), MAX_COMBINATIONS))


def most_counted(correlation: Correlation, hit: BaseHit) -> int:
    """Return how much a base hit adds to the measure at most; 0 where it takes no part."""
    if correlation.type in _NUMERIC:
        return len(counted_of(correlation, hit))
    return prod(len(field_values(correlation, name, hit)) for name in correlation.fields)


def field_values(correlation: Correlation, name: str, hit: BaseHit) -> tuple[str, ...]:
    """Return the values of a field or alias in a base hit; an empty string is no value."""
    return tuple(value for value in hit.values.get(correlation.field_of(name, hit.rule_id), ()) if value)


def distinct(values: Iterable[str]) -> dict[str, str]:
    """Return the values by their full case folding, each in the spelling that comes first."""
    spellings: dict[str, str] = {}
    for value in values:
        spellings.setdefault(value.casefold(), value)
    return spellings


def numbers(values: Iterable[str]) -> Iterator[Decimal]:
    """Yield the numbers among values."""
    for value in values:
        number = number_of(value)
        if number is not None:
            yield number


def number_of(value: str) -> Decimal | None:
    """Return the number that a string is: decimal with sign and point, or hexadecimal with `0x`.

    Exponents, NaN and infinity are no numbers.
    """
    if len(value) > MAX_DIGITS:
        return None
    if _DECIMAL.fullmatch(value):
        return Decimal(value)
    return Decimal(int(value, 16)) if _HEXADECIMAL.fullmatch(value) else None
