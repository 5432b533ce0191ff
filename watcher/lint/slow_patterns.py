"""Patterns that take long on values that are made to keep them busy.

Each pattern of a check is measured once, for at most `PATTERN_BUDGET` seconds of CPU. Strings whose chunks are short,
and expressions of few instructions, need no measurement: they take linear time. A check ends its measurements after
`BUDGET` seconds: of the patterns that are left, only expressions that need backtracking are reported, and a finding
says how many were not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from time import thread_time
from typing import TypeGuard

from watcher.errors import Undecided
from watcher.lint.adversarial_values import adversarial_values
from watcher.lint.finding_codes import make_finding
from watcher.match.bounded_regex import LIMIT, BoundedSearch
from watcher.match.matchers import Matcher, fold, string_matcher
from watcher.match.wildcards import QUICK, longest_chunk
from watcher.model import Finding, Rule, SigmaRegex, SigmaString, SigmaValue, Wildcard, detection_items

LONGEST = 32_000  # characters of a value; Windows allows a command line no more
SLOW = 0.1  # seconds of CPU that a pattern may take on a value
BUDGET = 5.0  # seconds of CPU for all patterns of a check
PATTERN_BUDGET = 0.5  # seconds of CPU for one of them
_LENGTHS = (100, LONGEST)  # the first shows what grows exponentially, the second what grows with the square

Pattern = SigmaRegex | SigmaString
CpuSeconds = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The slowest value of those that were tried."""

    seconds: float = 0.0  # of CPU
    length: int = 0
    is_undecided: bool = False


def lint(rules: Iterable[Rule], cpu_seconds: CpuSeconds = thread_time, budget: float = BUDGET) -> Iterator[Finding]:
    """Yield a finding for each pattern that may delay an event or leave it undecided."""
    end = cpu_seconds() + budget
    messages: dict[Pattern, str] = {}
    unmeasured: list[Rule] = []  # the rule of each pattern
    for rule in rules:
        for item in detection_items(rule.node):
            for pattern in filter(_is_measured, item.values):
                if pattern not in messages:
                    is_late = cpu_seconds() >= end
                    unmeasured += [rule] * is_late
                    worst = WorstCase() if is_late else worst_case(pattern, _lengths(pattern), cpu_seconds)
                    messages[pattern] = slow_pattern_message(pattern, worst)
                if messages[pattern]:
                    yield make_finding(
                        "slow-pattern",
                        messages[pattern],
                        item.location or rule.location,
                        "write it without look-around, references to groups and repetitions inside repetitions",
                    )

    if unmeasured:
        yield make_finding(
            "unmeasured-patterns",
            f"{len(unmeasured):,} of {len(messages):,} patterns were not measured: the {budget:g} s for all are over",
            unmeasured[0].location,
            "check the rules of this file and those after it apart",
        )


def _is_measured(sigma_value: SigmaValue) -> TypeGuard[Pattern]:
    """Return whether a value may take long: where a chunk with `?` or dashes is long, or an expression."""
    if not is_searched(sigma_value):
        return False
    if isinstance(sigma_value, SigmaRegex):
        automaton = _bounded_search(sigma_value).automaton
        return automaton is None or not automaton.is_quick(LONGEST)
    return longest_chunk(sigma_value.parts) * LONGEST > QUICK


@lru_cache(maxsize=1)
def _bounded_search(regex: SigmaRegex) -> BoundedSearch:
    return BoundedSearch(regex)  # compiled once, for all that is asked about it


def _lengths(pattern: Pattern) -> tuple[int, ...]:
    """Return the lengths of values to try: what needs no backtracking does not grow exponentially."""
    is_linear = isinstance(pattern, SigmaString) or _bounded_search(pattern).automaton is not None
    return (LONGEST,) if is_linear else _LENGTHS


def is_searched(sigma_value: SigmaValue) -> TypeGuard[Pattern]:
    """Return whether a value is an expression, or has wildcards elsewhere than `*` at its ends."""
    if isinstance(sigma_value, SigmaString):
        inner = sigma_value.parts[1:-1]
        return any(part in (Wildcard.ONE, Wildcard.DASH) for part in sigma_value.parts) or Wildcard.ANY in inner
    return isinstance(sigma_value, SigmaRegex)


def slow_pattern_message(pattern: Pattern, worst: WorstCase) -> str:
    """Return why a pattern may delay an event or leave it undecided; empty if it does not, as far as was tried."""
    if worst.is_undecided:
        return (
            f"`{_written(pattern)}` takes more than {LIMIT * 1000:.0f} ms on a value of {worst.length} characters, "
            "so such an event stays undecided"
        )
    if worst.seconds > SLOW:
        return f"`{_written(pattern)}` takes {worst.seconds * 1000:.0f} ms on a value of {worst.length} characters"
    if isinstance(pattern, SigmaRegex) and _needs_backtracking(pattern):
        return f"`{pattern.pattern}` needs backtracking, so a long value may leave the event undecided"
    return ""


def _written(pattern: Pattern) -> str:
    return pattern.pattern if isinstance(pattern, SigmaRegex) else str(pattern)


def _needs_backtracking(regex: SigmaRegex) -> bool:
    automaton = _bounded_search(regex).automaton
    return automaton is None or not automaton.may_bear(LONGEST)


def worst_case(
    pattern: Pattern,
    lengths: tuple[int, ...],
    cpu_seconds: CpuSeconds = thread_time,
    budget: float = PATTERN_BUDGET,
) -> WorstCase:
    """Measure a pattern on adversarial values of some lengths; ends at one that is slow or undecided, or by the budget.

    Values are folded before, as all rules share the folded values of an event.
    """
    matcher: Matcher = _bounded_search(pattern) if isinstance(pattern, SigmaRegex) else string_matcher(pattern)
    is_folded = isinstance(pattern, SigmaString) and not pattern.cased
    worst, end = WorstCase(), cpu_seconds() + budget
    for written in adversarial_values(pattern, lengths):
        value = fold(written) if is_folded else written
        case = _measured(matcher, value, cpu_seconds)
        if case.seconds > SLOW:  # the first value of an alphabet compiles the expression
            case = min(case, _measured(matcher, value, cpu_seconds), key=lambda tried: tried.seconds)
        worst = max(worst, case, key=lambda tried: (tried.is_undecided, tried.seconds))
        if worst.is_undecided or worst.seconds > SLOW or cpu_seconds() > end:
            break
    return worst


def _measured(matcher: Matcher, value: str, cpu_seconds: CpuSeconds) -> WorstCase:
    began = cpu_seconds()
    is_undecided = False
    try:
        matcher(value)
    except Undecided:
        is_undecided = True
    return WorstCase(seconds=cpu_seconds() - began, length=len(value), is_undecided=is_undecided)
