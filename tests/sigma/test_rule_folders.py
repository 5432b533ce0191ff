"""Rule folders: a faulty file never hides the others, and every omission is reported."""

from __future__ import annotations

import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from rule_fixtures import HEAD, ID, TAIL, codes, contents

from watcher.model import Severity
from watcher.sigma.rule_folders import LoadedRules, RuleFolder, read_folder, read_folders

OTHER = "df0841c0-9846-4e9f-ad8a-7df91571771b"
RULE = HEAD + TAIL
SECOND = RULE.replace(ID, OTHER)
CORRELATION = "title: c\ncorrelation:\n  type: event_count\n  rules: [a]\n"


def folder(path: Path, **files: str) -> RuleFolder:
    for name, text in files.items():
        (path / f"{name}.yml").write_text(text, encoding="utf-8")
    return read_folder("mine", path)


def messages(rule_folder: RuleFolder, path: Path) -> list[str]:
    return [str(finding).replace(f"{path}{os.sep}", "") for finding in rule_folder.findings]


def test_a_faulty_file_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    rule_folder = folder(tmp_path, a=RULE, b="title: [\n", c=SECOND)
    assert [rule.path for rule in rule_folder.rules] == ["a.yml", "c.yml"]
    (finding,) = messages(rule_folder, tmp_path)
    assert finding.startswith("b.yml:")
    assert ": error: " in finding


def test_rules_are_found_in_sub_folders_under_both_suffixes_but_not_in_hidden_ones(tmp_path: Path) -> None:
    for name in ("x/y/a.yml", "x/b.YAML", "c.txt", ".git/d.yml", "x/.e.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(RULE, encoding="utf-8")
    assert [rule.path for rule in read_folder("mine", tmp_path).rules] == ["x/b.YAML", "x/y/a.yml"]


def test_an_empty_folder_is_a_warning_and_a_missing_one_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert [str(finding) for finding in read_folder("mine", tmp_path).findings] == [
        (
            f"{tmp_path}:1:1: warning: the rules folder `mine` contains no rule; "
            "put `.yml` files there or change `rules.folders` in settings [empty-folder]"
        )
    ]
    assert [str(finding) for finding in read_folder("mine", missing).findings] == [
        (
            f"{missing}:1:1: error: the rules folder `mine` does not exist; "
            "put `.yml` files there or change `rules.folders` in settings [empty-folder]"
        )
    ]


def test_a_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"title: caf\xe9\n")
    assert messages(read_folder("mine", tmp_path), tmp_path) == [
        "a.yml:1:1: error: the file cannot be read: byte 11 is not valid UTF-8; save it as UTF-8 [unreadable]"
    ]


def test_a_dangling_link_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "gone.yml")
    assert messages(read_folder("mine", tmp_path), tmp_path) == [
        "a.yml:1:1: error: the file cannot be read: No such file or directory; allow watcher to read it [unreadable]"
    ]


def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert [str(finding) for finding in read_folder("mine", pipe).findings] == [
        f"{pipe}:1:1: error: a folder cannot be read: Not a directory; allow watcher to read it [unreadable]"
    ]


def test_a_folder_path_may_be_a_single_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(RULE, encoding="utf-8")
    (rule,) = read_folder("mine", path).rules
    assert (rule.folder, rule.path) == ("mine", "a.yml")


def test_different_rules_with_one_id_name_both_files_and_neither_is_used(tmp_path: Path) -> None:
    rule_folder = folder(tmp_path, a=RULE, b=SECOND, c=RULE.replace("F: a", "F: other"))
    loaded = read_folders([rule_folder])
    assert [rule.path for rule in loaded.rules] == ["b.yml"]
    (finding,) = loaded.findings
    assert str(finding) == (
        f"{tmp_path / 'c.yml'}:1:1: error: the id `{ID}` is used by `{tmp_path / 'a.yml'}` and "
        f"`{tmp_path / 'c.yml'}`, which match different events; none of them is run; "
        "give each rule its own id [duplicate-id]"
    )


