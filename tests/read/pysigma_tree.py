"""Two condition trees, ours and pySigma's, in one plain form: tuples that compare equal where the meaning does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from sigma import conditions, types

from watcher.model import (
    DASHES,
    All,
    AnyOf,
    Cidr,
    Compare,
    Empty,
    Exists,
    FieldRef,
    Item,
    Node,
    Not,
    Number,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
)

Plain = tuple[Any, ...]
_OPERATORS = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte", "NEQ": "neq"}


def joined(operator: str, branches: Iterable[Plain]) -> Plain:
    """Join branches: those of the same operator are taken in, and one alone stands for itself."""
    flat: list[Plain] = []
    for branch in branches:
        flat.extend(branch[1] if branch[0] == operator else (branch,))
    return flat[0] if len(flat) == 1 else (operator, tuple(sorted(flat, key=repr)))


# --------------------------------------------------------------------------- ours


def ours(node: Node) -> Plain:
    """Give the plain form of our tree."""
    match node:
        case All(of=branches):
            return joined("and", map(ours, branches))
        case AnyOf(of=branches):
            return joined("or", map(ours, branches))
        case Not(of=branch):
            return ("not", ours(branch))
        case Item(field=name, tests=tests, every=every):
            return joined("and" if every else "or", (_test(name, test) for test in tests))


def _test(name: str | None, test: Test) -> Plain:
    match test:
        case Text(parts=parts, cased=cased):
            return joined("or", ((name, "cased" if cased else "text", text) for text in _without_dashes(parts)))
        case Number(value=value):
            return (name, "number", value)
        case Empty():
            return (name, "empty", "")
        case Exists(expected=expected):
            return (name, "exists", expected)
        case Regex(pattern=pattern, flags=flags):
            return (name, "re", pattern, flags)
        case Cidr(network=network):
            return (name, "cidr", str(network))
        case Compare(operator=operator, bound=bound):
            return (name, operator, bound)
        case FieldRef(field=other, how=how):
            return (name, "fieldref", other, how)
        case TimePart(part=part, value=value):
            return (name, part, value)


def _without_dashes(parts: tuple[str | Wildcard, ...]) -> Iterator[str]:
    for choice in product(*(DASHES if part is Wildcard.DASH else (part,) for part in parts)):
        yield "".join(f"<{part.name}>" if isinstance(part, Wildcard) else part for part in choice)


# --------------------------------------------------------------------------- pySigma's


def theirs(node: Any) -> Plain:
    """Give the plain form of pySigma's tree."""
    if isinstance(node, conditions.ConditionAND):
        return joined("and", map(theirs, node.args))
    if isinstance(node, conditions.ConditionOR):
        return joined("or", map(theirs, node.args))
    if isinstance(node, conditions.ConditionNOT):
        return ("not", theirs(node.args[0]))
    if isinstance(node, conditions.ConditionFieldEqualsValueExpression):
        return _value(node.field, node.value)
    if isinstance(node, conditions.ConditionValueExpression):
        return _value(None, node.value)
    raise TypeError(f"{type(node).__name__} is not known")


def _value(name: str | None, value: Any) -> Plain:
    match value:
        case types.SigmaExpansion():
            return joined("or", (_value(name, one) for one in value.values))
        case types.SigmaString():
            kind = "cased" if isinstance(value, types.SigmaCasedString) else "text"
            return (name, kind, _text(value)) if value.s else (name, "empty", "")
        case types.SigmaTimestampPart():
            return (name, value.timestamp_part.name.lower(), value.number)
        case types.SigmaNumber():
            return (name, "number", value.number)
        case types.SigmaBool():
            return (name, "text", str(value.boolean).lower())
        case types.SigmaNull():
            return (name, "empty", "")
        case types.SigmaExists():
            return (name, "exists", value.exists)
        case types.SigmaRegularExpression():
            flags = "".join(sorted(flag.name[0].lower() for flag in value.flags)).replace("d", "s")
            return (name, "re", str(value.regexp), "".join(sorted(flags)))
        case types.SigmaCIDRExpression():
            return (name, "cidr", str(value.network))
        case types.SigmaCompareExpression():
            return (name, _OPERATORS[value.op.name], value.number.number)
        case types.SigmaFieldReference():
            ways = {(True, True): "contains", (True, False): "startswith", (False, True): "endswith"}
            return (name, "fieldref", value.field, ways.get((value.starts_with, value.ends_with), "equals"))
    raise TypeError(f"{type(value).__name__} is not known")


def _text(value: types.SigmaString) -> str:
    names = {types.SpecialChars.WILDCARD_MULTI: "<ANY>", types.SpecialChars.WILDCARD_SINGLE: "<ONE>"}
    return "".join(part if isinstance(part, str) else names[part] for part in value.s)
