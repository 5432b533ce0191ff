"""The parse tree of a regular expression, in types of its own.

Python's parser reads the expression. Its tree has no public form, so that only this module depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only parser of Python's expressions
from typing import Any

FLAGS: Mapping[str, re.RegexFlag] = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
"""The flags of a rule's expression, by letter."""


class Anchor(Enum):
    """A position that an expression requires."""

    START = "^"
    STRING_START = r"\A"
    END = "$"
    STRING_END = r"\Z"
    BOUNDARY = r"\b"
    NO_BOUNDARY = r"\B"


class Greed(Enum):
    """How many repetitions are tried first."""

    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


@dataclass(frozen=True, slots=True)
class Literal:
    """A character."""

    code_point: int

    @property
    def pattern(self) -> str:
        """Return an expression for the character."""
        return escaped(self.code_point)


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """A part that matches any of several characters: a set, its complement, or `.`."""

    pattern: str  # an expression for it, e.g. `[\\d\\s]`


@dataclass(frozen=True, slots=True)
class Group:
    """A group that captures, or that changes flags."""

    number: int | None  # None: it does not capture
    added: int  # flags
    removed: int
    parts: Parts


@dataclass(frozen=True, slots=True)
class Branches:
    """Alternatives."""

    branches: tuple[Parts, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repetition."""

    least: int
    most: int | None  # None: unlimited
    greed: Greed
    parts: Parts


@dataclass(frozen=True, slots=True)
class LookAround:
    """What must, or must not, precede or follow a position."""

    is_ahead: bool
    is_negated: bool
    parts: Parts


@dataclass(frozen=True, slots=True)
class AtomicGroup:
    """A group that is not tried again after its first match."""

    parts: Parts


@dataclass(frozen=True, slots=True)
class Backreference:
    """The string that a group matched."""

    number: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """What follows if a group matched, and what follows if it did not."""

    number: int
    if_matched: Parts
    otherwise: Parts | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that never matches."""


RegexPart = (
    Literal
    | CharacterClass
    | Anchor
    | Group
    | Branches
    | Repeat
    | LookAround
    | AtomicGroup
    | Backreference
    | Conditional
    | Failure
)
Parts = tuple[RegexPart, ...]
"""Parts that follow each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexTree:
    """A parsed expression."""

    parts: Parts
    flags: int  # of the rule, and those that the expression sets for itself


def parse_regex(pattern: str, flags: str = "") -> RegexTree:
    """Parse an expression in Python's dialect; `flags` are letters of `FLAGS`.

    Raises re.error, RecursionError or OverflowError if it is not valid.
    """
    combined = re.NOFLAG
    for letter in flags:
        combined |= FLAGS[letter]
    tree = parser.parse(pattern, combined)
    return RegexTree(parts=_parts(tree), flags=tree.state.flags)


def inner_parts(part: RegexPart) -> tuple[Parts, ...]:
    """Return the sequences that a part contains."""
    match part:
        case Group(parts=parts) | Repeat(parts=parts) | LookAround(parts=parts) | AtomicGroup(parts=parts):
            return (parts,)
        case Branches(branches=branches):
            return branches
        case Conditional():
            return (part.if_matched,) if part.otherwise is None else (part.if_matched, part.otherwise)
    return ()


def walk_regex(parts: Parts) -> Iterator[RegexPart]:
    """Yield every part, those inside other parts included."""
    for part in parts:
        yield part
        for inner in inner_parts(part):
            yield from walk_regex(inner)


def escaped(code_point: int) -> str:
    """Return an expression for a character."""
    return f"\\U{code_point:08x}"


# --------------------------------------------------------------------------- Python's tree → ours


def _parts(tree: Any) -> Parts:
    return tuple([_READERS[operation](argument) for operation, argument in tree])


def _repeat(greed: Greed) -> Callable[[Any], Repeat]:
    def read(argument: Any) -> Repeat:
        least, most, inner = argument
        return Repeat(least, None if most is ops.MAXREPEAT else most, greed, _parts(inner))

    return read


def _look_around(*, is_negated: bool) -> Callable[[Any], LookAround | Failure]:
    def read(argument: Any) -> LookAround | Failure:
        direction, inner = argument
        if is_negated and direction > 0 and not inner:  # `(?!)`, which later versions of Python read as a failure
            return Failure()
        return LookAround(direction > 0, is_negated, _parts(inner))

    return read


def _group(argument: Any) -> Group:
    number, added, removed, inner = argument
    return Group(number, added, removed, _parts(inner))


def _conditional(argument: Any) -> Conditional:
    number, if_matched, otherwise = argument
    return Conditional(number, _parts(if_matched), None if otherwise is None else _parts(otherwise))


_CLASSES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}


def _set_entry(entry: tuple[Any, Any]) -> str:
    operation, argument = entry
    if operation is ops.NEGATE:
        return "^"
    if operation is ops.CATEGORY:
        return _CLASSES[argument]
    if operation is ops.RANGE:
        return f"{escaped(argument[0])}-{escaped(argument[1])}"
    return escaped(argument)


_ANCHORS: Mapping[Any, Anchor] = {
    ops.AT_BEGINNING: Anchor.START,
    ops.AT_BEGINNING_STRING: Anchor.STRING_START,
    ops.AT_END: Anchor.END,
    ops.AT_END_STRING: Anchor.STRING_END,
    ops.AT_BOUNDARY: Anchor.BOUNDARY,
    ops.AT_NON_BOUNDARY: Anchor.NO_BOUNDARY,
}
_READERS: Mapping[Any, Callable[[Any], RegexPart]] = {
    ops.LITERAL: Literal,
    ops.NOT_LITERAL: lambda code_point: CharacterClass(f"[^{escaped(code_point)}]"),
    ops.ANY: lambda _: CharacterClass("."),
    ops.IN: lambda entries: CharacterClass(f"[{''.join(map(_set_entry, entries))}]"),
    ops.AT: lambda position: _ANCHORS[position],
    ops.SUBPATTERN: _group,
    ops.BRANCH: lambda argument: Branches(tuple(_parts(branch) for branch in argument[1])),
    ops.MAX_REPEAT: _repeat(Greed.GREEDY),
    ops.MIN_REPEAT: _repeat(Greed.LAZY),
    ops.POSSESSIVE_REPEAT: _repeat(Greed.POSSESSIVE),
    ops.ASSERT: _look_around(is_negated=False),
    ops.ASSERT_NOT: _look_around(is_negated=True),
    ops.ATOMIC_GROUP: lambda inner: AtomicGroup(_parts(inner)),
    ops.GROUPREF: Backreference,
    ops.GROUPREF_EXISTS: _conditional,
    ops.FAILURE: lambda _: Failure(),
}