def test_equal_rules_are_one_rule_and_the_first_file_is_used(tmp_path: Path) -> None:
    loaded = read_folders([folder(tmp_path, a=RULE, b=RULE, c=RULE.replace("A title", "Another"))])
    assert [rule.path for rule in loaded.rules] == ["a.yml"]
    assert [(str(finding.location), finding.code) for finding in loaded.findings] == [
        (f"{tmp_path / 'b.yml'}:1:1", "equal-rule"),
        (f"{tmp_path / 'c.yml'}:1:1", "equal-rule"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  web: {image: x}\n",
        "- hosts: all\n  tasks: []\n",
        "a: 1\n---\nb: 2\n",
        "value: !vault x\nrest: {{ template }}\n",
    ],
)
def test_other_yaml_is_counted_and_is_no_error(tmp_path: Path, text: str) -> None:
    loaded = read_folders([folder(tmp_path, a=text, b=RULE, c=text)])
    assert [rule.path for rule in loaded.rules] == ["b.yml"]
    (finding,) = loaded.findings
    assert (finding.code, finding.severity) == ("no-rule", Severity.INFO)
    assert finding.message.startswith("2 files of the rules folder")
    (named,) = read_folders([read_folder("one", tmp_path / "a.yml")]).findings[:1]
    assert named.severity is Severity.ERROR  # whoever names the file means it


@pytest.mark.parametrize("text", [HEAD, "title: [\n", "logsource: {product: windows}\n", f"a: 1\n---\n{HEAD}"])
def test_a_part_of_a_rule_makes_a_file_one_with_faults(tmp_path: Path, text: str) -> None:
    findings = read_folders([folder(tmp_path, a=text, b=RULE)]).findings
    assert {finding.severity for finding in findings} == {Severity.ERROR}


def folders(path: Path, **texts: dict[str, str]) -> LoadedRules:
    for name, by_file in texts.items():
        (path / name).mkdir()
        for file, text in by_file.items():
            (path / name / f"{file}.yml").write_text(text, encoding="utf-8")
    return read_folders([read_folder(name, path / name) for name in texts])


@pytest.mark.parametrize(("text", "code"), [(RULE, "equal-rule"), (RULE.replace("F: a", "F: other"), "replaced-rule")])
def test_the_rule_of_the_later_folder_is_used(tmp_path: Path, text: str, code: str) -> None:
    loaded = folders(tmp_path, upstream={"a": RULE, "b": SECOND}, own={"a": text})
    assert [(rule.folder, rule.path) for rule in loaded.rules] == [("own", "a.yml"), ("upstream", "b.yml")]
    (finding,) = loaded.findings
    assert finding.code == code
    assert str(finding.location) == f"{tmp_path / 'upstream' / 'a.yml'}:1:1"
    assert str(tmp_path / "own" / "a.yml") in finding.message


def test_an_ambiguous_folder_leaves_the_rule_of_another(tmp_path: Path) -> None:
    other = RULE.replace("F: a", "F: other")
    loaded = folders(tmp_path, upstream={"a": RULE}, own={"a": other, "b": RULE})
    assert [(rule.folder, rule.path) for rule in loaded.rules] == [("upstream", "a.yml")]
    assert codes(loaded.findings) == ["duplicate-id"]


def test_every_document_of_a_file_is_a_rule_with_its_own_text_and_id() -> None:
    nameless = RULE.replace(f"id: {ID}\n", "")
    rule_file = contents(f"{nameless}---\n{nameless}")
    assert [rule.text for rule in rule_file.rules] == [nameless, nameless]
    assert len({rule.id for rule in rule_file.rules}) == 2
    assert [rule.location.line for rule in rule_file.rules] == [1, 10]


def test_a_faulty_document_does_not_affect_the_others() -> None:
    rule_file = contents(f"{HEAD}---\n{RULE}")
    assert len(rule_file.rules) == 1
    assert codes(rule_file.findings) == ["missing-detection"]


