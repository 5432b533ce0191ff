"""`watcher explain --event`: why a rule matches an event, wherever the event comes from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.in_process import call
from support.sandbox import COMMAND, IIS, IIS_TITLE, Sandbox, environ, rule_events

TESTS = IIS.with_suffix(".test.ndjson")
HITS = [number for number, case in enumerate(rule_events(IIS), start=1) if case.expect == "hit"]
MISSES = [number for number, case in enumerate(rule_events(IIS), start=1) if case.expect == "miss"]


def event_file(folder: Path, number: int) -> Path:
    path = folder / "event.json"
    path.write_text(json.dumps(rule_events(IIS)[number - 1].event, indent=2), encoding="utf-8")
    return path


def test_a_hit_is_explained_with_every_part_of_the_rule(tmp_path: Path) -> None:
    done = call("explain", str(IIS), "--event", str(event_file(tmp_path, HITS[0])), COLUMNS="120")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"✓ {IIS_TITLE} matches the event"
    assert lines[1] == "✓ log source: channel `Security`, event 4688"
    assert lines[2] == "✓ condition: selection `selection`: all of"
    assert "├── ✓ NewProcessName ends with `\\appcmd.exe`" in lines
    assert "│   ├── ✓ contains `install`" in lines
    assert "│   ├── ✗ contains `add`" in lines
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("number", MISSES)
def test_a_miss_is_explained_and_exits_with_1(number: int) -> None:
    done = call("explain", str(IIS), "-e", f"{TESTS}:{number}")
    assert done.returncode == 1
    assert done.stdout.startswith(f"✗ {IIS_TITLE} does not match the event")


def test_an_event_of_another_log_source_is_explained_with_its_own(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text('{"winlog": {"channel": "System"}, "event": {"code": "7045"}}', encoding="utf-8")
    done = call("explain", str(IIS), "-e", str(path), COLUMNS="200")
    assert "✗ log source: channel `Microsoft-Windows-Sysmon/Operational`, event 1; the event is of" in done.stdout
    assert "channel `System`, event 7045, so the rule does not match" in done.stdout


def test_standard_input_is_read(tmp_path: Path) -> None:
    text = event_file(tmp_path, HITS[0]).read_bytes()
    done = subprocess.run(
        [COMMAND, "explain", IIS, "-e", "-", "--json"], input=text, capture_output=True, check=False, env=environ()
    )
    (explanation,) = json.loads(done.stdout)
    assert (done.returncode, explanation["matches"], explanation["logsource"], explanation["source"]) == (
        0,
        True,
        True,
        "windows",
    )
    (looked,) = explanation["looked"]
    assert looked["condition"]["selection"] == "selection"
    program = looked["condition"]["all"][0]
    assert (program["field"], program["tests"]) == (
        "NewProcessName",
        [{"asks": "ends with `\\appcmd.exe`", "holds": True}],
    )


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (str(TESTS), f"`{TESTS}` has several tests; name one by its line: `{TESTS}:1`"),
        (f"{TESTS}:999", f"`{TESTS}` has no test in line 999"),
        ("nowhere.json", "`nowhere.json` is no file, and no event of the cluster; give a file, `FILE:LINE`, `-`"),
    ],
)
def test_an_event_that_does_not_exist_is_an_error(event: str, message: str) -> None:
    done = call("explain", str(IIS), "-e", event)
    assert done.returncode == 2
    assert message in done.stderr


def test_an_event_of_the_cluster_is_found_by_its_index_and_id(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS))
    for case in rule_events(IIS):
        done = sandbox.call("explain", str(IIS), "-e", f"{sandbox.index}/{case.id}")
        assert done.returncode == (0 if case.expect == "hit" else 1), done.stdout + done.stderr
    done = sandbox.call("explain", str(IIS), "-e", f"{sandbox.index}/nobody")
    assert done.returncode == 2
    assert f"the index `{sandbox.index}` holds no event `nobody`" in done.stderr


def test_control_characters_of_events_are_escaped(tmp_path: Path) -> None:
    event = json.loads(json.dumps(rule_events(IIS)[HITS[0] - 1].event))
    event["winlog"]["event_data"]["CommandLine"] = "install \x1b[31m[red]\u202e module"
    path = tmp_path / "e.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    done = call("explain", str(IIS), "-e", str(path), COLUMNS="160")
    assert "install \\x1b[31m[red]\\u202e module" in done.stdout
    assert not {"\x1b", "\u202e"} & set(done.stdout)


SHELL = r"""title: A Shell Starts
logsource: {category: process_creation, product: windows}
detection:
  selection: {CommandLine|contains: shell}
  condition: selection
