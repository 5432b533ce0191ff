"""`watcher test`, as a rule's author calls it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from support.in_process import call
from support.sandbox import IIS

ROOT = Path(__file__).resolve().parents[2]
RULE = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: ['\cmd.exe', '\pwsh.exe']
  condition: selection
"""
TESTS = r"""hit:
  - {name: cmd, data: {Image: 'C:\cmd.exe'}}
miss:
  - {name: notepad, data: {Image: 'C:\notepad.exe'}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "x.test.yml").write_text(TESTS, encoding="utf-8")
    return tmp_path


def test_the_shipped_rules_pass_their_tests() -> None:
    done = call("test", str(ROOT / "rules"))
    assert done.returncode == 0, done.stdout
    rules = sum(".test." not in path.name for path in (ROOT / "rules").rglob("*.yml"))
    assert done.stdout.startswith(f"{rules} rules, {rules} with tests; ")
    assert " passed, 0 failed; " in done.stdout


def test_a_rule_is_tested_by_its_own_name_or_by_that_of_its_tests(folder: Path) -> None:
    line = "1 rule, 1 with tests; 2 tests: 2 passed, 0 failed; 1 of 2 values tried (50 %)\n"
    for path in (folder, folder / "x.yml", folder / "x.test.yml"):
        done = call("test", str(path))
        assert (done.returncode, done.stdout) == (0, line), path


def test_a_failure_is_explained(folder: Path) -> None:
    (folder / "x.test.yml").write_text(TESTS.replace("C:\\cmd.exe", "C:\\CMD.EXE.txt"), encoding="utf-8")
    done = call("test", str(folder))
    assert done.returncode == 1
    assert f"FAILED {folder / 'x.test.yml'}:2:5 cmd" in done.stdout
    assert "the rule does not match the event, and should" in done.stdout
    assert "✗ ends with `\\cmd.exe`" in done.stdout
    assert "would match with the modifier `contains`: a part of the event's value fits" in done.stdout
    assert "2 tests: 1 passed, 1 failed" in done.stdout


def test_untested_values_are_listed_and_can_fail_the_run(folder: Path) -> None:
    done = call("test", str(folder), "--coverage")
    assert "  selection: Image: no event of a test matches 1 of 2 values: ends with `\\pwsh.exe`" in done.stdout
    assert call("test", str(folder), "--fail-under", "50").returncode == 0
    assert call("test", str(folder), "--fail-under", "51").returncode == 1


def test_a_broken_test_fails_and_stops_no_other(folder: Path) -> None:
    (folder / "x.test.yml").write_text(f"{TESTS}  - {{nam: x}}\n", encoding="utf-8")
    done = call("test", str(folder))
    assert done.returncode == 1
    assert "`nam` is not a key of a test" in done.stdout
    assert "2 tests: 2 passed, 0 failed, 1 cannot be read" in done.stdout


def test_a_broken_rule_fails_and_stops_no_other(folder: Path) -> None:
    (folder / "y.yml").write_text("title: [\n", encoding="utf-8")
    done = call("test", str(folder))
    assert done.returncode == 1
    assert f"{folder / 'y.yml'}:" in done.stdout
    assert "2 tests: 2 passed, 0 failed, 1 cannot be read" in done.stdout


def test_json_and_junit_report_the_same(folder: Path) -> None:
    (folder / "x.test.yml").write_text(TESTS.replace("cmd.exe", "other.exe"), encoding="utf-8")
    (folder / "z.yml").write_text(RULE.replace("7f6f", "8f6f").replace("A Shell", "Another Shell"), encoding="utf-8")
    done = call("test", str(folder), "--json", "--junit", str(folder / "report.xml"))
    report = json.loads(done.stdout)
    assert (done.returncode, report["rules"], report["tested"]) == (1, 2, 1)
    assert [(result["name"], result["expect"], result["passed"]) for result in report["tests"]] == [
        ("cmd", "hit", False),
        ("notepad", "miss", True),
    ]
    assert report["tests"][0]["explanation"]["matches"] is False
    assert [rule["title"] for rule in report["untested"]] == ["Another Shell Starts"]
    assert (report["coverage"]["tried"], report["coverage"]["values"]) == (0, 2)
    junit = ET.fromstring((folder / "report.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own text
    assert (junit.get("tests"), junit.get("failures")) == ("2", "1")


def test_the_query_is_run_on_an_engine_with_cluster(folder: Path) -> None:
    """An OpenSearch of its own is started; the shipped rules' tests on engines are in tests/ruletests."""
    (folder / IIS.name).write_bytes(IIS.read_bytes())
    beside = IIS.with_suffix(".test.ndjson")
    (folder / beside.name).write_bytes(beside.read_bytes())
    done = call("test", str(folder), "--cluster")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 rules, 2 with tests; ")
    assert "starting OpenSearch" in done.stderr
