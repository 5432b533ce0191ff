"""The suite is honest: each case can fail, and damage of any kind to the product is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice

import pytest
import suite
from case_files import SUITE, Case, CaseEvent, all_cases, shared_mappings
from msgspec import structs
from suite import Answers

from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Not,
    Or,
    Rule,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegex,
    SigmaString,
    SigmaValue,
)
from watcher.sigma.modifiers import ALLOWED
from watcher.translate.string_clauses import KEYWORD_TYPES, TEXT_TYPES
from watcher.translate.value_clauses import VALUE_CLAUSES

DETECTING = [case for case in all_cases() if case.error is None]
IN_MEMORY = [
    case for case in DETECTING if case.known_fault is None and (case.mapping is None or not case.mapping.adds_values)
]
MAPPINGS = frozenset(
    "keyword wildcard text match_only_text ip long double boolean date constant_keyword alias flattened flat_object "
    "ignore_above normalizer null_value copy_to runtime derived unmapped disabled not_indexed nested several_types "
    "floats scaled_float identity unsigned_long other_types other_text_types".split()
)


def test_there_are_three_hundred_cases_or_more() -> None:
    assert len(all_cases()) >= 300


def test_every_case_has_a_name_of_its_own_and_a_reason() -> None:
    names = [case.id for case in all_cases()]
    assert sorted({name for name in names if names.count(name) > 1}) == []
    assert [case.id for case in all_cases() if not case.why.strip() or "\n" in case.why.strip()] == []


def test_every_case_has_events_of_both_kinds() -> None:
    """A case without a hit, or without a miss, passes where a rule never or always matches."""
    lopsided = [case.id for case in DETECTING if {event.hit for event in case.events} != {True, False}]
    assert lopsided == []


def test_every_modifier_has_a_case() -> None:
    assert sorted(set(ALLOWED) - {modifier for case in DETECTING for modifier in _modifiers(case)}) == []


def _modifiers(case: Case) -> set[str]:
    """Return the modifiers of the keys of a case, each by the name that its author wrote."""
    keys = (key for text in case.files.values() for key in re.findall(r"((?:\|\w+)+)[\"']?\s*:", text))
    return {modifier for key in keys for modifier in key.strip("|").split("|")}


def test_modifiers_are_recognised_by_their_complete_names() -> None:
    """`startswith` is no `s`, and a value is no key."""
    case = replace(IN_MEMORY[0], files={"a.yml": "F|re|m: 'x|s'\n'|startswith': 'a|i'\n"})
    assert _modifiers(case) == {"re", "m", "startswith"}


def test_every_type_of_mapping_has_a_file() -> None:
    files = {path.stem for path in (SUITE / "mappings").glob("*.yml")} | {mapping.name for mapping in shared_mappings()}
    assert sorted(MAPPINGS - files - {"double"}) == []


def test_every_type_that_has_clauses_is_mapped_by_a_case() -> None:
    mapped = {name for case in DETECTING if case.mapping is not None for name in _types(case.mapping.indices)}
    assert sorted({*KEYWORD_TYPES, *TEXT_TYPES, *VALUE_CLAUSES} - mapped) == []


def _types(definition: object) -> set[str]:
    if not isinstance(definition, Mapping):
        return set()
    own = {definition["type"]} if isinstance(definition.get("type"), str) else set()
    return own.union(*map(_types, definition.values()))


# --------------------------------------------------------------------------- damage to the rule


@pytest.mark.parametrize("damage", [suite.negated, suite.matching_nothing, suite.matching_everything])
def test_a_rule_that_matches_otherwise_is_noticed_by_every_case(damage: Callable[[Rule], Rule]) -> None:
    assert [case.id for case in IN_MEMORY if not suite.faults_of(case, damage)] == []


# --------------------------------------------------------------------------- damage to parts of rules


def _tests(change: Callable[[SigmaValue], SigmaValue]) -> Callable[[ConditionNode], ConditionNode]:
    def damaged(node: ConditionNode) -> ConditionNode:
        return (
            structs.replace(node, values=tuple(map(change, node.values))) if isinstance(node, DetectionItem) else node
        )

    return damaged


DAMAGES: dict[str, Callable[[ConditionNode], ConditionNode]] = {
    "every string is cased": _tests(
        lambda test: structs.replace(test, cased=True) if isinstance(test, SigmaString) else test
    ),
    "no string is cased": _tests(
        lambda test: structs.replace(test, cased=False) if isinstance(test, SigmaString) else test
    ),
    "wildcards are dropped": _tests(
        lambda test: (
            SigmaString(tuple(part for part in test.parts if isinstance(part, str)), test.cased)
            if isinstance(test, SigmaString)
            else test
        )
    ),
    "flags of expressions are dropped": _tests(
        lambda test: SigmaRegex(test.pattern) if isinstance(test, SigmaRegex) else test
    ),
    "expressions are strings": _tests(
        lambda test: SigmaRegex(re.escape(test.pattern), test.flags) if isinstance(test, SigmaRegex) else test
    ),
    "null is any value": _tests(lambda test: SigmaExists(expected=True) if isinstance(test, SigmaNull) else test),
    "presence is turned round": _tests(
        lambda test: SigmaExists(expected=not test.expected) if isinstance(test, SigmaExists) else test
    ),
    "numbers are strings": _tests(
        lambda test: SigmaString((str(test.value),)) if isinstance(test, SigmaNumber) else test
    ),
    "references compare the entire value": _tests(
        lambda test: replace(test, how="equals") if isinstance(test, SigmaFieldReference) else test
    ),
    "`all` is dropped": lambda node: (
        structs.replace(node, match_all=False) if isinstance(node, DetectionItem) else node
    ),
    "negations are dropped": lambda node: node.of if isinstance(node, Not) else node,
    "AND is OR": lambda node: Or(node.of) if isinstance(node, And) else node,
    "OR is AND": lambda node: And(node.of) if isinstance(node, Or) else node,
    "only the first value of a list counts": lambda node: (
        structs.replace(node, values=node.values[:1]) if isinstance(node, DetectionItem) else node
    ),
    "only the last item of a map counts": lambda node: node.of[-1] if isinstance(node, And) else node,
    "keywords are a field": lambda node: (
        structs.replace(node, field="F") if isinstance(node, DetectionItem) and node.field is None else node
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_to_a_part_of_rules_is_noticed_by_several_cases(
    damage: Callable[[ConditionNode], ConditionNode],
) -> None:
    noticed = (case.id for case in IN_MEMORY if suite.faults_of(case, lambda rule: suite.rewritten(rule, damage)))
    assert len(list(islice(noticed, 3))) == 3


# --------------------------------------------------------------------------- damage to expectations


def test_an_expectation_of_findings_or_of_an_error_is_noticed() -> None:
    plain = next(case for case in IN_MEMORY if not case.findings)
    assert suite.faults_of(replace(plain, findings=("duplicate-key",))) != []
    assert suite.faults_of(replace(plain, error=("anything",))) != []
    refused = next(case for case in all_cases() if case.error is not None)
    assert suite.faults_of(replace(refused, error=("a sentence that nothing says",))) != []
    assert suite.faults_of(replace(refused, error=None)) != []


def test_answers_of_an_engine_are_judged_by_what_is_lost_and_what_is_too_much() -> None:
    case = replace(
        IN_MEMORY[0], events=tuple(CaseEvent(document={}, hit=hit, index="a") for hit in (True, True, False))
    )
    right = Answers(returned=frozenset({0, 1, 2}), confirmed=frozenset({0, 1}))
    lost = Answers(returned=frozenset({1}), confirmed=frozenset({1}))
    unconfirmed = Answers(returned=frozenset({0, 1}), confirmed=frozenset({1}))
    extra = Answers(returned=frozenset({0, 1, 2}), confirmed=frozenset({0, 1, 2}))
    assert _judged(case, right) == []
    assert _judged(case, replace(right, refusals=("a reason",))) == [f"{case.id}: the query is refused: a reason"]
    assert _judged(case, lost) == [f"{case.id}: the query loses event 0"]
    assert _judged(case, unconfirmed) == [f"{case.id}: event 0 is not confirmed"]
    assert _judged(case, extra) == [f"{case.id}: event 2 is confirmed and must not be"]


def test_a_known_fault_that_is_mended_is_noticed() -> None:
    right = Answers(returned=frozenset({0}), confirmed=frozenset({0}))
    events = (CaseEvent(document={}, hit=True, index="a"),)
    case = replace(IN_MEMORY[0], events=events, query_faults={"opensearch-x": "a reason"})
    assert _judged(case, right)[0].endswith("is mended on opensearch-x (a reason); remove it from the case")
    assert _judged(case, Answers(returned=frozenset(), confirmed=frozenset())) == []


def _judged(case: Case, answers: Answers) -> list[str]:
    return list(suite.judged(case, answers, "opensearch-x"))