"""
YAML_TESTS = """hit:
  - name: a shell
    data: {CommandLine: a shell}
  - event:
      winlog: {channel: Security, event_id: 4688, event_data: {CommandLine: shell}}
      event: {code: 4688}
miss:
  - name: another program
    data: {CommandLine: notepad}
"""
LINE_TESTS = """{"expect": "hit", "name": "a shell", "data": {"CommandLine": "a shell"}}

{"expect": "miss", "name": "another program", "data": {"CommandLine": "notepad"}}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """Return a rule with tests in both forms."""
    (tmp_path / "shell.yml").write_text(SHELL, encoding="utf-8")
    (tmp_path / "shell.test.yml").write_text(YAML_TESTS, encoding="utf-8")
    (tmp_path / "shell.test.ndjson").write_text(LINE_TESTS, encoding="utf-8")
    (tmp_path / "single.test.yaml").write_text("hit:\n  - data: {CommandLine: a shell}\n", encoding="utf-8")
    return tmp_path / "shell.yml"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        *(("shell.test.yml:2", 0), ("shell.test.yml:3", 0), ("shell.test.yml:4", 0), ("shell.test.yml:6", 0)),
        *(("shell.test.yml:8", 1), ("shell.test.yml:9", 1), ("shell.test.ndjson:1", 0), ("shell.test.ndjson:3", 1)),
        ("single.test.yaml", 0),
    ],
)
def test_the_test_in_a_line_is_explained(shell: Path, reference: str, code: int) -> None:
    done = call("explain", str(shell), "-e", str(shell.with_name(reference)))
    assert (done.returncode, done.stderr) == (code, "")
    assert "✓ log source: channel" in done.stdout


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("shell.test.yml", "has several tests; name one by its line: "),
        ("shell.test.yml:1", "has no test in line 1; take one of "),
        ("shell.test.yml:10", "has no test in line 10; take one of "),
        ("shell.test.ndjson:2", "has no test in line 2; take one of "),
    ],
)
def test_the_tests_of_a_file_are_listed_where_none_is_meant(shell: Path, reference: str, message: str) -> None:
    done = call("explain", str(shell), "-e", str(shell.with_name(reference)))
    assert done.returncode == 2
    error = " ".join(done.stderr.split())
    assert message in error
    assert "(a shell)" in error


@pytest.mark.parametrize("line", ["", ":2", ":9"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cases:\n  - events: [{at: 0s, code: 4625}]\n    alerts: []\n",
            "holds cases of correlation rules, and no test of a single event",
        ),
        ("hit:\n  - data: [\n", "YAML cannot be read here"),
    ],
)
def test_a_file_without_a_test_of_a_single_event_is_said_so(shell: Path, text: str, message: str, line: str) -> None:
    other = shell.with_name("other.test.yml")
    other.write_text(text, encoding="utf-8")
    done = call("explain", str(shell), "-e", f"{other}{line}")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_faulty_test_is_reported_with_its_line(shell: Path) -> None:
    faulty = shell.with_name("faulty.test.yml")
    faulty.write_text("hit:\n  - {name: x, dta: {CommandLine: a}}\n", encoding="utf-8")
    done = call("explain", str(shell), "-e", f"{faulty}:2")
    assert done.returncode == 2
    assert "`dta` is not a key of a test" in done.stderr
