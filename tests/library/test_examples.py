"""The programs in examples/ run, and print what they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import Running
from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, RULES, Sandbox, environ, open_sandbox, rule_events

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: object) -> str:
    """Run an example, and return what it prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environ(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(f"{json.dumps(rule_event.event)}\n" for rule_event in rule_events(IIS)), encoding="utf-8")
    return path


@pytest.fixture
def alerted(opensearch: Running, tmp_path: Path) -> Iterator[Sandbox]:
    with open_sandbox(opensearch, tmp_path) as sandbox:
        sandbox.caller = call
        sandbox.template()
        sandbox.feed(rule_events(IIS)[:1])
        sandbox.once()
        yield sandbox


def test_every_example_has_a_test() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested


def test_match_an_event() -> None:
    assert f"[high] {IIS_TITLE}\n" in run("match_an_event", RULES)


def test_match_a_file(events: Path) -> None:
    hits = sum(rule_event.expect == "hit" for rule_event in rule_events(IIS))
    assert f"{hits:>6}  {IIS_TITLE}\n" in run("match_a_file", RULES, events)


def test_explain_a_miss(tmp_path: Path) -> None:
    miss = next(rule_event.event for rule_event in rule_events(IIS) if rule_event.expect == "miss")
    (tmp_path / "event.json").write_text(json.dumps(miss), encoding="utf-8")
    assert run("explain_a_miss", IIS, tmp_path / "event.json") == f"does not match: {IIS_TITLE}\n"


def test_translate_rules(tmp_path: Path) -> None:
    mappings = {
        "dynamic_templates": [{"strings": {"mapping": {"type": "keyword"}}}],
        "properties": {"process": {"properties": {"command_line": {"type": "wildcard"}}}},
    }
    (tmp_path / "template.json").write_text(json.dumps({"template": {"mappings": mappings}}), encoding="utf-8")
    (line,) = map(json.loads, run("translate_rules", IIS, tmp_path / "template.json").splitlines())
    assert line["title"] == IIS_TITLE
    assert "process.command_line" in json.dumps(line["query"])


def test_list_alerts(alerted: Sandbox) -> None:
    (line,) = run("list_alerts", alerted.settings()).splitlines()
    assert line.endswith(f"high           {IIS_TITLE}")
