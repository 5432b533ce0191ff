"""Rule tests: their rule, the events of sketches, results and coverage."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from watcher.present.junit import junit
from watcher.ruletests.results import RuleTestResult, coverage_of_tests, in_memory, total_coverage
from watcher.ruletests.suites import RuleTestSuites, event_of, files_of_tests, suites_of_rules
from watcher.settings import LogSourceMapping, Source
from watcher.sigma.rule_folders import read_folder
from watcher.sigma.rule_test_files import RuleTest
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
    test_suites = suites(folder, tests)
    assert [str(finding) for finding in test_suites.findings] == []
    return tuple(item for suite in test_suites.suites for item in in_memory(suite, Source()))


def test_a_test_passes_if_the_rule_does_as_expected(tmp_path: Path) -> None:
    hits = f"hit: [{{name: a, data: {SHELL}}}, {{name: b, data: {{Image: x}}}}]\n"
    misses = f"miss: [{{name: c, data: {SHELL}}}, {{name: d, data: {{Image: x}}}}]\n"
    results = outcomes(tmp_path, hits + misses)
    assert [(item.test.name, item.passed) for item in results] == [("a", True), ("b", False), ("c", False), ("d", True)]
    assert [item.reason for item in results if not item.passed] == [
        "the rule does not match the event, and should",
        "the rule matches the event, and should not",
    ]


def test_an_event_outside_the_log_source_is_named_as_reason(tmp_path: Path) -> None:
    (results,) = outcomes(tmp_path, f"hit: [{{channel: System, code: 7045, data: {SHELL}}}]\n")
    assert results.reason == "the rule does not match the event, which is outside its log source"


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
    (case,) = suite.tests
    event = event_of(case, events_of(suite.rule.logsource))
    assert (event["winlog"]["channel"], event["event"]["code"], event["winlog"]["event_id"]) == (channel, code, code)
    assert event["winlog"]["event_data"] == {"A": "1"}


def test_a_sketch_of_a_service_needs_no_code(tmp_path: Path) -> None:
    rule = RULE.replace("category: process_creation", "service: security")
    (suite,) = suites(tmp_path, "hit: [{data: {A: 1}}]\n", rule).suites
    event = event_of(suite.tests[0], events_of(suite.rule.logsource))
    assert (event["winlog"]["channel"], event["event"]) == ("Security", {})


def test_log_sources_and_fields_of_settings_apply(tmp_path: Path) -> None:
    rule = RULE.replace("category: process_creation", "category: vpn").replace("Image|endswith", "Program|endswith")
    test_suites = suites(
        tmp_path,
        'hit: [{event: {event: {code: "5"}, winlog: {channel: VPN}, own: {program: C:\\cmd.exe}, message: m}}]\n',
        rule.replace("    CommandLine|contains: shell\n", ""),
    )
    source = Source(
        fields={"Program": ("own.program",)},
        logsources=(LogSourceMapping(category="vpn", channels=("VPN",), event_codes=("5",)),),
    )
    assert [item.passed for suite in test_suites.suites for item in in_memory(suite, source)] == [True]


# --------------------------------------------------------------------------- which tests belong to which rule


def test_tests_of_a_file_with_several_rules_name_theirs(tmp_path: Path) -> None:
    second = RULE.replace("7f6f2c52", "8f6f2c52").replace("A Shell Starts", "Another")
    tests = (
        "hit: [{rule: another, data: {A: 1}}, {rule: 7F6F2C52-3b5b-4d0a-9c1e-0d2f8a5b6c77, data: {A: 2}}, "
        "{name: n, data: {}}, {name: m, rule: Third, data: {}}]"
    )
    test_suites = suites(tmp_path, tests, f"{RULE}---\n{second}")
    assert [(suite.rule.title, len(suite.tests)) for suite in test_suites.suites] == [
        ("A Shell Starts", 1),
        ("Another", 1),
    ]
    assert [finding.message for finding in test_suites.findings] == [
        "the rule file has 2 rules, and the test `n` names none of them",
        "the test `m` is for the rule `Third`, which is not in the rule file",
    ]


def test_tests_without_a_rule_are_reported(tmp_path: Path) -> None:
    (tmp_path / "y.test.ndjson").write_text("", encoding="utf-8")
    test_suites = suites(tmp_path, "hit: [{data: {A: 1}}]")
    (orphan,) = test_suites.findings
    assert str(orphan) == (
        f"{tmp_path / 'y.test.ndjson'}:1:1: error: the tests have no rule file; "
        "name the rule's file `y.yml` [test-file]"
    )


# --------------------------------------------------------------------------- coverage


def checkpoint(folder: Path, tests: str) -> dict[str, tuple[list[int], int, int]]:
    """Return item → events per value, and the number of events that the item matched or not."""
    results = outcomes(folder, tests)
    coverage = coverage_of_tests(results[0].rule, results)
    return {
        f"{tally.selection}.{tally.item.field}": (tally.matched, tally.held, tally.failed) for tally in coverage.tallies
    }


def test_every_value_counts_the_events_that_match_it(tmp_path: Path) -> None:
    misses = "miss: [{name: b, data: {Image: C:\\cmd.exe, User: admin}}, {name: c, data: {CommandLine: a shell}}]\n"
    tests = f"hit: [{{name: a, data: {SHELL}}}]\n{misses}"
    assert checkpoint(tmp_path, tests) == {
        "selection.Image": ([2, 0], 2, 1),
        "selection.CommandLine": ([2], 2, 1),
        "filter_admin.User": ([1], 1, 2),
    }


def test_an_event_outside_the_log_source_covers_no_value(tmp_path: Path) -> None:
    tests = f"miss: [{{channel: System, data: {SHELL}}}]"
    assert checkpoint(tmp_path, tests) == {
        "selection.Image": ([0, 0], 0, 0),
        "selection.CommandLine": ([0], 0, 0),
        "filter_admin.User": ([0], 0, 0),
    }


def test_uncovered_values_and_undecided_items_are_listed(tmp_path: Path) -> None:
    results = outcomes(tmp_path, f"hit: [{{data: {SHELL}}}]")
    coverage = coverage_of_tests(results[0].rule, results)
    assert (coverage.covered, coverage.values, total_coverage([coverage, coverage])) == (2, 4, (4, 8))
    assert [(tally.item.field, len(tally.uncovered)) for tally in coverage.tallies] == [
        ("Image", 1),
        ("CommandLine", 0),
        ("User", 1),
    ]
    assert [tally.item.field for tally in coverage.undecided] == ["Image", "CommandLine"]


# --------------------------------------------------------------------------- reports


def test_junit_has_every_test_and_the_reason_of_failures(tmp_path: Path) -> None:
    evil = '"<&]]>\\e[31m\\a"'
    results = outcomes(tmp_path, f"hit: [{{name: {evil}, data: {{Image: x}}}}, {{name: b, data: {SHELL}}}]")
    report = ET.fromstring(junit(results, ["y.test.yml:1:1: error: <broken>"]))  # noqa: S314 - our own text
    assert (report.get("tests"), report.get("failures"), report.get("errors")) == ("3", "1", "1")
    failed, passed, broken = report.iter("testcase")
    assert (failed.get("name"), failed.get("classname"), failed.get("line")) == ("<&]]>\\x1b[31m\\x07", "x.yml", "1")
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "the rule does not match the event, and should"
    assert "no  Image ends with `\\cmd.exe` or ends with `\\pwsh.exe` (the event has `x`)" in str(failure.text)
    assert list(passed) == []
    assert broken.find("error") is not None


def test_a_complete_document_is_unchanged(tmp_path: Path) -> None:
    (suite,) = suites(tmp_path, "hit: [{event: {a: 1}}]\n").suites
    case: RuleTest = suite.tests[0]
    assert event_of(case, events_of(suite.rule.logsource)) is case.event
