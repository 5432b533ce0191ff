"""Regular expressions that need backtracking: texts that make them slow are tried within a time budget.

Wildcards and what RE2 can say are searched in linear time, so nothing is tried of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only reader of Python's expressions
from typing import Any

from watcher.errors import Undecided
from watcher.lint.finding_codes import make_finding
from watcher.match.bounded_regex import LIMIT, LINEAR, BoundedSearch
from watcher.match.regex_dialects import FLAGS, as_python
from watcher.model import Finding, Rule, SigmaRegex, detection_items

LONGEST = 32_000  # characters of a text; Windows allows a command line no more
_MOST_TEXTS = 12  # tried of one expression: at most 0.6 s of it
_SHORT = 40  # repetitions that are enough where time grows exponentially
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT)
_LEAVES = (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN)
_SAMPLES = "a0 -\\/.;:_\"'=(),\tZ\n\x7f"  # tried in turn for a character that an expression takes


def lint(rule: Rule) -> Iterator[Finding]:
    """Yield a finding for each expression that may leave an event undecided."""
    for item in detection_items(rule.node):
        for test in item.values:
            message = said(test) if isinstance(test, SigmaRegex) else ""
            if message:
                yield make_finding(
                    "slow-pattern",
                    message,
                    item.location or rule.location,
                    "write it without look-around, references to groups and repetitions inside repetitions",
                )


@lru_cache(maxsize=4096)
def said(regex: SigmaRegex) -> str:
    """Return why an expression may leave an event undecided; empty where it cannot."""
    search = BoundedSearch(regex)
    if search.automaton is not None and search.automaton.size * LONGEST <= LINEAR:
        return ""
    slow = slow_text(search)
    if not slow:
        return f"`{regex.pattern}` needs backtracking, so a long value may leave the event undecided"
    return (
        f"`{regex.pattern}` takes more than {LIMIT * 1000:.0f} ms on a value of {len(slow)} characters, "
        "so such an event stays undecided"
    )


def slow_text(search: BoundedSearch) -> str:
    """Return a text about which the expression does not decide in time; empty where no text that is tried does so."""
    for text in islice(texts(search.regex), _MOST_TEXTS):
        try:
            search(text)
        except Undecided:
            return text
    return ""


def texts(regex: SigmaRegex) -> Iterator[str]:
    """Yield texts on which backtracking has much to try: each repetition many times over, then what ends no match."""
    flags = re.NOFLAG
    for letter in regex.flags:
        flags |= FLAGS[letter]
    tree = parser.parse(regex.pattern, flags)
    repeats = tuple(dict.fromkeys((before, body) for before, body in _repeats(tree, "") if body))
    for count in (_SHORT, LONGEST):
        for before, body in repeats:
            times = max(1, min(count, (LONGEST - len(before)) // len(body)))
            yield f"{before}{body * times}\x00"


def _repeats(parts: Any, before: str) -> Iterator[tuple[str, str]]:
    """Yield each repetition: an example of what precedes it, and of what it repeats."""
    for operation, argument in parts:
        for inner in _inner(operation, argument):
            yield from _repeats(inner, before)
        if operation in _REPEATS and argument[1] > 1:
            yield before, _example(argument[2])
        before += _example([(operation, argument)])


def _inner(operation: Any, argument: Any) -> tuple[Any, ...]:
    """Return the sequences inside a part."""
    if operation is ops.BRANCH:
        return tuple(argument[1])
    if operation in (ops.SUBPATTERN, *_REPEATS, ops.POSSESSIVE_REPEAT):
        return (argument[-1],)
    if operation in (ops.ASSERT, ops.ASSERT_NOT):
        return (argument[1],)
    return (argument,) if operation is ops.ATOMIC_GROUP else ()


def _example(parts: Any) -> str:
    """Return a text that the parts match, as far as no look-around forbids it."""
    texts: list[str] = []
    for operation, argument in parts:
        if operation is ops.LITERAL:
            texts.append(chr(argument))
        elif operation in _LEAVES:
            texts.append(_character(operation, argument))
        elif operation in (*_REPEATS, ops.POSSESSIVE_REPEAT):
            texts.append(_example(argument[2]) * max(1, min(argument[0], _SHORT)))
        elif operation not in (ops.ASSERT, ops.ASSERT_NOT):
            texts.extend(_example(inner) for inner in _inner(operation, argument)[:1])
    return "".join(texts)


def _character(operation: Any, argument: Any) -> str:
    """Return a character that a class takes."""
    leaf = re.compile(as_python(operation, argument), re.DOTALL)
    return next((sample for sample in _SAMPLES if leaf.fullmatch(sample)), "")
