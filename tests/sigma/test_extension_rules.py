"""Correlation rules below the key `watcher`: types that Sigma does not have."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rule_fixtures import contents

from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import EXTENSION_TYPES, ComparisonOperator, CorrelationType, NumericComparison
from watcher.sigma.correlation_form import section_form

HEAD = "title: Mine\nid: 5f0c7a52-0d8a-4d3e-8f1a-6c1f0a7a3b21\nlevel: high\n"
NEW_VALUE = "type: new_value\nrules: [a]\ngroup-by: [Computer]\nfield: User\ntimespan: 30d\n"
ABSENCE = "type: absence\nrules: [a]\ngroup-by: [Computer]\ntimespan: 1h\ngroups: [dc01, dc02]\n"
SPIKE = "type: spike\nrules: [a]\ngroup-by: [User]\ntimespan: 10m\nwindows: 12\nminimum: 20\ncondition: {gte: 2.5}\n"


def written(section: str, key: str = "watcher") -> str:
    return f"{HEAD}{key}:\n" + "".join(f"  {line}\n" for line in section.splitlines())


def rule(section: str) -> CorrelationRule:
    rule_file = contents(written(section))
    assert [str(finding) for finding in rule_file.refused] == []
    (only,) = rule_file.correlations
    return only


def noted(section: str) -> list[str]:
    return [str(finding) for finding in rule(section).findings]


def refusal(text: str) -> str:
    rule_file = contents(text)
    assert rule_file.correlations == ()
    (only,) = rule_file.refused
    return str(only)


def test_a_new_value() -> None:
    section = rule(NEW_VALUE).section
    assert (section.type, section.fields, section.group_by) == (CorrelationType.NEW_VALUE, ("User",), ("Computer",))
    assert section.group_fields == ("Computer", "User")
    assert section.timespan == timedelta(days=30)
    assert noted(NEW_VALUE) == []


def test_a_tuple_of_values_without_groups() -> None:
    section = rule("type: new_value\nrules: [a]\nfield: [User, Image]\ntimespan: 7d\n").section
    assert section.group_fields == ("User", "Image")


def test_an_absence_with_listed_groups() -> None:
    section = rule(ABSENCE).section
    assert (section.type, section.groups) == (CorrelationType.ABSENCE, (("dc01",), ("dc02",)))
    assert noted(ABSENCE) == []


def test_listed_groups_of_two_fields() -> None:
    two = ABSENCE.replace("[Computer]", "[Computer, Channel]").replace("[dc01, dc02]", "[[dc01, Security], [1, 0x2]]")
    assert rule(two).section.groups == (("dc01", "Security"), ("1", "0x2"))


def test_a_spike() -> None:
    section = rule(SPIKE).section
    assert (section.type, section.windows, section.minimum) == (CorrelationType.SPIKE, 12, 20)
    assert section.comparisons == (NumericComparison(operator=ComparisonOperator.GTE, value=Decimal("2.5")),)
    assert noted(SPIKE) == []


@pytest.mark.parametrize("section", [NEW_VALUE, ABSENCE, SPIKE])
def test_the_form_that_is_shown_reads_as_the_same_rule(section: str) -> None:
    first = rule(section).section
    again = contents(f"{HEAD}{section_form(first)}\n").correlations[0].section
    assert section_form(again) == section_form(first)
    assert section_form(first).startswith("watcher: {")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written(NEW_VALUE, "correlation"), "5:9: error: `new_value` is not a type of Sigma; write `watcher:` instead"),
        (written(NEW_VALUE.replace("field: User\n", "")), "error: the correlation has no `field`; add e.g. `field: "),
        (written(NEW_VALUE.replace("User", "{a: b}")), "8:10: error: `field` must be the name of a field"),
        (written(NEW_VALUE.replace("30d", "30")), "9:13: error: `timespan: 30` is no time span; write `30s`"),
        (written(NEW_VALUE.replace("[a]", "[]")), "error: the correlation names no rule"),
        (written("type: event_count\nrules: [a]\n"), "write this type below `correlation:`, as Sigma has it"),
        (written("type: spikes\nrules: [a]\n"), "`spikes` is not a type below `watcher`; did you mean `spike`"),
        (written(ABSENCE.replace("group-by: [Computer]\n", "")), "error: `groups` needs `group-by`"),
        (written(ABSENCE.replace("dc02", "[a, b]")), "9:18: error: an entry of `groups` must be a value"),
        (written(ABSENCE.replace("dc02", "''")), "9:18: error: an entry of `groups` must be a value"),
        (written(SPIKE.replace("windows: 12", "windows: 0")), "`windows` must be a whole number from 1 to 1,000"),
        (written(SPIKE.replace("windows: 12\n", "")), "error: the correlation has no `windows`; add e.g. `windows: "),
        (written(SPIKE.replace("minimum: 20", "minimum: 2.5")), "10:12: error: `minimum` must be a whole number"),
        (written(SPIKE.replace("gte", "lt")), "error: the condition of a spike must be `gt` or `gte`"),
        (written(SPIKE.replace("2.5", "0")), "error: the condition of a spike must be `gt` or `gte`"),
        (f"{written(SPIKE)}correlation: {{type: event_count}}\n", "the document has `correlation` and `watcher`"),
    ],
)
def test_refusals_say_where_and_what_to_write(text: str, expected: str) -> None:
    assert expected in refusal(text)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (f"{NEW_VALUE}windows: 3\n", "10:3: warning: `windows` has no effect in a correlation of type `new_value`"),
        (f"{ABSENCE}windos: 3\n", "10:3: warning: `windos` is not a key of `absence`"),
        (SPIKE.replace("group-by", "group_by"), "7:3: warning: `group_by` is read as `group-by`; write `group-by`"),
        (ABSENCE.replace("absence", "flatline"), "5:9: warning: `type: flatline` is read as `absence`"),
        (NEW_VALUE.replace("new_value", "new_term"), "5:9: warning: `type: new_term` is read as `new_value`"),
        (ABSENCE.replace("dc02", "DC01"), "9:18: warning: `groups` has `DC01` twice; remove one of them"),
        (SPIKE.replace("2.5", "2.5, field: F"), "has neither `field` nor `percentile`"),
    ],
)
def test_what_is_read_with_a_finding(section: str, expected: str) -> None:
    (only,) = noted(section)
    assert expected in only


def test_a_rule_with_a_detection_stays_a_rule() -> None:
    rule_file = contents(
        f"{HEAD}logsource: {{product: windows}}\ndetection: {{s: {{F: a}}, condition: s}}\n"
        "watcher: {type: new_value, field: F}\n"
    )
    (only,) = rule_file.rules
    assert "`watcher` beside `detection` has no effect" in " ".join(str(finding) for finding in only.findings)
    assert rule_file.correlations == ()


def test_the_examples_of_the_page_are_read_without_a_finding() -> None:
    page = (Path(__file__).parents[2] / "docs" / "correlations.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "\nwatcher:" in block]
    rules = [contents(block).correlations[0] for block in blocks]
    assert [rule.section.type for rule in rules] == [*EXTENSION_TYPES]
    assert [str(finding) for rule in rules for finding in rule.findings] == []