def test_a_correlation_is_reported_and_the_other_rules_are_read() -> None:
    rule_file = contents(f"{RULE}---\n{CORRELATION}")
    assert len(rule_file.rules) == 1
    assert [str(finding) for finding in rule_file.findings] == [
        (
            "rule.yml:11:1: warning: watcher does not correlate events, so the correlation rule is not run; "
            "the rules that it refers to (`a`) are run on their own: join their hits by a selector with "
            "`set: {group_by: [host.name], quiet_period: 1h}` [correlation]"
        )
    ]


@pytest.mark.parametrize("text", ["", "---\n", "# a remark\n", "---\n---\n"])
def test_an_empty_file_is_reported(text: str) -> None:
    assert [str(finding) for finding in contents(text).findings] == [
        "rule.yml:1:1: warning: the file contains no rule; write one or remove the file [empty-file]"
    ]


@pytest.mark.parametrize("text", [f"{RULE}---\n", f"---\n{RULE}", f"---\n---\n{RULE}...\n", f"\ufeff{RULE}"])
def test_empty_documents_and_byte_order_marks_are_ignored(text: str) -> None:
    rule_file = contents(text)
    assert len(rule_file.rules) == 1
    assert rule_file.findings == ()


def test_a_repaired_tab_is_a_finding_of_the_rule() -> None:
    rule_file = contents(RULE.replace("  product", "\tproduct"))
    assert [finding.code for rule in rule_file.rules for finding in rule.findings] == ["yaml-tab"]


def test_the_entire_corpus_is_read(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "rules.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = read_folder("corpus", tmp_path)
    assert len(folder.rules) == 2115
    errors = [str(finding) for finding in folder.findings if finding.severity == "error"]
    assert len(errors) == 2
    assert "`selection` is not defined in `detection` (defined: `selection_event`)" in errors[0]
    assert "the placeholder `%known_cdcs%` has no values" in errors[1]
    assert codes(folder.findings).count("correlation") == 9
    reported = [finding.code for rule in folder.rules for finding in rule.findings]
    assert {code: reported.count(code) for code in set(reported)} == {
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


def test_a_file_that_is_too_large_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    with (tmp_path / "b.yml").open("wb") as large:
        large.truncate(65_000_000)
    rule_folder = folder(tmp_path, a=RULE)
    assert [rule.path for rule in rule_folder.rules] == ["a.yml"]
    (message,) = messages(rule_folder, tmp_path)
    assert message == (
        "b.yml:1:1: error: the file has 65 MB and is not read: a rule file has at most 64 MB; "
        "divide it into files of a rule each, and long lists among several rules [yaml-size]"
    )


def test_the_progress_ends_at_the_size_of_all_files(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    folder(tmp_path, a=RULE, b="title: [\n", c=SECOND)
    read_folder("mine", tmp_path, progress=lambda *call: calls.append(call))
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert (len(calls), calls[-1]) == (3, (size, size))


def test_reading_keeps_the_rules_and_at_most_one_file_in_memory(tmp_path: Path) -> None:
    hosts = "".join(f"  - name: host{number}\n    address: 10.0.0.1\n" for number in range(400))
    notes = "".join(f"# note {number} about the rule\n" for number in range(600))
    for number in range(10):
        (tmp_path / f"{number}.yml").write_text(f"hosts:\n{hosts}", encoding="utf-8")
        rule = RULE.replace(ID, f"{number:08}{ID[8:]}")
        (tmp_path / f"{number}.yaml").write_text(rule + notes, encoding="utf-8")
    one_file = peak_of_reading(tmp_path / "1.yml")
    tracemalloc.start()
    try:
        rules = read_folder("mine", tmp_path).rules
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rules) == 10
    assert peak - kept < 2 * one_file


def peak_of_reading(file: Path) -> int:
    tracemalloc.start()
    try:
        read_folder("mine", file)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
