"""What came of a test, and what all tests of a rule tried of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from watcher.match.event_explanation import Explanation, ExplanationStep, explain
from watcher.match.event_view import EventView
from watcher.model import And, ConditionNode, DetectionItem, Not, Or, Rule, SigmaValue
from watcher.ruletests.suites import RuleTestSuite, event_of
from watcher.settings import Source
from watcher.sigma.test_files import RuleTest
from watcher.taxonomy.logsources import events_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """What came of one test."""

    rule: Rule
    case: RuleTest
    told: Explanation  # what the rule says of the event in memory
    trouble: str = ""  # what went wrong beside: the engine refused the event, or its query did not return it

    @property
    def passed(self) -> bool:
        """Tell whether the rule did what the test expects."""
        return not self.trouble and not self.told.is_undecided and self.told.holds == self.case.hit

    @property
    def why(self) -> str:
        """Say in one sentence what is wrong."""
        if self.trouble:
            return self.trouble
        if self.told.is_undecided:
            return "the rule takes too long on the event to say whether it matches"
        if self.told.holds and not self.case.hit:
            return "the rule matches the event, and should not"
        if not self.told.fits:
            return "the rule does not match the event, which is not of its log source"
        return "the rule does not match the event, and should"


def in_memory(suite: RuleTestSuite, source: Source) -> tuple[RuleTestResult, ...]:
    """Hold a rule against the events of its tests."""
    where = events_of(suite.rule.logsource, source.logsources)
    return tuple(
        RuleTestResult(
            rule=suite.rule,
            case=case,
            told=explain(suite.rule, where, EventView(event_of(case, where), source.fields)),
        )
        for case in suite.cases
    )


# --------------------------------------------------------------------------- what was tried


@dataclass(slots=True, kw_only=True)
class SelectionTally:
    """One predicate of a rule, a field and its values, and what the tests tried of it."""

    selection: str
    item: DetectionItem
    matched: list[int] = field(default_factory=list)  # per value, by how many events
    held: int = 0  # in how many events the whole predicate held
    failed: int = 0

    @property
    def untried(self) -> tuple[SigmaValue, ...]:
        """Give the values that no event of the tests matched."""
        return tuple(test for test, count in zip(self.item.values, self.matched, strict=True) if not count)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestCoverage:
    """What the tests of one rule tried."""

    rule: Rule
    tallies: tuple[SelectionTally, ...]

    @property
    def values(self) -> int:
        """Count the values of the rule."""
        return sum(len(one.matched) for one in self.tallies)

    @property
    def tried(self) -> int:
        """Count those that some event matched."""
        return sum(len(one.matched) - len(one.untried) for one in self.tallies)

    @property
    def undecided(self) -> tuple[SelectionTally, ...]:
        """Give the predicates that held in every event: no test shows that they matter."""
        return tuple(one for one in self.tallies if one.held and not one.failed)


def coverage_of_tests(rule: Rule, outcomes: Iterable[RuleTestResult]) -> RuleTestCoverage:
    """Count what the events of the tests tried of a rule; those outside its log source try nothing."""
    names = {id(selection.node): selection.name for selection in rule.selections}
    found = {
        id(item): SelectionTally(selection=name, item=item, matched=[0] * len(item.values))
        for name, item in _items(rule.node, "", names)
    }
    for outcome in outcomes:
        for looked in outcome.told.looked:
            if looked.fits:
                _count(looked.step, found)
    return RuleTestCoverage(rule=rule, tallies=tuple(found.values()))


def _items(node: ConditionNode, name: str, names: dict[int, str]) -> Iterator[tuple[str, DetectionItem]]:
    name = names.get(id(node), name)
    match node:
        case And(of=branches) | Or(of=branches):
            for branch in branches:
                yield from _items(branch, name, names)
        case Not(of=branch):
            yield from _items(branch, name, names)
        case DetectionItem():
            yield name, node


def _count(step: ExplanationStep, found: dict[int, SelectionTally]) -> None:
    for inner in step.of:
        _count(inner, found)
    if not isinstance(step.node, DetectionItem):
        return
    counted = found[id(step.node)]
    counted.held += step.holds
    counted.failed += step.fails
    for number, tried in enumerate(step.tried):
        counted.matched[number] += tried.holds


def total(checkpoint: Sequence[RuleTestCoverage]) -> tuple[int, int]:
    """Count the values that were tried, and all of them."""
    return sum(one.tried for one in checkpoint), sum(one.values for one in checkpoint)
