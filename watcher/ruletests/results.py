"""Results of rule tests, and the values of a rule that its tests cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from watcher.match.event_explanation import Explanation, ExplanationStep, explain
from watcher.match.event_view import EventView
from watcher.model import ConditionNode, DetectionItem, Rule, SigmaValue, branches
from watcher.ruletests.suites import RuleTestSuite, event_of
from watcher.settings import Source
from watcher.sigma.rule_test_files import RuleTest
from watcher.taxonomy.logsources import events_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """The result of one test."""

    rule: Rule
    test: RuleTest
    explanation: Explanation  # of the rule on the event, evaluated in memory
    error: str = ""  # e.g. the engine rejected the event, or the query did not return it

    @property
    def passed(self) -> bool:
        """Whether the result is what the test expects."""
        return not self.error and not self.explanation.is_undecided and self.explanation.holds == self.test.hit

    @property
    def reason(self) -> str:
        """The reason of a failure, in one sentence."""
        if self.error:
            return self.error
        if self.explanation.is_undecided:
            return "the rule takes too long on the event to say whether it matches"
        if self.explanation.holds and not self.test.hit:
            return "the rule matches the event, and should not"
        if not self.explanation.fits:
            return "the rule does not match the event, which is outside its log source"
        return "the rule does not match the event, and should"


def in_memory(suite: RuleTestSuite, source: Source) -> tuple[RuleTestResult, ...]:
    """Evaluate a rule in memory on the events of its tests."""
    events = events_of(suite.rule.logsource, source.logsources)
    return tuple(
        RuleTestResult(
            rule=suite.rule,
            test=test,
            explanation=explain(suite.rule, events, EventView(event_of(test, events), source.fields)),
        )
        for test in suite.tests
    )


# --------------------------------------------------------------------------- coverage


@dataclass(slots=True, kw_only=True)
class SelectionTally:
    """One detection item of a rule, and how often the tests matched it."""

    selection: str
    item: DetectionItem
    matched: list[int] = field(default_factory=list)  # events per value
    held: int = 0  # events that the item matched
    failed: int = 0

    @property
    def uncovered(self) -> tuple[SigmaValue, ...]:
        """The values that no event of the tests matched."""
        return tuple(value for value, count in zip(self.item.values, self.matched, strict=True) if not count)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestCoverage:
    """The values of one rule that its tests cover."""

    rule: Rule
    tallies: tuple[SelectionTally, ...]

    @property
    def values(self) -> int:
        """The number of values of the rule."""
        return sum(len(tally.matched) for tally in self.tallies)

    @property
    def covered(self) -> int:
        """The number of values that an event matched."""
        return sum(len(tally.matched) - len(tally.uncovered) for tally in self.tallies)

    @property
    def undecided(self) -> tuple[SelectionTally, ...]:
        """The items that matched every event: no test shows that they are needed."""
        return tuple(tally for tally in self.tallies if tally.held and not tally.failed)


def coverage_of_tests(rule: Rule, results: Iterable[RuleTestResult]) -> RuleTestCoverage:
    """Return which values the tests of a rule cover; events outside its log source cover none."""
    names = {id(selection.node): selection.name for selection in rule.selections}
    tallies = {
        id(item): SelectionTally(selection=name, item=item, matched=[0] * len(item.values))
        for name, item in _named_items(rule.node, "", names)
    }
    for result in results:
        for checked in result.explanation.classes:
            if checked.fits:
                _count(checked.step, tallies)
    return RuleTestCoverage(rule=rule, tallies=tuple(tallies.values()))


def _named_items(node: ConditionNode, name: str, names: dict[int, str]) -> Iterator[tuple[str, DetectionItem]]:
    name = names.get(id(node), name)
    if isinstance(node, DetectionItem):
        yield name, node
    for branch in branches(node):
        yield from _named_items(branch, name, names)


def _count(step: ExplanationStep, tallies: dict[int, SelectionTally]) -> None:
    for inner in step.of:
        _count(inner, tallies)
    if not isinstance(step.node, DetectionItem):
        return
    tally = tallies[id(step.node)]
    tally.held += step.holds
    tally.failed += step.fails
    for number, checked in enumerate(step.checked):
        tally.matched[number] += checked.holds


def total_coverage(coverages: Sequence[RuleTestCoverage]) -> tuple[int, int]:
    """Return the number of covered values and of all values."""
    return sum(coverage.covered for coverage in coverages), sum(coverage.values for coverage in coverages)
