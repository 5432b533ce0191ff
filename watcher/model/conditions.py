"""The condition tree of a rule: values, detection items, and how they are combined.

What rules have thousands of are structs: they are created and unpickled several times as fast as frozen dataclasses.
None is `kw_only`: those are unpickled in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from msgspec import Struct

from watcher.model.findings import Location


class Wildcard(Enum):
    """A placeholder for other characters in a rule's strings."""

    ANY = "*"  # any number of characters, including none
    ONE = "?"  # exactly one character
    DASH = "-"  # one of the characters that Windows programs accept as a dash (`windash`)


DASHES = "-/\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}"
"""The characters that `Wildcard.DASH` matches."""


class SigmaString(Struct, frozen=True, gc=False):
    """A string of a rule: literals and wildcards, compared with the entire value."""

    parts: tuple[str | Wildcard, ...]
    cased: bool = False

    def __str__(self) -> str:
        return "".join(
            part.value
            if isinstance(part, Wildcard)
            else part.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
            for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class SigmaNumber:
    """A number of a rule: equal as a string, or as an integer."""

    value: int | float


@dataclass(frozen=True, slots=True)
class SigmaNull:
    """`null` or `''`: the field is absent or empty."""


@dataclass(frozen=True, slots=True)
class SigmaExists:
    """The field exists (or does not)."""

    expected: bool


@dataclass(frozen=True, slots=True)
class SigmaRegex:
    """A regular expression, searched unanchored; flags are `i`, `m` and `s`."""

    pattern: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class SigmaCidr:
    """A network that contains the address."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class SigmaCompare:
    """A numeric comparison: `lt`, `lte`, `gt` or `gte`."""

    operator: str
    bound: int | float


@dataclass(frozen=True, slots=True)
class SigmaFieldReference:
    """The value equals (or contains, starts or ends with) that of another field of the same event."""

    field: str
    how: str = "equals"  # equals, contains, startswith, endswith
    cased: bool = False


@dataclass(frozen=True, slots=True)
class SigmaTimestampPart:
    """One part of a timestamp: `minute`, `hour`, `day`, `week`, `month` or `year`."""

    part: str
    value: int
    operator: str = "eq"  # or lt, lte, gt, gte


SigmaValue = (
    SigmaString
    | SigmaNumber
    | SigmaNull
    | SigmaExists
    | SigmaRegex
    | SigmaCidr
    | SigmaCompare
    | SigmaFieldReference
    | SigmaTimestampPart
)


class DetectionItem(Struct, frozen=True, gc=False):
    """One entry of a selection: a field (None for keywords) and its values.

    Any value must match, or all of them with `match_all`.
    """

    field: str | None
    values: tuple[SigmaValue, ...]
    match_all: bool = False
    modifiers: tuple[str, ...] = ()  # as written, in order
    source_values: tuple[Any, ...] = ()  # the values as written
    location: Location | None = None


class And(Struct, frozen=True, gc=False):
    """Every branch matches."""

    of: tuple[ConditionNode, ...]


class Or(Struct, frozen=True, gc=False):
    """At least one branch matches."""

    of: tuple[ConditionNode, ...]


class Not(Struct, frozen=True, gc=False):
    """The branch does not match."""

    of: ConditionNode


ConditionNode = And | Or | Not | DetectionItem


def branches(node: ConditionNode) -> tuple[ConditionNode, ...]:
    """Return the nodes directly below a node; a detection item has none."""
    match node:
        case And(of=nodes) | Or(of=nodes):
            return nodes
        case Not(of=branch):
            return (branch,)
        case DetectionItem():
            return ()


def walk(node: ConditionNode) -> Iterator[ConditionNode]:
    """Yield a node and every node below it, depth first, in the order written."""
    yield node
    for branch in branches(node):
        yield from walk(branch)


def detection_items(node: ConditionNode) -> Iterator[DetectionItem]:
    """Yield every detection item of a tree in the order written."""
    return (item for item in walk(node) if isinstance(item, DetectionItem))
