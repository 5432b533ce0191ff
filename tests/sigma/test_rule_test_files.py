"""Rule tests are read in both formats; a fault is reported with its location."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.sigma.rule_folders import read_folder
from watcher.sigma.rule_test_files import RuleTest, is_test_file, read_rule_tests, rule_file_of, rule_test_files


def read(folder: Path, text: str, name: str = "x.test.yml") -> tuple[tuple[RuleTest, ...], list[str]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    test_file = read_rule_tests(path)
    return test_file.tests, [str(finding).removeprefix(f"{path}:") for finding in test_file.findings]


def test_yaml_has_hits_and_misses(tmp_path: Path) -> None:
    tests, faults = read(
        tmp_path,
        """\
hit:
  - name: a shell
    data: {Image: 'C:\\cmd.exe', ProcessId: 0x1410, Number: 010, Flag: true, Nothing: , Many: [a, 2]}
  - code: 4688
    channel: Security
    computer: WEB01
    provider: P
    message: text
    time: 2026-11-23T11:59:30Z
miss:
  - event: {"@timestamp": 2026-11-23T11:59:30Z, event: {code: "1", sequence: 5}}
    rule: Another Rule
""",
    )
    assert faults == []
    first, second, third = tests
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
            "message": "text",
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


def test_lines_have_their_expectation(tmp_path: Path) -> None:
    text = '{"expect": "hit", "name": "a", "event": {"x": 1}}\n\n{"expect": "miss", "name": "b", "data": {"A": 5}}\n'
    tests, faults = read(tmp_path, text, "x.test.ndjson")
    assert faults == []
    assert [(test.name, test.hit, test.location.line) for test in tests] == [("a", True, 1), ("b", False, 3)]
    assert (tests[0].event, tests[1].event["winlog"]["event_data"]) == ({"x": 1}, {"A": "5"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hit: [{nam: x, data: {}}]", "1:7: error: `nam` is not a key of a test; write `name` [test-file]"),
        ("hit: [{name: x}]", "1:7: error: the test has no event; add a complete document as `event`, or some `data`"),
        ("hit: [{event: {}, data: {}}]", "1:7: error: `event` and `data` are both present; keep one of them"),
        ("hit: [{event: [1]}]", "1:7: error: `event` must be a mapping; write the document as Winlogbeat ships it"),
        ("hit: [{data: [1]}]", "1:7: error: `data` must be a mapping; write the fields of the event and their values"),
        ("hit: [5]", "1:7: error: a test must be a mapping; write `name` and `event` or `data`"),
        ("hit: [{expect: hit, data: {}}]", "1:7: error: `expect` is not allowed under `hit`; remove it"),
        ("hit: [{data: {A: 1, A: 2}}]", "1:21: error: `A` appears twice; keep one of them"),
        ("hits: []", "1:1: error: `hits` is not a list of tests; write `hit:` and `miss:`, each with a list of tests"),
        ("hit: 5", "1:1: error: `hit` is not a list of tests"),
        ("- 5", "1:1: error: the document is not a mapping"),
        ("hit: []", "1:1: error: the file contains no test"),
        ("hit: [", "1:7: error: YAML cannot be read here"),
        (
            "hit: [{name: a, data: {}}]\nmiss: [{name: a, data: {}}]",
            "2:8: error: two tests have the name `a`, the first in line 1",
        ),
    ],
)
def test_a_fault_is_reported_with_its_location(tmp_path: Path, text: str, message: str) -> None:
    _, faults = read(tmp_path, text)
    assert len(faults) == 1
    assert faults[0].startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "2:1: error: the line is not JSON: "),
        ("[]", "2:1: error: the line is not a JSON object; write `expect`, `name` and `event`"),
        ('{"event": {}}', "2:1: error: `expect` must be `hit` or `miss`"),
        ('{"expect": ["hit"], "event": {}}', "2:1: error: `expect` must be `hit` or `miss`"),
    ],
)
def test_a_faulty_line_does_not_affect_the_others(tmp_path: Path, line: str, message: str) -> None:
    good = '{"expect": "hit", "name": "%s", "event": {}}'
    tests, faults = read(tmp_path, f"{good % 'a'}\n{line}\n{good % 'b'}\n", "x.test.jsonl")
    assert [test.name for test in tests] == ["a", "b"]
    assert len(faults) == 1
    assert faults[0].startswith(message)


def test_invalid_utf_8_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "x.test.yml"
    path.write_bytes(b"hit: \xff")
    assert [finding.message for finding in read_rule_tests(path).findings] == [
        "the file cannot be read: byte 6 is not valid UTF-8"
    ]


def test_tests_belong_to_the_rule_of_their_name(tmp_path: Path) -> None:
    for name in ("x.yml", "x.test.yml", "x.test.ndjson", "y.yaml", "y.test.jsonl", "z.test.yaml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert [path.name for path in rule_test_files(tmp_path / "x.yml")] == ["x.test.ndjson", "x.test.yml"]
    assert rule_file_of(tmp_path / "x.test.ndjson") == tmp_path / "x.yml"
    assert rule_file_of(tmp_path / "y.test.jsonl") == tmp_path / "y.yaml"
    assert rule_file_of(tmp_path / "z.test.yaml") is None
    assert is_test_file(Path("A.TEST.YML"))
    assert not is_test_file(Path("test.yml"))


def test_test_files_are_not_read_as_rules(tmp_path: Path) -> None:
    (tmp_path / "x.test.yml").write_text("hit: []", encoding="utf-8")
    assert [finding.code for finding in read_folder("own", tmp_path).findings] == ["empty-folder"]
