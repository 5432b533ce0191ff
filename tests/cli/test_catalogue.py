"""`watcher catalogue` and `watcher attack`, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from in_process import call
from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events


def settings(folder: Path) -> Path:
    """Write settings that say nothing: the shipped rules."""
    file = folder / "watcher.yml"
    file.write_text("", encoding="utf-8")
    return file


def test_the_shipped_rules_become_a_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = call("catalogue", str(site), "--settings", str(settings(tmp_path)))
    assert done.returncode == 0, done.stderr
    told = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    assert done.stdout.startswith(f"{len(told['rules'])} rules: ")
    assert f"open {site}/index.html" in done.stdout
    assert [one["title"] for one in told["rules"] if not all(test["passed"] for test in one["tests"])] == []
    again = call("catalogue", str(site), "--settings", str(settings(tmp_path)))
    assert " files, 0 of them written, 0 removed" in again.stdout


def test_paths_take_the_place_of_the_folders_of_settings(tmp_path: Path) -> None:
    done = call("catalogue", str(tmp_path / "site"), str(IIS), "--settings", str(settings(tmp_path)))
    assert done.stdout.startswith("1 rule: ")


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    done = call("catalogue", str(tmp_path), "--settings", str(settings(tmp_path)))
    assert done.returncode == 2
    assert "holds files that are no catalogue; name a folder that is new, empty, or holds one" in done.stderr


def test_a_table_of_attack_is_made_and_taken(tmp_path: Path) -> None:
    refs = [{"source_name": "mitre-attack", "external_id": "T1505.004"}]
    phases = [{"kill_chain_name": "mitre-attack", "phase_name": "persistence"}]
    technique = {"type": "attack-pattern", "id": "a", "name": "Own Name", "kill_chain_phases": phases}
    bundle = {
        "objects": [
            {"type": "x-mitre-collection", "x_mitre_version": "77.0", "modified": "2031-02-03T00:00:00Z"},
            {"type": "x-mitre-tactic", "id": "t", "name": "Persist", "x_mitre_shortname": "persistence"}
            | {"external_references": [{"source_name": "mitre-attack", "external_id": "TA0003"}]},
            {"type": "x-mitre-matrix", "tactic_refs": ["t"]},
            technique | {"external_references": refs},
        ]
    }
    (tmp_path / "stix.json").write_text(json.dumps(bundle), encoding="utf-8")
    done = call("attack", str(tmp_path / "stix.json"), str(tmp_path / "attack.json"))
    assert (done.returncode, done.stdout) == (0, "ATT&CK 77.0 of 2031-02-03: 1 techniques\n")
    site = tmp_path / "site"
    done = call("catalogue", str(site), str(IIS), "--attack", str(tmp_path / "attack.json"))
    assert done.returncode == 0, done.stderr
    told = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    assert told["attack"] == {"version": "77.0", "as_of": "2031-02-03"}
    assert told["rules"][0]["techniques"] == [{"id": "T1505.004", "name": "Own Name"}]
    done = call("catalogue", str(site), str(IIS), "--attack", str(IIS))
    assert done.returncode == 2
    assert "is neither a table of `watcher attack` nor MITRE's STIX bundle" in done.stderr


def test_live_tells_what_the_cluster_holds(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS))
    assert sandbox.call("setup").returncode == 0
    sandbox.once()
    site = sandbox.folder / "site"
    done = sandbox.call("catalogue", str(site), str(IIS), "--live")
    assert done.returncode == 0, (done.stdout, done.stderr)
    told = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    (rule,) = told["rules"]
    assert (rule["title"], told["live_days"], told["mapping_assumed"]) == (IIS_TITLE, 7, False)
    assert rule["hits"] == sum(case.expect == "hit" for case in rule_events(IIS))
    codes = [case.event["event"]["code"] for case in rule_events(IIS)]
    seen = {one["code"]: one["events"] for one in rule["events"]}
    assert seen == {"1": codes.count("1"), "4688": codes.count("4688")}
    assert all(one["hosts"] >= 1 for one in rule["events"] if one["events"])


def test_live_where_no_index_is_there_says_none(sandbox: Sandbox) -> None:
    site = sandbox.folder / "site"
    done = sandbox.call("catalogue", str(site), str(IIS), "--live")
    assert done.returncode == 0, (done.stdout, done.stderr)
    (rule,) = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))["rules"]
    assert {one["events"] for one in rule["events"]} == {0}
    assert rule["hits"] == 0
