"""Former aggregations: each is read as base rules and a correlation rule, or refused with advice."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from rule_fixtures import HEAD, ID, codes, contents

from watcher.model import And, DetectionItem, Not
from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import AllOf, AnyOf, NoneOf, RuleName
from watcher.sigma.aggregations import base_rule_id
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.correlation_form import section_form
from watcher.sigma.rule_folders import LoadedRules, RuleFolder, read_folders

FILTER = """\
title: Except admins
logsource: {product: windows}
filter:
  rules: [RULES]
  admins: {User: admin}
  condition: not admins
"""


def text(condition: str, timeframe: str = "  timeframe: 15m\n") -> str:
    return (
        f"{HEAD}name: logins\ndetection:\n  main: {{F: a}}\n  other: {{F: b}}\n  third: {{F: c}}\n"
        f"{timeframe}  condition: {condition}\n"
    )


def loaded(*texts: str) -> LoadedRules:
    files = [contents(each, path=f"{number}.yml") for number, each in enumerate(texts)]
    return read_folders(
        RuleFolder(
            name="mine",
            path=None,  # type: ignore[arg-type]  # nothing is read from it
            rules=file.rules,
            filters=file.filters,
            correlations=file.correlations,
            base_rules=file.base_rules,
            refused=file.refused,
            findings=file.findings,
        )
        for file in files
    )


def converted(condition: str, timeframe: str = "  timeframe: 15m\n") -> CorrelationRule:
    rule_file = contents(text(condition, timeframe))
    assert [str(finding) for finding in rule_file.refused] == []
    (rule,) = rule_file.correlations
    return rule


@pytest.mark.parametrize(
    ("aggregation", "form"),
    [
        ("count() by Computer > 5", "type: event_count, group-by: [Computer], condition: {gt: 5}"),
        ("count() > 5", "type: event_count, condition: {gt: 5}"),
        ("COUNT( ) BY Computer>=5", "type: event_count, group-by: [Computer], condition: {gte: 5}"),
        ("count(*) by Computer = 5", "type: event_count, group-by: [Computer], condition: {eq: 5}"),
        ("count() by Computer < 5", "type: event_count, group-by: [Computer], condition: {lt: 5}"),
        ("count() by A, winlog.b-c != 5", "type: event_count, group-by: [A, winlog.b-c], condition: {neq: 5}"),
        ("count() by (A, B) <= 5", "type: event_count, group-by: [A, B], condition: {lte: 5}"),
        ("count(User) by Computer > 5", "type: value_count, group-by: [Computer], condition: {gt: 5, field: User}"),
        ("count(distinct User) > 5", "type: value_count, condition: {gt: 5, field: User}"),
        ("sum(Bytes) by A > 5", "type: value_sum, group-by: [A], condition: {gt: 5, field: Bytes}"),
        ("avg(Bytes) by A > 5.5", "type: value_avg, group-by: [A], condition: {gt: 5.5, field: Bytes}"),
        (
            "min(Bytes) by A < 5",
            "type: value_percentile, group-by: [A], condition: {lt: 5, field: Bytes, percentile: 0}",
        ),
        (
            "max(Bytes) by A > 5",
            "type: value_percentile, group-by: [A], condition: {gt: 5, field: Bytes, percentile: 100}",
        ),
    ],
)
def test_an_aggregation_is_read_as_a_correlation(aggregation: str, form: str) -> None:
    rule = converted(f"main | {aggregation}")
    wanted = form.replace(", ", ", rules: [logins], ", 1)
    before, condition = wanted.split(", condition")
    assert section_form(rule.section) == f"correlation: {{{before}, timespan: 15m, condition{condition}}}"


def test_the_correlation_has_the_rules_id_and_metadata_and_the_base_rule_a_derived_one() -> None:
    rule_file = contents(text("main and not other | count() by Computer > 5"))
    (rule,) = rule_file.correlations
    (base,) = rule_file.base_rules
    (original,) = rule_file.rules
    assert (rule.id, rule.title, rule.name, str(rule.level), rule.hash) == (
        ID,
        "A title",
        "logins",
        "high",
        original.hash,
    )
    assert rule.converted
    assert (base.id, base.converted_from, base.aggregation) == (base_rule_id(ID), ID, None)
    assert base.id != ID
    assert (base.node, base.conditions) == (original.node, ("main and not other",))
    assert original.aggregation == "count() by Computer > 5"


def test_the_finding_shows_the_modern_form_ready_to_paste() -> None:
    (finding,) = converted("main | count(User) by Computer > 5").findings
    assert (finding.code, str(finding.severity), finding.location.line) == ("converted-aggregation", "warning", 12)
    pasted = finding.fix.partition("add the document `")[2].removesuffix("`")
    assert yaml.safe_load(pasted)["level"] == "high"
    base = f"{HEAD}name: logins\ndetection:\n  main: {{F: a}}\n  condition: main\n"
    modern = loaded(f"{base}---\n{pasted}\n").correlations
    former = loaded(text("main | count(User) by Computer > 5")).correlations
    (again,), (first,) = modern.correlations.values(), former.correlations.values()
    assert again.base_rules == (ID,)
    for name in ("type", "timespan", "group_by", "comparisons", "fields", "percentile", "boolean"):
        assert getattr(again, name) == getattr(first, name)


def test_a_rule_without_a_name_gets_one_to_paste() -> None:
    (rule,) = contents(text("main | count() > 5").replace("name: logins\n", "")).correlations
    assert "name the rule `name: a_title`" in rule.findings[0].fix
    assert [reference.text for reference in rule.section.rules] == ["a_title"]


@pytest.mark.parametrize(
    ("condition", "boolean"),
    [
        ("main | near other", None),
        ("main | near other and third", None),
        (
            "main | near other and not third",
            AllOf((RuleName("logins"), RuleName("logins_other"), NoneOf(RuleName("logins_third")))),
        ),
        (
            "main | near (other or third)",
            AllOf((RuleName("logins"), AnyOf((RuleName("logins_other"), RuleName("logins_third"))))),
        ),
        ("main | NEAR Other", None),
    ],
)
def test_near_is_read_as_a_temporal_correlation(condition: str, boolean: object) -> None:
    rule = converted(condition)
    assert (rule.section.type, rule.section.timespan, rule.section.boolean) == (
        "temporal",
        timedelta(minutes=15),
        boolean,
    )
    assert "write rules of the names `logins`, `logins_other`" in rule.findings[0].fix.lower()


def test_the_parts_of_near_are_base_rules_with_the_nodes_of_their_selections() -> None:
    rule_file = contents(text("main and not third | near other"))
    first, second = rule_file.base_rules
    assert [first.id, second.id] == [base_rule_id(ID), base_rule_id(ID, "#other")]
    assert isinstance(first.node, And)
    assert isinstance(second.node, DetectionItem)
    assert second.node.values != ()
    (correlation,) = loaded(text("main and not third | near other and not third")).correlations.correlations.values()
    main, other, third = correlation.base_rules
    assert correlation.boolean == AllOf((RuleName(main), RuleName(other), NoneOf(RuleName(third))))


@pytest.mark.parametrize(
    ("condition", "timeframe", "reason"),
    [
        (
            "main | count() by A > 5",
            "",
            (
                "the rule counts (`count() by A > 5`), and has no `timeframe` that says within which time; add e.g. "
                "`timeframe: 15m` below `detection:` [refused-aggregation]"
            ),
        ),
        ("main | near other", "", "the rule counts (`near other`), and has no `timeframe`"),
        ("main | count() by A > 5", "  timeframe: 5 m\n", "`timeframe: 5 m` is no time span; write `5m`"),
        ("main | count() by A > 5", "  timeframe: 0s\n", "`timeframe: 0s` spans no time; write at least `1s`"),
        ("main | count() by A", None, "the aggregation `count() by A` is not one of Sigma; write a correlation rule"),
        ("main | stdev(A) > 5", None, "the aggregation `stdev(A) > 5` is not one of Sigma"),
        ("main | count() by A > many", None, "the aggregation `count() by A > many` is not one of Sigma"),
        ("main | count() by A B > 5", None, "`A B` is no list of fields; separate fields by commas"),
        ("main | sum() by A > 5", None, "`sum()` names no field; write `sum(FIELD)`"),
        ("main | near fourth", None, "`near` names `fourth`, which is no selection; name one of `main`, `other`"),
        ("main | near other and", None, "`near other and`: the condition ends where the name of a rule is expected"),
        (
            "main > other | group(Computer, Task)",
            None,
            (
                "`main > other` is not an aggregation of Sigma; write a rule for each, and `correlation: {type: "
                "temporal_ordered, rules: [main, other], group-by: [Computer, Task], timespan: 15m}`"
            ),
        ),
        ("[main | count() > 5, other]", None, "a rule with several conditions has an aggregation; write a rule for"),
    ],
)
def test_an_uncertain_aggregation_is_refused_with_advice(condition: str, timeframe: str | None, reason: str) -> None:
    rule_file = contents(text(condition) if timeframe is None else text(condition, timeframe))
    assert (rule_file.correlations, rule_file.base_rules, len(rule_file.rules)) == ((), (), 1)
    (finding,) = rule_file.refused
    assert f": error: {reason}" in str(finding)


def test_a_timeframe_beside_detection_and_in_weeks_is_read() -> None:
    beside = contents(text("main | count() > 5", "") + "timeframe: 2w\n").correlations[0]
    assert beside.section.timespan == timedelta(weeks=2)
    assert codes(beside.findings) == ["converted-aggregation", "correlation-timespan"]


@pytest.mark.parametrize("named", [ID, "logins"])
def test_filters_of_the_rule_act_on_its_base_rules(named: str) -> None:
    resolved = loaded(text("main | near other"), FILTER.replace("RULES", named)).correlations
    assert len(resolved.base_rules) == 2
    for base in resolved.base_rules:
        assert isinstance(base.node, And)
        assert isinstance(base.node.of[1], Not)


def test_rules_with_an_aggregation_give_way_to_their_base_rules() -> None:
    rules = loaded(text("main | count() > 5"), text("main | count() > 5", "").replace(ID, ID.replace("6f", "7f")))
    assert [rule.aggregation is None for rule in rules.rules] == [False, False]
    assert [finding.code for rule in rules.rules for finding in rule.findings].count("aggregation") == 2
    evaluated = with_correlations(rules)
    assert with_correlations(evaluated) == evaluated
    assert [(rule.id, rule.aggregation) for rule in evaluated.rules] == [
        (ID.replace("6f", "7f"), "count() > 5"),
        (base_rule_id(ID), None),
    ]
    assert codes(evaluated.findings) == ["refused-aggregation", "converted-aggregation"]
    assert [finding.code for rule in evaluated.rules for finding in rule.findings] == []


def test_an_equal_or_replaced_rule_has_one_correlation() -> None:
    first, second = text("main | count() > 5"), text("main | count() > 6")
    equal = loaded(first, first).correlations
    assert ([rule.path for rule in equal.rules], len(equal.base_rules)) == (["1.yml"], 1)
    replaced = loaded(first, second).correlations
    assert [rule.section.comparisons[0].value for rule in replaced.rules] == [6]
