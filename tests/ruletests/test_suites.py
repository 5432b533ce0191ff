"""Each test belongs to a rule, a sketch becomes an event of the rule's log source, and outcomes are told."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from watcher.present.junit import junit
from watcher.ruletests.results import RuleTestResult, coverage_of_tests, in_memory, total
from watcher.ruletests.suites import RuleTestSuites, event_of, files_of_tests, suites_of_rules
from watcher.settings import LogSourceMapping, Source
from watcher.sigma.rule_folders import read_folder
from watcher.sigma.test_files import RuleTest
from watcher.taxonomy.logsources import events_of

RULE = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: ['\cmd.exe', '\pwsh.exe']
    CommandLine|contains: shell
  filter_admin:
    User: admin
  condition: selection and not filter_admin
"""
SHELL = r"{Image: C:\cmd.exe, CommandLine: a shell}"


def suites(folder: Path, tests: str, rule: str = RULE) -> RuleTestSuites:
    (folder / "x.yml").write_text(rule, encoding="utf-8")
    (folder / "x.test.yml").write_text(tests, encoding="utf-8")
    return suites_of_rules(read_folder("own", folder).rules, files_of_tests([folder]))


def outcomes(folder: Path, tests: str) -> tuple[RuleTestResult, ...]:
    found = suites(folder, tests)
    assert [str(one) for one in found.findings] == []
    return tuple(one for suite in found.suites for one in in_memory(suite, Source()))


def test_a_test_passes_where_the_rule_does_as_expected(tmp_path: Path) -> None:
    hits = f"hit: [{{name: a, data: {SHELL}}}, {{name: b, data: {{Image: x}}}}]\n"
    misses = f"miss: [{{name: c, data: {SHELL}}}, {{name: d, data: {{Image: x}}}}]\n"
    made = outcomes(tmp_path, hits + misses)
    assert [(one.case.name, one.passed) for one in made] == [("a", True), ("b", False), ("c", False), ("d", True)]
    assert [one.why for one in made if not one.passed] == [
        "the rule does not match the event, and should",
        "the rule matches the event, and should not",
    ]


def test_an_event_of_another_log_source_is_told_so(tmp_path: Path) -> None:
    (made,) = outcomes(tmp_path, f"hit: [{{channel: System, code: 7045, data: {SHELL}}}]\n")
    assert made.why == "the rule does not match the event, which is not of its log source"


@pytest.mark.parametrize(
    ("given", "channel", "code"),
    [
        ({}, "Microsoft-Windows-Sysmon/Operational", "1"),
        ({"code": "4688"}, "Security", "4688"),
        ({"channel": "Security"}, "Security", "4688"),
        ({"channel": "System", "code": "7045"}, "System", "7045"),
        ({"code": "7045"}, "Microsoft-Windows-Sysmon/Operational", "7045"),
    ],
)
def test_a_sketch_is_an_event_of_the_rules_log_source(
    tmp_path: Path, given: dict[str, str], channel: str, code: str
) -> None:
    keys = "".join(f"{key}: {value}, " for key, value in given.items())
    (suite,) = suites(tmp_path, f"hit: [{{{keys}data: {{A: 1}}}}]\n").suites
    (case,) = suite.cases
    event = event_of(case, events_of(suite.rule.logsource))
    assert (event["winlog"]["channel"], event["event"]["code"], event["winlog"]["event_id"]) == (channel, code, code)
    assert event["winlog"]["event_data"] == {"A": "1"}


def test_a_sketch_of_a_service_needs_no_code(tmp_path: Path) -> None:
    rule = RULE.replace("category: process_creation", "service: security")
    (suite,) = suites(tmp_path, "hit: [{data: {A: 1}}]\n", rule).suites
    event = event_of(suite.cases[0], events_of(suite.rule.logsource))
    assert (event["winlog"]["channel"], event["event"]) == ("Security", {})


def test_settings_say_what_a_log_source_and_a_field_mean(tmp_path: Path) -> None:
    rule = RULE.replace("category: process_creation", "category: vpn").replace("Image|endswith", "Program|endswith")
    found = suites(
        tmp_path,
        'hit: [{event: {event: {code: "5"}, winlog: {channel: VPN}, own: {program: C:\\cmd.exe}, message: m}}]\n',
        rule.replace("    CommandLine|contains: shell\n", ""),
    )
    source = Source(
        fields={"Program": ("own.program",)},
        logsources=(LogSourceMapping(category="vpn", channels=("VPN",), event_codes=("5",)),),
    )
    assert [one.passed for suite in found.suites for one in in_memory(suite, source)] == [True]


# --------------------------------------------------------------------------- which tests belong to which rule


