"""No rule takes more than 100 ms of CPU on an event whose values are made to keep it busy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from support.truth_table import rules

from watcher.lint.adversarial_values import LENGTHS
from watcher.lint.slow_patterns import SLOW, Pattern, WorstCase, is_searched, worst_case
from watcher.model import Rule, detection_items
from watcher.sigma.rule_folders import read_folder

SHIPPED = Path(__file__).parents[2] / "rules"
WINDOWS = LENGTHS[:-1]  # Windows allows a command line no more than the longest of these
COMMAND_LINE = WINDOWS[-1:]


@cache
def measured(pattern: Pattern, lengths: tuple[int, ...]) -> WorstCase:
    return worst_case(pattern, lengths, budget=60)


def cases_of(rule: Rule, lengths: tuple[int, ...]) -> list[tuple[WorstCase, Pattern]]:
    """Return the worst case of each pattern of a rule."""
    patterns = [value for item in detection_items(rule.node) for value in item.values if is_searched(value)]
    return [(measured(pattern, lengths), pattern) for pattern in patterns]


def slow(rules: Iterable[Rule], lengths: tuple[int, ...]) -> list[str]:
    """Return the rules whose patterns take too long together, with the slowest of them."""
    reports: list[str] = []
    for rule in rules:
        cases = cases_of(rule, lengths)
        if sum(case.seconds for case, _ in cases) > SLOW:
            reports.append(f"{rule.title}: {max(cases, key=lambda pair: pair[0].seconds)}")
    return reports


def undecided(rules: Iterable[Rule], lengths: tuple[int, ...]) -> list[str]:
    """Return the rules of which a pattern leaves a value undecided."""
    return [
        f"{rule.title}: {pattern} {case}"
        for rule in rules
        for case, pattern in cases_of(rule, lengths)
        if case.is_undecided
    ]


def test_shipped_rules_decide_each_value_in_time() -> None:
    shipped = read_folder("shipped", SHIPPED).rules
    assert len(shipped) > 10
    assert slow(shipped, WINDOWS) == undecided(shipped, WINDOWS) == []


@pytest.mark.slow
def test_shipped_rules_take_no_longer_on_values_of_100_000_characters() -> None:
    assert slow(read_folder("shipped", SHIPPED).rules, LENGTHS) == []


def test_known_rules_decide_command_lines_in_time(shared_data: Path) -> None:
    assert slow(rules(shared_data), COMMAND_LINE) == undecided(rules(shared_data), COMMAND_LINE) == []


@pytest.mark.slow
def test_known_rules_decide_values_of_each_length_in_time(shared_data: Path) -> None:
    assert slow(rules(shared_data), LENGTHS) == undecided(rules(shared_data), LENGTHS) == []
