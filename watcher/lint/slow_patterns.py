"""Regular expressions that need backtracking: values that make them slow are tried within a time limit.

Wildcards, and expressions that RE2 compiles, are searched in linear time, so nothing is tried of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from watcher.errors import Undecided
from watcher.lint.finding_codes import make_finding
from watcher.match.bounded_regex import LIMIT, LINEAR, BoundedSearch
from watcher.match.regex_tree import (
    CharacterClass,
    Greed,
    Literal,
    LookAround,
    Parts,
    RegexPart,
    Repeat,
    inner_parts,
    parse_regex,
)
from watcher.model import Finding, Rule, SigmaRegex, detection_items

LONGEST = 32_000  # characters of a value; Windows allows a command line no more
_MOST_VALUES = 12  # tried of one expression: at most 0.6 s of it
_SHORT = 40  # repetitions that are enough where time grows exponentially
_SAMPLES = "a0 -\\/.;:_\"'=(),\tZ\n\x7f"  # tried in turn for a character that an expression matches


def lint(rule: Rule) -> Iterator[Finding]:
    """Yield a finding for each expression that may leave an event undecided."""
    for item in detection_items(rule.node):
        for sigma_value in item.values:
            message = slow_pattern_message(sigma_value) if isinstance(sigma_value, SigmaRegex) else ""
            if message:
                yield make_finding(
                    "slow-pattern",
                    message,
                    item.location or rule.location,
                    "write it without look-around, references to groups and repetitions inside repetitions",
                )


@lru_cache(maxsize=4096)
def slow_pattern_message(regex: SigmaRegex) -> str:
    """Return why an expression may leave an event undecided; empty if it cannot."""
    search = BoundedSearch(regex)
    if search.automaton is not None and search.automaton.size * LONGEST <= LINEAR:
        return ""
    value = slow_value(search)
    if not value:
        return f"`{regex.pattern}` needs backtracking, so a long value may leave the event undecided"
    return (
        f"`{regex.pattern}` takes more than {LIMIT * 1000:.0f} ms on a value of {len(value)} characters, "
        "so such an event stays undecided"
    )


def slow_value(search: BoundedSearch) -> str:
    """Return a value that the expression does not decide in time; empty if there is none among those tried."""
    for value in islice(candidate_values(search.regex), _MOST_VALUES):
        try:
            search(value)
        except Undecided:
            return value
    return ""


def candidate_values(regex: SigmaRegex) -> Iterator[str]:
    """Yield values on which backtracking takes long: many repetitions, then a character that ends no match."""
    tree = parse_regex(regex.pattern, regex.flags)
    repetitions = tuple(dict.fromkeys((before, body) for before, body in _repetitions(tree.parts, "") if body))
    for count in (_SHORT, LONGEST):
        for before, body in repetitions:
            times = max(1, min(count, (LONGEST - len(before)) // len(body)))
            yield f"{before}{body * times}\x00"


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