def test_tests_of_a_file_with_several_rules_name_theirs(tmp_path: Path) -> None:
    second = RULE.replace("7f6f2c52", "8f6f2c52").replace("A Shell Starts", "Another")
    tests = (
        "hit: [{rule: another, data: {A: 1}}, {rule: 7F6F2C52-3b5b-4d0a-9c1e-0d2f8a5b6c77, data: {A: 2}}, "
        "{name: n, data: {}}, {name: m, rule: Third, data: {}}]"
    )
    found = suites(tmp_path, tests, f"{RULE}---\n{second}")
    assert [(suite.rule.title, len(suite.cases)) for suite in found.suites] == [("A Shell Starts", 1), ("Another", 1)]
    assert [one.message for one in found.findings] == [
        "the file beside holds 2 rules, and the test `n` does not say which it is for",
        "the test `m` is for the rule `Third`, which is not in the file beside it",
    ]


def test_tests_without_a_rule_are_told(tmp_path: Path) -> None:
    (tmp_path / "y.test.ndjson").write_text("", encoding="utf-8")
    found = suites(tmp_path, "hit: [{data: {A: 1}}]")
    (orphan,) = found.findings
    assert str(orphan) == (
        f"{tmp_path / 'y.test.ndjson'}:1:1: error: no rule stands beside these tests; "
        "call the rule's file `y.yml` [test-file]"
    )


# --------------------------------------------------------------------------- what was tried


def checkpoint(folder: Path, tests: str) -> dict[str, tuple[list[int], int, int]]:
    """Give predicate → how many events matched each value, and in how many it held or failed."""
    made = outcomes(folder, tests)
    counted = coverage_of_tests(made[0].rule, made)
    return {f"{one.selection}.{one.item.field}": (one.matched, one.held, one.failed) for one in counted.tallies}


def test_every_value_counts_the_events_that_match_it(tmp_path: Path) -> None:
    misses = "miss: [{name: b, data: {Image: C:\\cmd.exe, User: admin}}, {name: c, data: {CommandLine: a shell}}]\n"
    tests = f"hit: [{{name: a, data: {SHELL}}}]\n{misses}"
    assert checkpoint(tmp_path, tests) == {
        "selection.Image": ([2, 0], 2, 1),
        "selection.CommandLine": ([2], 2, 1),
        "filter_admin.User": ([1], 1, 2),
    }


def test_an_event_outside_the_log_source_tries_nothing(tmp_path: Path) -> None:
    tests = f"miss: [{{channel: System, data: {SHELL}}}]"
    assert checkpoint(tmp_path, tests) == {
        "selection.Image": ([0, 0], 0, 0),
        "selection.CommandLine": ([0], 0, 0),
        "filter_admin.User": ([0], 0, 0),
    }


def test_what_is_untried_and_what_decides_nothing_is_told(tmp_path: Path) -> None:
    made = outcomes(tmp_path, f"hit: [{{data: {SHELL}}}]")
    counted = coverage_of_tests(made[0].rule, made)
    assert (counted.tried, counted.values, total([counted, counted])) == (2, 4, (4, 8))
    assert [(one.item.field, len(one.untried)) for one in counted.tallies] == [
        ("Image", 1),
        ("CommandLine", 0),
        ("User", 1),
    ]
    assert [one.item.field for one in counted.undecided] == ["Image", "CommandLine"]


# --------------------------------------------------------------------------- reports


def test_junit_tells_every_test_and_why_it_failed(tmp_path: Path) -> None:
    evil = '"<&]]>\\e[31m\\a"'
    made = outcomes(tmp_path, f"hit: [{{name: {evil}, data: {{Image: x}}}}, {{name: b, data: {SHELL}}}]")
    report = ET.fromstring(junit(made, ["y.test.yml:1:1: error: <broken>"]))  # noqa: S314 - our own text
    assert (report.get("tests"), report.get("failures"), report.get("errors")) == ("3", "1", "1")
    failed, passed, broken = report.iter("testcase")
    assert (failed.get("name"), failed.get("classname"), failed.get("line")) == ("<&]]>\\x1b[31m\\x07", "x.yml", "1")
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "the rule does not match the event, and should"
    assert "no  Image ends with `\\cmd.exe` or ends with `\\pwsh.exe` (the event has `x`)" in str(failure.text)
    assert list(passed) == []
    assert broken.find("error") is not None


def test_a_whole_document_is_left_as_it_is(tmp_path: Path) -> None:
    (suite,) = suites(tmp_path, "hit: [{event: {a: 1}}]\n").suites
    case: RuleTest = suite.cases[0]
    assert event_of(case, events_of(suite.rule.logsource)) is case.event
