"""Rule files that change while a sidecar runs: read again when they are stable; no mistake stops a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.fakes import RULE

from watcher.schedule import RuleReloader
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.rule_folders import LoadedRules, fingerprints, read_folder, read_folders

OTHER = RULE.replace("7f6f2c52", "8f6f2c52").replace("title: ", "title: Other ")
MANY = """\
title: Many Shells
id: 0f5e2e0a-2f0d-4a2e-9a0c-2f6d8f3f4b12
level: high
correlation:
  type: event_count
  rules: [7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77]
  group-by: [User]
  timespan: 5m
  condition: {gte: 3}
"""


@dataclass
class RuleFolder:
    """A folder of rules with its reloader."""

    path: Path
    applied: list[LoadedRules] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write("a.yml", RULE)
        self.reloader = RuleReloader(
            self.read(), fingerprints=lambda: fingerprints(self.path), read=self.read, apply=self.applied.append
        )

    def read(self) -> LoadedRules:
        return with_correlations(read_folders([read_folder("own", self.path)]))

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def check_twice(self) -> list[list[str]]:
        """Check twice, and return the titles of the rules that were applied each time."""
        self.applied.clear()
        self.reloader.check()
        self.reloader.check()
        return [sorted(rule.title for rule in rules.rules) for rules in self.applied]


@pytest.fixture
def folder(tmp_path: Path) -> RuleFolder:
    return RuleFolder(tmp_path)


def titles(text: str) -> str:
    return text.split("title: ", 1)[1].splitlines()[0]


def test_unchanged_files_are_not_read_again(folder: RuleFolder) -> None:
    assert folder.check_twice() == []


def test_an_added_file_is_read_when_it_is_stable(folder: RuleFolder) -> None:
    folder.write("b.yml", OTHER[:20])
    folder.reloader.check()
    folder.write("b.yml", OTHER)
    folder.reloader.check()
    assert folder.applied == []
    folder.reloader.check()
    assert [len(rules.rules) for rules in folder.applied] == [2]
    assert folder.check_twice() == []


def test_a_removed_file_removes_its_rule(folder: RuleFolder) -> None:
    (folder.path / "a.yml").unlink()
    assert folder.check_twice() == [[]]


def test_a_renamed_file_keeps_its_rule(folder: RuleFolder) -> None:
    (folder.path / "a.yml").rename(folder.path / "b.yml")
    assert folder.check_twice() == [[titles(RULE)]]
    (rule,) = folder.applied[0].rules
    assert rule.location.file.endswith("b.yml")


def test_a_rule_whose_file_gets_an_error_stays_in_its_last_version(folder: RuleFolder) -> None:
    folder.write("a.yml", RULE.replace("condition: ", "condition: nowhere and "))
    folder.write("b.yml", OTHER)
    assert folder.check_twice() == [sorted([titles(RULE), titles(OTHER)])]
    assert "nowhere" in " ".join(finding.message for finding in folder.applied[0].findings)
    assert folder.check_twice() == []
    folder.write("a.yml", RULE.replace("title: ", "title: New "))
    assert folder.check_twice() == [sorted([f"New {titles(RULE)}", titles(OTHER)])]


def test_a_rule_whose_id_another_file_takes_stays(folder: RuleFolder) -> None:
    folder.write("b.yml", RULE.replace("title: ", "title: Other "))
    assert folder.check_twice() == [[titles(RULE)]]
    (folder.path / "b.yml").unlink()
    assert folder.check_twice() == [[titles(RULE)]]


def test_the_fault_is_logged_before_the_retained_rule(folder: RuleFolder) -> None:
    folder.write("a.yml", RULE.replace("condition: ", "condition: nowhere and "))
    with capture_logs() as entries:
        folder.check_twice()
    assert [entry["event"] for entry in entries] == ["rule.fault", "rule.retained", "rules.changed"]
    assert {entry["location"].split(":")[0] for entry in entries[:2]} == {str(folder.path / "a.yml")}


def test_a_correlation_whose_file_or_base_rule_becomes_faulty_stays_in_use(folder: RuleFolder) -> None:
    folder.write("many.yml", MANY)
    folder.check_twice()
    for name, text in (("many.yml", MANY.replace("5m", "five minutes")), ("many.yml", MANY), ("a.yml", "title: [")):
        folder.write(name, text)
        folder.check_twice()
        (applied,) = folder.applied
        (correlation,) = applied.correlations.rules
        assert correlation.title == "Many Shells"
        assert applied.correlations.correlations[correlation.id].base_rules == (applied.rules[0].id,)
    (folder.path / "many.yml").unlink()
    folder.check_twice()
    assert folder.applied[0].correlations.rules == ()
