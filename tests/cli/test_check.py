"""`watcher check` and `watcher explain`, as a user calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events

from watcher.ports import StateQuery

DUPLICATE = "`CommandLine|contains` appears twice in `selection` (lines 29 and 32)"


def test_check_reports_the_duplicate_key_with_file_and_lines_as_a_warning() -> None:
    done = call("check", str(IIS))
    assert done.returncode == 0
    assert f"{IIS}:32:5: warning: {DUPLICATE}" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 rule read; 1 warning")


def test_check_as_json_reports_the_same() -> None:
    done = call("check", "--json", str(IIS))
    report = json.loads(done.stdout)
    assert (done.returncode, report["rules"], report["cluster"]) == (0, 1, [])
    (finding,) = [finding for finding in report["findings"] if finding["code"] == "duplicate-key"]
    assert finding["severity"] == "warning"
    assert (finding["location"]["file"], finding["location"]["line"]) == (str(IIS), 32)
    assert DUPLICATE in finding["message"]


def test_check_reads_the_shipped_rules_by_default(tmp_path: Path) -> None:
    settings = tmp_path / "watcher.yml"
    settings.write_text("", encoding="utf-8")
    done = call("check", "--settings", str(settings))
    assert done.returncode == 0
    assert int(done.stdout.splitlines()[-1].split()[0]) >= 11


def test_check_exits_with_1_where_a_rule_is_faulty_and_reads_the_others(tmp_path: Path) -> None:
    (tmp_path / "faulty.yml").write_text("title: [\n", encoding="utf-8")
    (tmp_path / "fine.yml").write_text(IIS.read_text(encoding="utf-8"), encoding="utf-8")
    done = call("check", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path / 'faulty.yml'}:" in done.stdout
    assert ": error: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 rule read; 1 error")


def test_check_exits_with_1_where_a_path_does_not_exist(tmp_path: Path) -> None:
    done = call("check", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "does not exist" in done.stdout


def test_a_file_inside_a_rules_folder_keeps_the_id_that_it_has_there(sandbox: Sandbox) -> None:
    sandbox.changes["rules"] = {"folders": [{"name": "mine", "path": str(IIS.parent.parent)}]}
    complete = json.loads(sandbox.call("check", "--json").stdout)
    alone = json.loads(sandbox.call("check", "--json", str(IIS)).stdout)
    (fix,) = [finding["fix"] for finding in alone["findings"] if finding["code"] == "missing-id"]
    assert fix in [finding["fix"] for finding in complete["findings"]]


def test_check_live_names_the_index_and_the_templates_that_are_missing(sandbox: Sandbox) -> None:
    done = sandbox.call("check", "--live")
    assert done.returncode == 1
    assert f"cluster: no index matches `winlogbeat-{sandbox.name}-*`" in done.stdout
    sandbox.feed(rule_events(IIS)[:1])
    done = sandbox.call("check", "--live")
    assert done.returncode == 0  # a fresh cluster: `run` does what is missing
    assert "are not installed yet; `watcher run` installs them" in done.stdout
    assert f"`{sandbox.prefix}-alerts`" in done.stdout
    assert sandbox.call("setup").returncode == 0
    done = sandbox.call("check", "--live")
    assert "cluster:" not in done.stdout
    assert done.returncode == 0


LINUX = """\
title: A Reverse Shell
id: 0f4b5a6e-8c57-4b3f-9a7e-4f6c8d1e2a3b
status: test
level: high
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|contains: 'nc -e'
  condition: selection
"""


def test_check_live_judges_a_rule_by_the_sources_that_hold_its_log_source(sandbox: Sandbox) -> None:
    linux = f"winlogbeat-{sandbox.name}-linux"
    sandbox.template()
    sandbox.feed(rule_events(IIS)[:1])
    event = {
        "@timestamp": "2026-11-01T00:00:00.000Z",
        "process": {"command_line": "nc -e /bin/sh"},
        "host": {"name": "lnx1"},
    }
    sandbox.feed([replace(rule_events(IIS)[0], id="linux-1", event=event)], index=linux)
    rule = sandbox.folder / "lnx_reverse_shell.yml"
    rule.write_text(LINUX, encoding="utf-8")
    windows = {"name": "windows", "index": sandbox.index}
    sandbox.changes["sources"] = [windows, {"name": "linux", "index": linux}]

    def dead() -> list[str]:
        report = json.loads(sandbox.call("check", "--live", "--json", str(IIS), str(rule)).stdout)
        codes = {"silent-logsource", "inert"}
        return [finding["message"] for finding in report["findings"] if finding["code"] in codes]

    assert dead() == []
    sandbox.changes["sources"] = [windows]
    (message,) = dead()
    assert "`A Reverse Shell` cannot fire" in message


# --------------------------------------------------------------------------- explain


def test_explain_shows_the_query_as_the_cluster_gets_it(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS))
    done = sandbox.call("explain", IIS_TITLE, "--json")
    assert done.returncode == 0, done.stderr
    (plan,) = json.loads(done.stdout)
    assert plan["rule"]["title"] == IIS_TITLE
    assert "query_string" not in done.stdout
    assert '"case_insensitive": true' in done.stdout
    documents = sandbox.admin.state().search(StateQuery(index=sandbox.index, query=plan["query"], size=100))
    assert {document.id for document in documents} >= {
        rule_event.id for rule_event in rule_events(IIS) if rule_event.expect == "hit"
    }
    if plan["exact"]:
        assert {document.id for document in documents} == {
            rule_event.id for rule_event in rule_events(IIS) if rule_event.expect == "hit"
        }


def test_explain_shows_the_fields_with_their_mapping_and_the_settings_that_apply(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS))
    done = sandbox.call("explain", str(IIS))
    assert done.returncode == 0, done.stderr
    assert IIS_TITLE in done.stdout
    assert "process.command_line" in done.stdout
    assert "keyword (ignore_above 1024)" in done.stdout
    assert "host.name" in done.stdout
    assert "the default" in done.stdout
    assert "exact: " in done.stdout or "an upper bound: " in done.stdout
    assert DUPLICATE in done.stdout
    assert "query_string" not in done.stdout


def test_explain_finds_a_rule_by_a_part_of_its_title_and_lists_the_candidates_where_there_are_several(
    sandbox: Sandbox,
) -> None:
    assert sandbox.call("explain", "iis module inst").returncode == 0
    done = sandbox.call("explain", "s")
    assert done.returncode == 2
    assert "`s` names several rules; take one of `" in done.stderr
    done = sandbox.call("explain", "no such rule")
    assert done.returncode == 2
    assert "names no rule; give a file, an id, a title or a path" in done.stderr
