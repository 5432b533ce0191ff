"""Values that are made to keep a pattern of a rule busy for as long as possible.

They repeat what the pattern matches, and then spoil the match. Equal seeds give equal values.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from watcher.match.regex_literals import literal_choices
from watcher.match.regex_tree import (
    Branches,
    CharacterClass,
    Greed,
    Literal,
    LookAround,
    Parts,
    RegexPart,
    Repeat,
    inner_parts,
    parse_regex,
    walk_regex,
)
from watcher.model import SigmaRegex, SigmaString, Wildcard

LENGTHS = (100, 2_000, 32_000, 100_000)
"""Characters of the values; Windows allows a command line no more than 32,000."""
_SHORT = 40  # repetitions that are enough where time grows exponentially
_SAMPLES = "a0 -\\/.;:_\"'=(),\tZ\n\x7f\u65e5"  # tried in turn for a character that an expression matches
_SPOILERS = ("\x00", "\u65e5")  # the second one makes an expression one of all letters, which is larger
_MOST_MIXED = 1_000  # random choices of a value, which are repeated
_MOST_BEGINNINGS = 12  # of one pattern


@dataclass(frozen=True, slots=True)
class RepeatedUnit:
    """A unit that is repeated behind a start, until an end spoils the match."""

    start: str
    unit: str
    end: str

    def value(self, length: int, times: int | None = None) -> str:
        """Return the value that has about so many characters, or so many units."""
        fitting = (length - len(self.start) - len(self.end)) // len(self.unit)
        return f"{self.start}{self.unit * max(1, fitting if times is None else min(times, fitting))}{self.end}"


def adversarial_values(
    pattern: SigmaRegex | SigmaString, lengths: Sequence[int] = LENGTHS, *, seed: int = 0
) -> Iterator[str]:
    """Yield values against a pattern, those of each length in turn.

    Raises re.error, RecursionError or OverflowError if an expression is not valid.
    """
    attacks = _attacks(pattern)
    units = tuple(dict.fromkeys(attack.unit for attack in attacks))
    letters = tuple(dict.fromkeys("".join(units)))
    chosen = random.Random(f"{seed} {pattern}")  # noqa: S311 - reproducible values, no secrets
    for length in lengths:
        for attack in attacks:
            yield attack.value(length)
        for choices in (units, letters):
            if len(choices) > 1:
                yield _mixed(choices, chosen, length)


def _attacks(pattern: SigmaRegex | SigmaString) -> tuple[RepeatedUnit, ...]:
    attacks = regex_attacks(pattern) if isinstance(pattern, SigmaRegex) else _string_attacks(pattern)
    return tuple(dict.fromkeys(attacks))


def _mixed(choices: Sequence[str], chosen: random.Random, length: int) -> str:
    average = sum(map(len, choices)) / len(choices)
    mixed = "".join(chosen.choices(choices, k=max(1, min(_MOST_MIXED, int(length / average)))))
    return (mixed * (length // len(mixed) + 1))[:length]


# --------------------------------------------------------------------------- strings with wildcards


def _string_attacks(pattern: SigmaString) -> Iterator[RepeatedUnit]:
    """Yield attacks on a string: on what is between its `*`, by itself and what nearly is the same."""
    chunks = tuple(_chunks(pattern.parts))
    first, last = chunks[0], chunks[-1]
    inner = tuple(chunk for chunk in chunks[1:-1] if chunk)
    for chunk in inner:
        yield from (RepeatedUnit(first, unit, last) for unit in _nearly(chunk))
    literals = (part for part in pattern.parts if not isinstance(part, Wildcard))
    yield from (RepeatedUnit(first, literal, last) for literal in literals)  # a chunk is tried where its longest is
    for beginning in _beginnings(inner):
        yield RepeatedUnit(first, beginning, last)
        yield RepeatedUnit(first + "".join(inner[:-1]), beginning, last)
    for chunk in filter(None, (first, last)):
        for unit in _nearly(chunk):
            yield from (RepeatedUnit(spoiler, unit, "") for spoiler in _SPOILERS)
            yield from (RepeatedUnit("", unit, spoiler) for spoiler in _SPOILERS)


def _nearly(literal: str) -> Iterator[str]:
    """Yield what is repeated of a literal: all of it, without an end, and each end."""
    return (
        unit
        for unit in dict.fromkeys((literal, literal[:-1], literal[1:], literal[:1], literal[-1:], literal.swapcase()))
        if unit
    )


def _chunks(parts: Iterable[str | Wildcard]) -> Iterator[str]:
    """Yield an example of what is before, between and behind the `*`."""
    chunk = ""
    for part in parts:
        if part is Wildcard.ANY:
            yield chunk
            chunk = ""
        elif isinstance(part, Wildcard):
            chunk += "-" if part is Wildcard.DASH else chunk[-1:] or "a"
        else:
            chunk += part
    yield chunk


# --------------------------------------------------------------------------- expressions


def regex_attacks(regex: SigmaRegex) -> Iterator[RepeatedUnit]:
    """Yield attacks on an expression: on its repetitions first, then on its beginnings and branches.

    Most end with the literals without which an expression is not searched, in an order that is no match.
    """
    tree = parse_regex(regex.pattern, regex.flags)
    literals = "\x00".join(min(choice, key=len) for choice in reversed(literal_choices(regex)))
    example = _example(tree.parts)
    ends = tuple(dict.fromkeys(f"{spoiler}{literals}" for spoiler in _SPOILERS))
    for start, unit in dict.fromkeys(_repetitions(tree.parts, "")):
        if unit:
            yield RepeatedUnit(start, unit, _SPOILERS[0])
            yield RepeatedUnit(start, unit, example[len(start) : -1])
            yield from (RepeatedUnit(start, unit, end) for end in ends)
    branches = (part.branches for part in walk_regex(tree.parts) if isinstance(part, Branches))
    units = (*_beginnings(map(_example_of_part, tree.parts)), *_nearly(example))
    for unit in filter(None, dict.fromkeys((*units, *(_example(branch) for parts in branches for branch in parts)))):
        yield from (RepeatedUnit("", unit, end) for end in ends)


def _beginnings(examples: Iterable[str]) -> tuple[str, ...]:
    """Return the first example, then those that have one more example each; only some of many."""
    beginnings = tuple(filter(None, dict.fromkeys(accumulate(examples))))
    return beginnings[:: len(beginnings) // _MOST_BEGINNINGS + 1]


def _repetitions(parts: Parts, before: str) -> Iterator[tuple[str, str]]:
    """Yield each repetition: an example of what precedes it, and of what it repeats."""
    for part in parts:
        for inner in inner_parts(part):
            yield from _repetitions(inner, before)
        if isinstance(part, Repeat) and part.greed is not Greed.POSSESSIVE and (part.most is None or part.most > 1):
            yield before, _example(part.parts)
        before += _example_of_part(part)


def _example(parts: Parts) -> str:
    """Return a string that the parts match, as far as no look-around forbids it."""
    return "".join(map(_example_of_part, parts))


def _example_of_part(part: RegexPart) -> str:
    match part:
        case Literal(code_point=code_point):
            return chr(code_point)
        case CharacterClass(pattern=pattern):
            return _character(pattern)
        case Repeat(least=least, parts=parts):
            return _example(parts) * max(1, min(least, _SHORT))
        case LookAround():
            return ""
    return "".join(map(_example, inner_parts(part)[:1]))


def _character(pattern: str) -> str:
    """Return a character that a class matches; empty if it is none of the samples."""
    compiled = re.compile(pattern, re.DOTALL)
    return next((sample for sample in _SAMPLES if compiled.fullmatch(sample)), "")
