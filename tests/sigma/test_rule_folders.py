"""A folder of rules: one broken file never hides the others, and nothing is left out without a word."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from rule_fixtures import HEAD, ID, TAIL, codes, contents

from watcher.sigma.rule_folders import RuleFolder, read_folder, read_folders

OTHER = "df0841c0-9846-4e9f-ad8a-7df91571771b"
RULE = HEAD + TAIL
SECOND = RULE.replace(ID, OTHER)
CORRELATION = "title: c\ncorrelation:\n  type: event_count\n  rules: [a]\n"


def folder(path: Path, **files: str) -> RuleFolder:
    for name, text in files.items():
        (path / f"{name}.yml").write_text(text, encoding="utf-8")
    return read_folder("mine", path)


def told(found: RuleFolder, path: Path) -> list[str]:
    return [str(finding).replace(f"{path}{os.sep}", "") for finding in found.findings]


def test_a_broken_file_among_many_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    found = folder(tmp_path, a=RULE, b="title: [\n", c=SECOND)
    assert [rule.path for rule in found.rules] == ["a.yml", "c.yml"]
    (finding,) = told(found, tmp_path)
    assert finding.startswith("b.yml:")
    assert ": error: " in finding


def test_rules_are_found_in_sub_folders_under_both_suffixes_but_not_in_hidden_ones(tmp_path: Path) -> None:
    for name in ("x/y/a.yml", "x/b.YAML", "c.txt", ".git/d.yml", "x/.e.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(RULE, encoding="utf-8")
    assert [rule.path for rule in read_folder("mine", tmp_path).rules] == ["x/b.YAML", "x/y/a.yml"]


def test_an_empty_folder_is_a_warning_and_a_missing_one_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert [str(one) for one in read_folder("mine", tmp_path).findings] == [
        (
            f"{tmp_path}:1:1: warning: the rules folder `mine` holds no rule; "
            "put `.yml` files there or change `rules.folders` in settings [empty-folder]"
        )
    ]
    assert [str(one) for one in read_folder("mine", missing).findings] == [
        (
            f"{missing}:1:1: error: the rules folder `mine` does not exist; "
            "put `.yml` files there or change `rules.folders` in settings [empty-folder]"
        )
    ]


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"title: caf\xe9\n")
    assert told(read_folder("mine", tmp_path), tmp_path) == [
        "a.yml:1:1: error: the file cannot be read: byte 11 is no UTF-8; save it as UTF-8 [unreadable]"
    ]


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "gone.yml")
    assert told(read_folder("mine", tmp_path), tmp_path) == [
        "a.yml:1:1: error: the file cannot be read: No such file or directory; let watcher read it [unreadable]"
    ]


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert [str(one) for one in read_folder("mine", pipe).findings] == [
        f"{pipe}:1:1: error: a folder cannot be read: Not a directory; let watcher read it [unreadable]"
    ]


def test_one_file_can_stand_for_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(RULE, encoding="utf-8")
    (found,) = read_folder("mine", path).rules
    assert (found.folder, found.path) == ("mine", "a.yml")


def test_two_rules_with_one_id_name_both_files_and_neither_is_used(tmp_path: Path) -> None:
    found = folder(tmp_path, a=RULE, b=SECOND, c=RULE.replace("A title", "Another"))
    together = read_folders([found])
    assert [rule.path for rule in together.rules] == ["b.yml"]
    (finding,) = together.findings
    assert str(finding) == (
        f"{tmp_path / 'c.yml'}:1:1: error: the id `{ID}` is used by `{tmp_path / 'a.yml'}` and "
        f"`{tmp_path / 'c.yml'}`; none of them is run; give each rule an id of its own [duplicate-id]"
    )


def test_two_folders_may_not_share_an_id_either(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yml").write_text(RULE, encoding="utf-8")
    together = read_folders([read_folder(name, tmp_path / name) for name in ("one", "two")])
    assert together.rules == ()
    assert codes(together.findings) == ["duplicate-id"]


def test_every_document_of_a_file_is_a_rule_with_its_own_text_and_id() -> None:
    nameless = RULE.replace(f"id: {ID}\n", "")
    found = contents(f"{nameless}---\n{nameless}")
    assert [rule.text for rule in found.rules] == [nameless, nameless]
    assert len({rule.id for rule in found.rules}) == 2
    assert [rule.location.line for rule in found.rules] == [1, 10]


def test_a_fault_in_one_document_leaves_the_other() -> None:
    found = contents(f"{HEAD}---\n{RULE}")
    assert len(found.rules) == 1
    assert codes(found.findings) == ["missing-detection"]


def test_a_correlation_is_told_and_the_rules_beside_it_are_read() -> None:
    found = contents(f"{RULE}---\n{CORRELATION}")
    assert len(found.rules) == 1
    assert [str(one) for one in found.findings] == [
        (
            "rule.yml:11:1: warning: a correlation counts events over time, which watcher does not run; "
            "the rules that it names are run on their own [correlation]"
        )
    ]


@pytest.mark.parametrize("text", ["", "---\n", "# a remark\n", "---\n---\n"])
def test_a_file_without_content_is_told(text: str) -> None:
    assert [str(one) for one in contents(text).findings] == [
        "rule.yml:1:1: warning: the file holds no rule; write one or remove the file [empty-file]"
    ]


@pytest.mark.parametrize("text", [f"{RULE}---\n", f"---\n{RULE}", f"---\n---\n{RULE}...\n", f"\ufeff{RULE}"])
def test_empty_documents_and_byte_order_marks_change_nothing(text: str) -> None:
    found = contents(text)
    assert len(found.rules) == 1
    assert found.findings == ()


def test_a_harmless_tab_is_told_on_the_rule() -> None:
    found = contents(RULE.replace("  product", "\tproduct"))
    assert [one.code for rule in found.rules for one in rule.findings] == ["yaml-tab"]


def test_the_whole_corpus_is_read(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "rules.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    found = read_folder("corpus", tmp_path)
    assert len(found.rules) == 2115
    errors = [str(one) for one in found.findings if one.severity == "error"]
    assert len(errors) == 2
    assert "`selection` is not defined in `detection` (there: `selection_event`)" in errors[0]
    assert "the placeholder `%known_cdcs%` has no values" in errors[1]
    assert codes(found.findings).count("correlation") == 9
    said = [finding.code for rule in found.rules for finding in rule.findings]
    assert {code: said.count(code) for code in set(said)} == {
        "missing-id": 218,
        "logsource-list": 33,
        "duplicate-key": 25,
        "aggregation": 21,
        "yaml-number": 14,
        "bare-pattern": 1,
        "tag-no-namespace": 1,
        "unknown-status": 1,
        "yaml-tab": 1,
        "empty-selection": 1,
    }
