"""Commands on correlation rules, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.correlation_files import CHAIN, COUNTING, RULES, write_files
from support.in_process import call


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def test_check_counts_correlation_rules_and_lints_their_metadata(settings: Path) -> None:
    done = call("check", "--settings", str(settings))
    assert "2 rules, 2 correlation rules read" in done.stdout
    assert "falsepositive-word" in done.stdout
    report = json.loads(call("check", "--settings", str(settings), "--json").stdout)
    lines = {finding["location"]["line"] for finding in report["findings"] if finding["code"] == "missing-description"}
    assert (report["rules"], report["correlations"]) == (2, 2)
    assert RULES.splitlines().index(f"title: {COUNTING}") + 1 in lines
    assert RULES.splitlines().index(f"title: {CHAIN}") + 1 not in lines
    assert "custom-key" not in done.stdout  # `correlation` is a key of Sigma


def test_the_key_of_types_of_watcher_is_no_foreign_key(settings: Path) -> None:
    rules = settings.parent / "rules" / "logons.yml"
    new_value = "watcher: {type: new_value, rules: [logon], field: TargetUserName, timespan: 30d}"
    document = f"title: New Account\nid: 11111111-0000-4000-8000-000000000009\nlevel: high\n{new_value}\n"
    rules.write_text(f"{RULES}---\n{document}", encoding="utf-8")
    done = call("check", "--settings", str(settings))
    assert "2 rules, 3 correlation rules read" in done.stdout
    assert "custom-key" not in done.stdout


def test_a_correlation_rule_allows_its_own_findings(settings: Path) -> None:
    rules = settings.parent / "rules" / "logons.yml"
    allowed = "custom: {watcher: {allow: [falsepositive-*]}}\n"
    rules.write_text(rules.read_text(encoding="utf-8") + allowed, encoding="utf-8")
    assert "falsepositive" not in call("check", "--settings", str(settings)).stdout


def test_explain_shows_how_a_correlation_is_evaluated(settings: Path) -> None:
    done = call("explain", CHAIN, "--settings", str(settings), COLUMNS="160")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index(CHAIN) < done.stdout.index(f"\n{COUNTING}\n")  # the inner one follows
    for text in (
        "hits of this correlation rule",
        "product windows; service security",
        "events with the same `TargetUserName`",
        "at each event, the 10 minutes before it",
        "an event of each of the rules, in this order",
        "at least 3 events",
        "as soon as the event that completes it is found",
        "base hits of 15 minutes are read from the cluster",  # those of the inner one reach 5 minutes further
        "hits of a group join for 1 hour (the default)",
    ):
        assert text in done.stdout, text


def test_explain_writes_json(settings: Path) -> None:
    explained = json.loads(call("explain", COUNTING, "--settings", str(settings), "--json").stdout)
    assert (explained["type"], explained["condition"], explained["timespan"]) == (
        "event_count",
        "at least 3 events",
        300,
    )
    assert [base["rule"]["title"] for base in explained["base_rules"]] == ["Failed Logon"]


def test_the_events_of_a_file_are_explained_together(settings: Path) -> None:
    events = settings.parent / "logons.ndjson"
    done = call("explain", COUNTING, "--settings", str(settings), "--event", str(events), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert f"{COUNTING}: 1 hit in 5 events" in done.stdout
    rows = [line for line in done.stdout.splitlines() if "TargetUserName: " in line]
    assert [row.split("│")[1].strip() for row in rows] == [
        f"TargetUserName: {user}" for user in ("alice", "alice", "bob", "alice")
    ]
    assert [row.split("│")[4].strip() for row in rows] == ["does not hold"] * 3 + ["holds"]


def test_several_events_may_be_named(settings: Path) -> None:
    names = [argument for line in (1, 2, 5) for argument in ("-e", f"{settings.parent / 'logons.ndjson'}:{line}")]
    done = call("explain", CHAIN, "--settings", str(settings), *names, "--json")
    assert done.returncode == 1
    explained = json.loads(done.stdout)
    assert [[rule["title"] for rule in event["rules"]] for event in explained["events"]] == [
        ["Failed Logon"],
        ["Failed Logon"],
        ["Successful Logon"],
    ]
    assert explained["windows"][-1]["by_rule"] == [
        {"id": "11111111-0000-4000-8000-000000000002", "title": "Successful Logon", "count": 1}
    ]


def test_a_single_event_is_explained_for_each_base_rule(settings: Path) -> None:
    done = call("explain", CHAIN, "--settings", str(settings), "-e", f"{settings.parent / 'logons.ndjson'}:5")
    assert done.returncode == 1
    assert "✗ Failed Logon does not match the event" in done.stdout
    assert "✓ Successful Logon matches the event" in done.stdout


def test_a_rule_takes_a_single_event(settings: Path) -> None:
    event = f"{settings.parent / 'logons.ndjson'}:1"
    done = call("explain", "Failed Logon", "--settings", str(settings), "-e", event, "-e", event)
    assert done.returncode == 2
    assert "matches single events, and 2 are named" in done.stderr


def test_match_says_that_values_of_an_event_are_cut(settings: Path) -> None:
    many = settings.parent / "many.ndjson"
    event = json.loads((settings.parent / "logons.ndjson").read_text(encoding="utf-8").splitlines()[0])
    event["winlog"]["event_data"]["TargetUserName"] = [f"user{number}" for number in range(1_001)]
    many.write_text(json.dumps(event) + "\n", encoding="utf-8")
    done = call("match", str(settings.parent / "rules"), "--events", str(many), COLUMNS="300")
    assert f"the correlation `{COUNTING}` does not count all values of 1 event" in " ".join(done.stderr.split())
