"""`watcher match`: hunting through files, as a responder calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.evtx_file import data, event, write
from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, RULES, rule_events

SHELL = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
level: high
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: '\cmd.exe'}, condition: selection}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shell.yml").write_text(SHELL, encoding="utf-8")
    (tmp_path / "logs").mkdir()
    write(
        tmp_path / "logs" / "sysmon.evtx",
        [event(data("Image", f"C:\\{name}.exe"), number=number) for number, name in enumerate(("cmd", "x", "cmd"), 1)],
    )
    return tmp_path


def test_event_logs_are_matched_and_shown(folder: Path) -> None:
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"), COLUMNS="160")
    assert done.returncode == 0, done.stderr
    assert "│ high  │    2 │ A Shell Starts │ 2026-11-23 11:59:30 │ WEB01.corp.example │" in done.stdout
    assert f"{folder / 'logs' / 'sysmon.evtx'}:3" in done.stdout
    assert done.stdout.strip().endswith("2 hits of 1 rule in 3 events; 1 rule, 1 file")


def test_json_is_one_line_per_hit(folder: Path) -> None:
    log = folder / "logs" / "sysmon.evtx"
    done = call("match", str(folder / "rules" / "shell.yml"), "--json", "--events", str(log))
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["rule"] == {
        "id": "7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77",
        "title": "A Shell Starts",
        "level": "high",
        "path": "shell.yml",
    }
    assert (first["file"], first["number"], second["number"]) == (str(log), 1, 3)
    assert (first["@timestamp"], first["host"]) == ("2026-11-23T11:59:30.123Z", "WEB01.corp.example")
    assert first["event"]["winlog"]["event_data"] == {"Image": "C:\\cmd.exe"}


def test_the_shipped_rules_match_what_their_tests_expect(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(f"{json.dumps(case.event)}\n" for case in rule_events(IIS)), encoding="utf-8")
    done = call("match", str(RULES), "--json", "--events", str(path))
    hits = {hit["number"] for hit in map(json.loads, done.stdout.splitlines()) if hit["rule"]["title"] == IIS_TITLE}
    assert hits == {number for number, rule_event in enumerate(rule_events(IIS), start=1) if rule_event.expect == "hit"}


def test_a_shell_wildcard_may_name_several_files(folder: Path) -> None:
    more = write(folder / "logs" / "b.evtx", [event(data("Image", "C:\\cmd.exe"))])
    first = folder / "logs" / "sysmon.evtx"
    done = call("match", str(folder / "rules"), "--json", "--events", str(more), str(first))
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [str(more), str(first), str(first)]


def test_hits_beyond_the_limit_are_counted(folder: Path) -> None:
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"), "--limit", "1")
    assert "1 more hits: --limit shows more, --json writes all" in done.stdout
    assert "2 hits of 1 rule" in done.stdout


def test_only_rules_of_a_level_are_matched(folder: Path) -> None:
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"), "--level", "critical")
    assert done.returncode == 2
    assert "holds no rule of level critical or higher; name a rule file, or a folder of rules" in done.stderr


def test_unreadable_files_are_reported_and_the_others_are_matched(folder: Path) -> None:
    (folder / "logs" / "a.evtx").write_bytes(b"nothing")
    (folder / "logs" / "c.ndjson").write_text("{broken\n", encoding="utf-8")
    (folder / "rules" / "broken.yml").write_text("title: [\n", encoding="utf-8")
    (folder / "rules" / "count.yml").write_text(
        SHELL.replace("7f6f", "8f6f").replace("condition: selection", "condition: selection | count() > 5"),
        encoding="utf-8",
    )
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"))
    assert done.returncode == 1
    assert "2 hits of 1 rule in 3 events; 1 rule, 3 files; 2 cannot be read" in done.stdout
    assert "a.evtx:1:1: the event log cannot be read here" in done.stderr
    assert "c.ndjson:1:1: the file is neither JSON lines nor JSON" in done.stderr
    assert "2 rules cannot be read and were left out: `watcher check" in done.stderr


def test_documents_that_are_no_events_are_counted(folder: Path) -> None:
    documents = '{"a": 1}\n{"b": {"c": 2}}\n{"@timestamp": "2026-03-01"}\n'
    (folder / "logs" / "x.ndjson").write_text(documents, encoding="utf-8")
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"))
    assert done.returncode == 1
    assert f"2 documents have no channel; first at line 1 of `{folder / 'logs' / 'x.ndjson'}`" in done.stderr
    assert "2 hits of 1 rule in 6 events" in done.stdout


def test_an_answer_of_a_search_is_matched(folder: Path) -> None:
    winlog = {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": "1", "event_data": {"Image": "\\cmd.exe"}}
    hits = [{"_source": {"@timestamp": "2026-03-01", "winlog": winlog}}] * 2
    (folder / "logs" / "x.json").write_text(json.dumps({"hits": {"hits": hits}}), encoding="utf-8")
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs" / "x.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 hits of 1 rule in 2 events" in done.stdout


def test_files_that_do_not_exist_are_an_error(folder: Path) -> None:
    done = call("match", str(folder / "rules"), "--events", str(folder / "nowhere"))
    assert done.returncode == 2
    assert "does not exist; name a file, or a folder with .evtx" in done.stderr


def test_control_characters_of_events_are_escaped(folder: Path) -> None:
    write(folder / "logs" / "sysmon.evtx", [event(data("Image", "C:\\\u202e[red]\\cmd.exe"))])
    done = call("match", str(folder / "rules"), "--events", str(folder / "logs"), COLUMNS="160")
    assert "[red]\\cmd.exe" in done.stdout
    assert "\u202e" not in done.stdout
    assert "\u202e" not in call("match", str(folder / "rules"), "--json", "--events", str(folder / "logs")).stdout
