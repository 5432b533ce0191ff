"""The shipped rules: read without fault, and in agreement with every event beside them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from watcher.match.predicate import Predicate
from watcher.model import And, DetectionItem, Rule, Severity
from watcher.sigma.rule_folders import read_folder
from watcher.taxonomy.logsources import events_of

FOLDER = Path(__file__).parents[2] / "rules"
PATHS = sorted(FOLDER.rglob("*.yml"))
NAMES = [str(path.relative_to(FOLDER)) for path in PATHS]


def read(path: Path) -> Rule:
    folder = read_folder("shipped", path)
    assert [str(finding) for finding in folder.findings] == []
    (rule,) = folder.rules
    return rule


def cases(path: Path) -> list[dict[str, Any]]:
    lines = path.with_suffix(".test.ndjson").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_shipped_rule_has_tests() -> None:
    assert len(PATHS) >= 17
    assert sorted(FOLDER.rglob("*.test.ndjson")) == [path.with_suffix(".test.ndjson") for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_a_shipped_rule_has_no_error_and_a_known_log_source(path: Path) -> None:
    rule = read(path)
    assert [str(finding) for finding in rule.findings if finding.severity is Severity.ERROR] == []
    assert events_of(rule.logsource).unknown == ()


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_a_shipped_rule_passes_its_tests(path: Path) -> None:
    tests = cases(path)
    counts = Counter(test["expect"] for test in tests)
    assert counts["hit"] >= 1
    assert counts["miss"] >= 2
    assert counts["hit"] + counts["miss"] == len(tests)
    assert len({test["name"] for test in tests}) == len(tests)
    rule = read(path)
    predicate = Predicate(rule.node, events_of(rule.logsource))
    outcome = {test["name"]: "hit" if predicate.matches(test["event"]) else "miss" for test in tests}
    assert outcome == {test["name"]: test["expect"] for test in tests}


def test_only_the_first_rule_has_findings() -> None:
    reported = {
        name: sorted(finding.code for finding in read(path).findings) for name, path in zip(NAMES, PATHS, strict=True)
    }
    assert {name: codes for name, codes in reported.items() if codes} == {
        "windows/process_creation/webserver_iis_module_installed_command.yml": ["duplicate-key", "missing-id"]
    }


def test_both_entries_of_the_duplicate_key_must_match() -> None:
    rule = read(FOLDER / "windows" / "process_creation" / "webserver_iis_module_installed_command.yml")
    assert isinstance(rule.node, And)
    entries = [item for item in rule.node.of if isinstance(item, DetectionItem) and item.field == "CommandLine"]
    assert [item.source_values for item in entries] == [("install", "add"), ("module",)]
    predicate = Predicate(rule.node, events_of(rule.logsource))
    outcome = {
        command: predicate.matches(
            {
                "event": {"code": "4688"},
                "winlog": {
                    "channel": "Security",
                    "event_data": {
                        "NewProcessName": "C:\\Windows\\System32\\inetsrv\\appcmd.exe",
                        "CommandLine": command,
                    },
                },
            }
        )
        for command in ("appcmd install module /name:x", "appcmd list module", "appcmd add site", "APPCMD ADD MODULE")
    }
    assert outcome == {
        "appcmd install module /name:x": True,
        "appcmd list module": False,
        "appcmd add site": False,
        "APPCMD ADD MODULE": True,
    }
