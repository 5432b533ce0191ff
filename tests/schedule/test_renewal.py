"""Rule files that change under way: read again when nobody writes any more, and no slip of the pen stops a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.fakes import RULE

from watcher.schedule import RuleReloader
from watcher.sigma.rule_folders import LoadedRules, fingerprints, read_folder, read_folders

OTHER = RULE.replace("7f6f2c52", "8f6f2c52").replace("title: ", "title: Other ")


@dataclass
class Shelf:
    """A folder of rules that is looked at."""

    path: Path
    taken: list[LoadedRules] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write("a.yml", RULE)
        self.reloader = RuleReloader(
            self.read(), fingerprints=lambda: fingerprints(self.path), read=self.read, take=self.taken.append
        )

    def read(self) -> LoadedRules:
        return read_folders([read_folder("own", self.path)])

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def looks(self) -> list[list[str]]:
        """Look twice, and give the titles of the rules that were taken each time."""
        self.taken.clear()
        self.reloader.look()
        self.reloader.look()
        return [sorted(rule.title for rule in rules.rules) for rules in self.taken]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def titles(text: str) -> str:
    return text.split("title: ", 1)[1].splitlines()[0]


def test_files_that_stay_are_not_read_again(shelf: Shelf) -> None:
    assert shelf.looks() == []


def test_a_file_that_is_added_is_read_when_nobody_writes_any_more(shelf: Shelf) -> None:
    shelf.write("b.yml", OTHER[:20])
    shelf.reloader.look()
    shelf.write("b.yml", OTHER)
    shelf.reloader.look()
    assert shelf.taken == []
    shelf.reloader.look()
    assert [len(rules.rules) for rules in shelf.taken] == [2]
    assert shelf.looks() == []


def test_a_file_that_is_removed_takes_its_rule_with_it(shelf: Shelf) -> None:
    (shelf.path / "a.yml").unlink()
    assert shelf.looks() == [[]]


def test_a_file_that_is_renamed_keeps_its_rule(shelf: Shelf) -> None:
    (shelf.path / "a.yml").rename(shelf.path / "b.yml")
    assert shelf.looks() == [[titles(RULE)]]
    (rule,) = shelf.taken[0].rules
    assert rule.location.file.endswith("b.yml")


def test_a_rule_whose_file_becomes_faulty_is_watched_as_it_was(shelf: Shelf) -> None:
    shelf.write("a.yml", RULE.replace("condition: ", "condition: nowhere and "))
    shelf.write("b.yml", OTHER)
    assert shelf.looks() == [sorted([titles(RULE), titles(OTHER)])]
    assert "nowhere" in " ".join(finding.message for finding in shelf.taken[0].findings)
    assert shelf.looks() == []
    shelf.write("a.yml", RULE.replace("title: ", "title: New "))
    assert shelf.looks() == [sorted([f"New {titles(RULE)}", titles(OTHER)])]


def test_a_rule_whose_id_another_file_takes_is_watched_as_it_was(shelf: Shelf) -> None:
    shelf.write("b.yml", RULE.replace("title: ", "title: Thief "))
    assert shelf.looks() == [[titles(RULE)]]
    (shelf.path / "b.yml").unlink()
    assert shelf.looks() == [[titles(RULE)]]


def test_what_is_wrong_is_said_before_what_is_done_about_it(shelf: Shelf) -> None:
    shelf.write("a.yml", RULE.replace("condition: ", "condition: nowhere and "))
    with capture_logs() as said:
        shelf.looks()
    assert [line["event"] for line in said] == ["rule.fault", "rule.kept", "rules.changed"]
    assert {line["location"].split(":")[0] for line in said[:2]} == {str(shelf.path / "a.yml")}
