"""Cases of correlation rules: several events with times, and the alerts that must be opened."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from support.correlation_files import COUNTING, write_files
from support.in_process import call

FAILED = "{at: 0s, repeat: 3, every: 1m, code: 4625, data: {TargetUserName: alice}}"
SUCCEEDED = "{at: 5m, code: 4624, data: {TargetUserName: alice}}"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def case(settings: Path, events: str, alerts: str, rule: str = "many", more: str = "") -> dict[str, object]:
    """Write a case, run it, and return its result as JSON."""
    text = f"cases:\n  - name: it\n    rule: {rule}\n    events: [{events}]\n    alerts: {alerts}\n{more}"
    (settings.parent / "rules" / "logons.test.yml").write_text(text, encoding="utf-8")
    report = json.loads(call("test", "--settings", str(settings), "--json").stdout)
    assert report["faults"] == []
    (result,) = report["cases"]
    return dict(result)


@pytest.mark.parametrize(
    ("events", "alerts", "rule"),
    [
        (FAILED, "[{group: {TargetUserName: ALICE}, first: 0s, last: 2m, count: 3, hits: 1}]", "many"),
        (FAILED, "[{group: {TargetUserName: alice}}]", COUNTING),
        (FAILED, "[{first: '2026-01-01T00:00:00Z'}]", "many"),
        (FAILED.replace("1m", "150001ms"), "[]", "many"),
        (FAILED.replace("1m", "150s"), "[{count: 3}]", "many"),
        (FAILED.replace("alice", "[alice, bob]"), "[{group: {TargetUserName: bob}}, {count: 3}]", "many"),
        (f"{FAILED}, {SUCCEEDED}", "[{first: 2m, last: 5m, count: 2}]", "Logon After Many Failed Ones"),
        (f"{FAILED.replace('0s', '6m')}, {SUCCEEDED}", "[]", "Logon After Many Failed Ones"),
        # two hours later: beyond the quiet period of an hour
        (f"{FAILED}, {FAILED.replace('0s', '2h')}", "[{first: 0s, count: 3}, {first: 2h, count: 3}]", "many"),
        (f"{FAILED}, {FAILED.replace('0s', '30m')}", "[{first: 0s, last: 32m, count: 6, hits: 2}]", "many"),
    ],
)
def test_cases_that_pass(settings: Path, events: str, alerts: str, rule: str) -> None:
    result = case(settings, events, alerts, rule)
    assert result["passed"], result


def test_each_absence_has_an_alert(settings: Path) -> None:
    rules = settings.parent / "rules" / "logons.yml"
    absence = "watcher: {type: absence, rules: [failed_logon], group-by: [TargetUserName], timespan: 5m}"
    document = f"title: Silent\nname: silent\nid: 11111111-0000-4000-8000-000000000009\nlevel: high\n{absence}\n"
    rules.write_text(f"{rules.read_text(encoding='utf-8')}---\n{document}", encoding="utf-8")
    result = case(settings, FAILED.replace("1m", "10m"), "[{last: 0s, hits: 1}, {last: 10m, hits: 1}]", "silent")
    assert result["passed"], result
    explained = call("explain", "Silent", "--settings", str(settings), COLUMNS="160").stdout
    assert "each silence has its own, which is closed when the group is seen again" in explained


@pytest.mark.parametrize(
    ("events", "alerts", "why"),
    [
        (FAILED, "[]", "1 alert is opened, and none expected"),
        (FAILED, "[{count: 4}]", "an alert is not the one that is expected"),
        (FAILED.replace("3", "2"), "[{count: 3}]", "no alert is opened, and 1 expected"),
        (FAILED, "[{first: 0s}, {last: 2m}]", "1 alert is opened, and 2 expected"),
    ],
)
def test_cases_that_fail_show_the_fullest_window(settings: Path, events: str, alerts: str, why: str) -> None:
    result = case(settings, events, alerts)
    assert (result["passed"], result["why"]) == (False, why)
    (nearest,) = result["nearest"]  # type: ignore[misc]
    assert nearest["group"] == {"TargetUserName": "alice"}  # type: ignore[has-type]


def test_a_case_that_fails_is_shown_as_text_and_as_junit(settings: Path, tmp_path: Path) -> None:
    case(settings, FAILED.replace("3", "2") + ", {at: 9s, code: 1, channel: X}", "[{count: 3}]")
    report = tmp_path / "junit.xml"
    done = call("test", "--settings", str(settings), "--junit", str(report), COLUMNS="150")
    assert done.returncode == 1
    for text in (
        "no alert is opened, and 1 expected",
        "expected: {}, count 3",
        "events that match no base rule: 3",
        "2 of `Failed Logon`",
        "2 correlation rules, 1 with tests; 1 test: 0 passed, 1 failed",
    ):
        assert text in done.stdout, text
    (failure,) = fromstring(report.read_text(encoding="utf-8")).iter("failure")  # noqa: S314 - our own report
    assert "window of TargetUserName: alice" in str(failure.text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: [{rule: many, events: [{at: x, code: 1}], alerts: []}]", "`x` is not a time"),
        ("cases: [{rule: many, events: [{code: 1}], alerts: []}]", "event 1 of the case has no time"),
        ("cases: [{rule: many, events: [{at: 1s}], alerts: []}]", "event 1 of the case has no event"),
        ("cases: [{rule: many, events: [], alerts: []}]", "the case has no events"),
        ("cases: [{rule: many, events: [{at: 1s, code: 1}]}]", "the case has no `alerts`"),
        ("cases: [{rule: many, event: [], alerts: []}]", "`event` is not a key of a case"),
        ("cases: [{rule: many, events: [{at: 1s, code: 1}], alerts: [{cont: 1}]}]", "`cont` is not a key of an alert"),
        (
            "cases: [{rule: many, events: [{at: 1s, code: 1}], alerts: [{count: a}]}]",
            "`count: a` is not a whole number",
        ),
        ("cases: [{events: [{at: 1s, code: 1}], alerts: []}]", "has 2 correlation rules"),
        (
            "cases: [{rule: x, events: [{at: 1s, code: 1}], alerts: []}]",
            "which is no correlation rule of the rule file",
        ),
        ("cases: [{events: [{at: 1s, repeat: 0, code: 1}], alerts: []}]", "`repeat` of event 1 of the case"),
        ("cases: [a]", "a case must be a mapping"),
    ],
)
def test_faults_of_cases_are_findings(settings: Path, text: str, message: str) -> None:
    (settings.parent / "rules" / "logons.test.yml").write_text(text, encoding="utf-8")
    done = call("check", "--settings", str(settings), COLUMNS="300")
    assert (done.returncode, message in done.stdout) == (1, True), done.stdout
    assert "[test-file]" in done.stdout


def test_cases_are_lines_of_json_too(settings: Path) -> None:
    events = (settings.parent / "logons.ndjson").read_text(encoding="utf-8").splitlines()
    line = {
        "rule": "many",
        "start": "2026-03-01T10:00:00Z",
        "events": [{"event": json.loads(text)} for text in events],
        "alerts": [{"group": {"TargetUserName": "alice"}, "first": "0s", "last": "2m", "count": 3}],
    }
    (settings.parent / "rules" / "logons.test.ndjson").write_text(json.dumps(line), encoding="utf-8")
    done = call("test", "--settings", str(settings))
    assert (done.returncode, "1 test: 1 passed" in done.stdout) == (0, True), done.stdout


def test_a_run_on_a_cluster_says_that_cases_run_in_memory(settings: Path) -> None:
    events = "{at: 0s, repeat: 3, every: 1m, code: 4625, data: {TargetUserName: alice}}"
    tests = settings.parent / "rules" / "logons.test.yml"
    case = f"cases:\n  - {{name: it, rule: many, events: [{events}], alerts: [{{count: 3}}]}}\n"
    tests.write_text(case, encoding="utf-8")
    done = call("test", "--cluster", "--settings", str(settings))  # no rule has a test that needs an engine
    assert done.returncode == 0, done.stderr
    assert "1 case of correlation rules ran in memory" in done.stdout
    assert "ran in memory" not in call("test", "--settings", str(settings)).stdout
