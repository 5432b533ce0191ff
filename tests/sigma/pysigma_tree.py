"""Condition trees of watcher and pySigma as nested tuples, which are equal if the meaning is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from sigma import conditions as pysigma_conditions
from sigma import types as pysigma_types

from watcher.model import (
    DASHES,
    And,
    ConditionNode,
    DetectionItem,
    Not,
    Or,
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

Plain = tuple[Any, ...]


def joined(operator: str, branches: Iterable[Plain]) -> Plain:
    """Join branches: nested branches of the same operator are flattened, a single branch is not wrapped."""
    flat: list[Plain] = []
    for branch in branches:
        flat.extend(branch[1] if branch[0] == operator else (branch,))
    return flat[0] if len(flat) == 1 else (operator, tuple(sorted(flat, key=repr)))


# --------------------------------------------------------------------------- ours


def ours(node: ConditionNode) -> Plain:
    """Return the plain form of a tree of watcher."""
    match node:
        case And(of=branches):
            return joined("and", map(ours, branches))
        case Or(of=branches):
            return joined("or", map(ours, branches))
        case Not(of=branch):
            return ("not", ours(branch))
        case DetectionItem(field=name, values=values, match_all=match_all):
            return joined("and" if match_all else "or", (_sigma_value(name, value) for value in values))


def _sigma_value(name: str | None, sigma_value: SigmaValue) -> Plain:
    match sigma_value:
        case SigmaString(parts=parts, cased=cased):
            return joined("or", ((name, "cased" if cased else "text", text) for text in _without_dashes(parts)))
        case SigmaNumber(value=value):
            return (name, "number", value)
        case SigmaNull():
            return (name, "empty", "")
        case SigmaExists(expected=expected):
            return (name, "exists", expected)
        case SigmaRegex(pattern=pattern, flags=flags):
            return (name, "re", pattern, flags)
        case SigmaCidr(network=network):
            return (name, "cidr", str(network))
        case SigmaCompare(operator=operator, bound=bound):
            return (name, operator, bound)
        case SigmaFieldReference(field=other, how=how):
            return (name, "fieldref", other, how)
        case SigmaTimestampPart(part=part, value=value):
            return (name, part, value)


def _without_dashes(parts: tuple[str | Wildcard, ...]) -> Iterator[str]:
    for choice in product(*(DASHES if part is Wildcard.DASH else (part,) for part in parts)):
        yield "".join(f"<{part.name}>" if isinstance(part, Wildcard) else part for part in choice)


# --------------------------------------------------------------------------- pySigma's


def theirs(node: Any) -> Plain:
    """Return the plain form of a tree of pySigma."""
    if isinstance(node, pysigma_conditions.ConditionAND):
        return joined("and", map(theirs, node.args))
    if isinstance(node, pysigma_conditions.ConditionOR):
        return joined("or", map(theirs, node.args))
    if isinstance(node, pysigma_conditions.ConditionNOT):
        return ("not", theirs(node.args[0]))
    if isinstance(node, pysigma_conditions.ConditionFieldEqualsValueExpression):
        return _value(node.field, node.value)
    if isinstance(node, pysigma_conditions.ConditionValueExpression):
        return _value(None, node.value)
    raise TypeError(f"{type(node).__name__} is not supported")


def _value(name: str | None, value: Any) -> Plain:
    if isinstance(value, pysigma_types.SigmaExpansion):
        return joined("or", (_value(name, item) for item in value.values))
    make = next((make for kind, make in _MAKERS if isinstance(value, kind)), None)
    if make is None:
        raise TypeError(f"{type(value).__name__} is not supported")
    return (name, *make(value))


def _string(value: pysigma_types.SigmaString) -> Plain:
    return (
        ("cased" if isinstance(value, pysigma_types.SigmaCasedString) else "text", _text(value))
        if value.s
        else ("empty", "")
    )


def _expression(value: pysigma_types.SigmaRegularExpression) -> Plain:
    letters = {"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}
    return ("re", str(value.regexp), "".join(sorted(letters[flag.name] for flag in value.flags)))


def _reference(value: pysigma_types.SigmaFieldReference) -> Plain:
    ways = {(True, True): "contains", (True, False): "startswith", (False, True): "endswith"}
    return ("fieldref", value.field, ways.get((value.starts_with, value.ends_with), "equals"))


_MAKERS: tuple[tuple[type, Callable[[Any], Plain]], ...] = (
    (pysigma_types.SigmaString, _string),
    (pysigma_types.SigmaTimestampPart, lambda value: (value.timestamp_part.name.lower(), value.number)),
    (pysigma_types.SigmaNumber, lambda value: ("number", value.number)),
    (pysigma_types.SigmaBool, lambda value: ("text", str(value.boolean).lower())),
    (pysigma_types.SigmaNull, lambda _: ("empty", "")),
    (pysigma_types.SigmaExists, lambda value: ("exists", value.exists)),
    (pysigma_types.SigmaRegularExpression, _expression),
    (pysigma_types.SigmaCIDRExpression, lambda value: ("cidr", str(value.network))),
    (pysigma_types.SigmaCompareExpression, lambda value: (value.op.name.lower(), value.number.number)),
    (pysigma_types.SigmaFieldReference, _reference),
)


def _text(value: pysigma_types.SigmaString) -> str:
    names = {pysigma_types.SpecialChars.WILDCARD_MULTI: "<ANY>", pysigma_types.SpecialChars.WILDCARD_SINGLE: "<ONE>"}
    return "".join(part if isinstance(part, str) else names[part] for part in value.s)
