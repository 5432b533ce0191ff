"""Tests of rules are read in both forms; what is wrong with one of them has its place and stops no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.sigma.rule_folders import read_folder
from watcher.sigma.test_files import RuleTest, case_files, is_case_file, read_cases, rule_file


def read(folder: Path, text: str, name: str = "x.test.yml") -> tuple[tuple[RuleTest, ...], list[str]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    found = read_cases(path)
    return found.cases, [str(one).removeprefix(f"{path}:") for one in found.findings]


def test_yaml_has_hits_and_misses(tmp_path: Path) -> None:
    cases, faults = read(
        tmp_path,
        """\
hit:
  - name: a shell
    data: {Image: 'C:\\cmd.exe', ProcessId: 0x1410, Number: 010, Flag: true, Nothing: , Many: [a, 2]}
  - code: 4688
    channel: Security
    computer: WEB01
    provider: P
    message: told
    time: 2026-11-23T11:59:30Z
miss:
  - event: {"@timestamp": 2026-11-23T11:59:30Z, event: {code: "1", sequence: 5}}
    rule: Another Rule
""",
    )
    assert faults == []
    first, second, third = cases
    assert (first.name, first.hit, first.sketch, first.location.line) == ("a shell", True, True, 2)
    assert first.event["winlog"]["event_data"] == {
        "Image": "C:\\cmd.exe",
        "ProcessId": "0x1410",
        "Number": "010",
        "Flag": "true",
        "Nothing": "",
        "Many": ["a", "2"],
    }
    assert (second.name, second.event) == (
        "hit in line 4",
        {
            "@timestamp": "2026-11-23T11:59:30Z",
            "event": {"code": "4688", "provider": "P"},
            "host": {"name": "WEB01"},
            "message": "told",
            "winlog": {
                "channel": "Security",
                "event_id": "4688",
                "computer_name": "WEB01",
                "provider_name": "P",
                "event_data": {},
            },
        },
    )
    assert (third.hit, third.sketch, third.rule) == (False, False, "Another Rule")
    assert third.event == {"@timestamp": "2026-11-23T11:59:30Z", "event": {"code": "1", "sequence": 5}}


def test_lines_say_what_they_expect(tmp_path: Path) -> None:
    text = '{"expect": "hit", "name": "a", "event": {"x": 1}}\n\n{"expect": "miss", "name": "b", "data": {"A": 5}}\n'
    cases, faults = read(tmp_path, text, "x.test.ndjson")
    assert faults == []
    assert [(one.name, one.hit, one.location.line) for one in cases] == [("a", True, 1), ("b", False, 3)]
    assert (cases[0].event, cases[1].event["winlog"]["event_data"]) == ({"x": 1}, {"A": "5"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hit: [{nam: x, data: {}}]", "1:7: error: `nam` is no key of a test; write `name` [test-file]"),
        ("hit: [{name: x}]", "1:7: error: the test has no event; give a whole document as `event`, or some `data`"),
        ("hit: [{event: {}, data: {}}]", "1:7: error: `event` and `data` are both given; a whole document says"),
        ("hit: [{event: [1]}]", "1:7: error: `event` must be a map; write the document as Winlogbeat ships it"),
        ("hit: [{data: [1]}]", "1:7: error: `data` must be a map; write the fields of the event and their values"),
        ("hit: [5]", "1:7: error: a test must be a map of keys and values; write `name` and `event` or `data`"),
        ("hit: [{expect: hit, data: {}}]", "1:7: error: `expect` has no meaning under `hit`; remove it"),
        ("hit: [{data: {A: 1, A: 2}}]", "1:21: error: `A` stands twice; keep one of them"),
        ("hits: []", "1:1: error: `hits` is no list of tests; write `hit:` and `miss:`, each with a list of tests"),
        ("hit: 5", "1:1: error: `hit` is no list of tests"),
        ("- 5", "1:1: error: the file holds no map"),
        ("hit: []", "1:1: error: the file holds no test"),
        ("hit: [", "1:7: error: YAML cannot be read here"),
        (
            "hit: [{name: a, data: {}}]\nmiss: [{name: a, data: {}}]",
            "2:8: error: two tests are called `a`, the first in line 1",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    _, faults = read(tmp_path, text)
    assert len(faults) == 1
    assert faults[0].startswith(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "2:1: error: the line is no JSON: "),
        ("[]", "2:1: error: the line is no map; write `expect`, `name` and `event`"),
        ('{"event": {}}', "2:1: error: `expect` must be `hit` or `miss`"),
        ('{"expect": ["hit"], "event": {}}', "2:1: error: `expect` must be `hit` or `miss`"),
    ],
)
def test_a_broken_line_stops_no_other(tmp_path: Path, line: str, said: str) -> None:
    good = '{"expect": "hit", "name": "%s", "event": {}}'
    cases, faults = read(tmp_path, f"{good % 'a'}\n{line}\n{good % 'b'}\n", "x.test.jsonl")
    assert [one.name for one in cases] == ["a", "b"]
    assert len(faults) == 1
    assert faults[0].startswith(said)


def test_bytes_that_are_no_utf_8_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.test.yml"
    path.write_bytes(b"hit: \xff")
    assert [one.message for one in read_cases(path).findings] == ["the file cannot be read: byte 6 is no UTF-8"]


def test_tests_belong_to_the_rule_of_their_name(tmp_path: Path) -> None:
    for name in ("x.yml", "x.test.yml", "x.test.ndjson", "y.yaml", "y.test.jsonl", "z.test.yaml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert [path.name for path in case_files(tmp_path / "x.yml")] == ["x.test.ndjson", "x.test.yml"]
    assert rule_file(tmp_path / "x.test.ndjson") == tmp_path / "x.yml"
    assert rule_file(tmp_path / "y.test.jsonl") == tmp_path / "y.yaml"
    assert rule_file(tmp_path / "z.test.yaml") is None
    assert is_case_file(Path("A.TEST.YML"))
    assert not is_case_file(Path("test.yml"))


def test_tests_are_no_rules(tmp_path: Path) -> None:
    (tmp_path / "x.test.yml").write_text("hit: []", encoding="utf-8")
    assert [one.code for one in read_folder("own", tmp_path).findings] == ["empty-folder"]
