"""An explanation says of an event what the predicate says, and each of its parts follows from those below it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.truth_table import as_modules, events, rules, unchanged

from watcher.match.compiled_rule import CompiledRule
from watcher.match.descriptions import describe_value
from watcher.match.event_explanation import Explanation, ExplanationStep, explain
from watcher.match.event_view import EventView
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import DASHES, And, DetectionItem, Event, Not, Or, Rule
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.sigma.rule_folders import read_folder
from watcher.taxonomy.logsources import events_of

SHIPPED = Path(__file__).resolve().parents[2] / "rules"


def explain_rule(rule: Rule, event: Event) -> Explanation:
    return explain(rule, events_of(rule.logsource), EventView(event))


def check(step: ExplanationStep) -> None:
    """Hold a node against its parts."""
    for inner in step.of:
        check(inner)
    held = [inner.holds for inner in step.of]
    match step.node:
        case And():
            assert step.holds is all(held)
        case Or():
            assert step.holds is any(held)
        case Not():
            assert step.holds is not held[0]
        case DetectionItem(match_all=every):
            tried = [value.holds for value in step.checked]
            assert step.holds is ((all(tried) and bool(tried)) if every else any(tried))


def agree(rule: Rule, predicate: Predicate, event: Event) -> bool:
    explanation = explain_rule(rule, event)
    assert explanation.holds is predicate.matches(event), (rule.title, event)
    for looked in explanation.classes:
        check(looked.step)
    return explanation.holds


def test_the_shipped_rules_are_explained_as_they_match() -> None:
    lines = [line for file in SHIPPED.rglob("*.test.ndjson") for line in file.read_text(encoding="utf-8").splitlines()]
    cases = [json.loads(line) for line in lines]
    count = 0
    for rule in read_folder("shipped", SHIPPED).rules:
        predicate = Predicate(rule.node, events_of(rule.logsource))
        count += sum(agree(rule, predicate, case["event"]) for case in cases)
    assert count >= sum(case["expect"] == "hit" for case in cases) > 0


@pytest.mark.parametrize("shape", ["raw", "modules"])
def test_real_rules_explain_real_events_as_they_match_them(shared_data: Path, shape: str) -> None:
    """Every rule meets the events that it matches and some that it does not."""
    turned = as_modules(shared_data) if shape == "modules" else unchanged
    every = rules(shared_data)
    predicates = {rule.path: Predicate(rule.node, events_of(rule.logsource)) for rule in every}
    ruleset = Ruleset([CompiledRule(rule, predicates[rule.path]) for rule in every])
    hits = misses = 0
    for number, event in enumerate(sample(shared_data)):
        seen = turned(event)
        matching = ruleset.matching(seen)
        for rule in matching:
            hits += agree(rule, predicates[rule.path], seen)
        for rule in every[number % 400 :: 400]:
            misses += not agree(rule, predicates[rule.path], seen)
    assert hits > 400
    assert misses > 8_000


def sample(folder: Path) -> Iterator[Event]:
    for name in ("mdecrevoisier", "sigmahq-regression"):
        for number, (_, event) in enumerate(events(folder, name)):
            if number % 5 == 0:
                yield event


# --------------------------------------------------------------------------- what explanations say


def rule(detection: str) -> Rule:
    text = f"title: T\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n{detection}"
    (read,) = read_contents(text, file="r.yml", origin=RuleOrigin()).rules
    return read


def event(channel: str = "Microsoft-Windows-Sysmon/Operational", code: str = "1", **data: str) -> Event:
    return {"event": {"code": code}, "winlog": {"channel": channel, "event_data": data}}


def test_selections_and_values_are_named() -> None:
    read = rule(
        "  sel:\n    Image|endswith: [\\a.exe, \\b.exe]\n  filter_x:\n    User: me\n  condition: sel and not filter_x\n"
    )
    explanation = explain_rule(read, event(Image="C:\\b.exe"))
    (looked,) = explanation.classes
    selection, negated = looked.step.of
    assert explanation.holds
    assert (selection.selection, selection.values) == ("sel", ("C:\\b.exe",))
    assert [(describe_value(value.sigma_value), value.holds) for value in selection.checked] == [
        ("ends with `\\a.exe`", False),
        ("ends with `\\b.exe`", True),
    ]
    assert (negated.of[0].selection, negated.of[0].holds, negated.of[0].values) == ("filter_x", False, ())


def test_an_event_of_another_log_source_is_named_and_the_condition_is_explained() -> None:
    read = rule("  sel: {Image: x}\n  condition: sel\n")
    explanation = explain_rule(read, event(channel="System", code="7045", Image="x"))
    assert (explanation.holds, explanation.fits, explanation.channel, explanation.code) == (
        False,
        False,
        "System",
        "7045",
    )
    assert [looked.step.holds for looked in explanation.classes] == [True]


def test_security_4688_is_explained_as_process_creation() -> None:
    read = rule("  sel: {Image: x}\n  condition: sel\n")
    explanation = explain_rule(read, event(channel="Security", code="4688", NewProcessName="x"))
    assert explanation.holds
    assert explanation.classes[0].step.values == ("x",)


CONTAINS = "would match with the modifier `contains`: a part of the event's value fits"


@pytest.mark.parametrize(
    ("asked", "value", "hint"),
    [
        ("CommandLine|re: ENC", "enc", "would match with the modifier `i`, which ignores case"),
        (
            "CommandLine|contains|cased: ENC",
            "an enc",
            "would match without the modifier `cased`, which is case-sensitive",
        ),
        ("CommandLine: enc", "an enc", CONTAINS),
        ("CommandLine|startswith: enc", "an enc", CONTAINS),
        ("CommandLine: enc", "other", ""),
        ("CommandLine|contains: enc", "other", ""),
    ],
)
def test_a_near_match_has_a_hint(asked: str, value: str, hint: str) -> None:
    explanation = explain_rule(rule(f"  sel: {{{asked}}}\n  condition: sel\n"), event(CommandLine=value))
    assert not explanation.holds
    assert [value.hint for value in explanation.classes[0].step.checked] == [hint]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("F: abc", "is `abc`"),
        ("F: 5", "is `5`"),
        ("F: null", "is absent or empty"),
        ("F|contains: abc", "contains `abc`"),
        ("F|startswith: abc", "starts with `abc`"),
        ("F: 'a*b?'", "is like `a*b?`"),
        ("F: '*'", "is anything"),
        ("F|re|i: a+", "matches the expression `a+` (flags i)"),
        ("F|cased: Abc", "is `Abc` (in this case)"),
        ("F|cidr: 10.0.0.0/8", "is an address of `10.0.0.0/8`"),
        ("F|gte: 5", ">= 5"),
        ("F|exists: false", "is absent"),
        ("F|fieldref: G", "is the value of `G`"),
        ("F|hour|gt: 5", "hour > 5 (UTC)"),
        ("F|windash|contains: ' -a'", f"is like `* -a*` (`-` at a word's start: any of `{DASHES}`)"),
    ],
)
def test_every_kind_of_test_has_words(written: str, said: str) -> None:
    read = rule(f"  sel: {{{written}}}\n  condition: sel\n")
    assert isinstance(read.node, DetectionItem)
    assert [describe_value(test) for test in read.node.values] == [said]


def test_a_keyword_is_described_as_it_is_searched() -> None:
    read = rule("  sel: [abc]\n  condition: sel\n")
    assert isinstance(read.node, DetectionItem)
    assert describe_value(read.node.values[0], keyword=True) == "contains `abc`"
