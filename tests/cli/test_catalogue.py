"""`watcher catalogue` and `watcher attack`, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events


def settings(folder: Path) -> Path:
    """Write empty settings, which mean the shipped rules."""
    file = folder / "watcher.yml"
    file.write_text("", encoding="utf-8")
    return file


def test_the_shipped_rules_are_written_as_a_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = call("catalogue", str(site), "--settings", str(settings(tmp_path)))
    assert done.returncode == 0, done.stderr
    catalogue = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    assert done.stdout.startswith(f"{len(catalogue['rules'])} rules: ")
    assert f"open {site}/index.html" in done.stdout
    assert [rule["title"] for rule in catalogue["rules"] if not all(test["passed"] for test in rule["tests"])] == []
    again = call("catalogue", str(site), "--settings", str(settings(tmp_path)))
    assert " files, 0 of them written, 0 removed" in again.stdout


def test_paths_replace_the_folders_of_settings(tmp_path: Path) -> None:
    done = call("catalogue", str(tmp_path / "site"), str(IIS), "--settings", str(settings(tmp_path)))
    assert done.stdout.startswith("1 rule: ")


def test_every_file_of_a_site_has_a_name_that_file_systems_take(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    ids = ("con", "LPT1", "A" * 300, "con1")
    for number, rule_id in enumerate(ids):
        field = "F" * (300 + number % 2)  # an indicator has a page where several rules share it
        text = (
            f"title: Rule {number}\nid: {rule_id}\nlogsource: {{product: windows}}\nlevel: high\n"
            f"detection: {{selection: {{{field}: value}}, condition: selection}}\n"
        )
        (rules / f"{number}.yml").write_text(text, encoding="utf-8")
    done = call("catalogue", str(tmp_path / "site"), str(rules), "--settings", str(settings(tmp_path)))
    assert (done.returncode, done.stdout.startswith("4 rules: ")) == (0, True), done.stderr
    names = [file.stem for file in (tmp_path / "site").rglob("*")]
    assert len([name for name in names if name.startswith("ffff")]) == 2
    assert max(map(len, names)) < 120
    assert {"con", "lpt1"}.isdisjoint(name.lower() for name in names)


def test_paths_without_a_rule_are_refused(tmp_path: Path) -> None:
    site, missing = tmp_path / "site", tmp_path / "rulez"
    done = call("catalogue", str(site), str(missing), "--settings", str(settings(tmp_path)))
    assert done.returncode == 2
    reason = "the rules folder `rulez` does not exist; name a rule file, or a folder of rules"
    assert f"{missing}:1:1: {reason}" in done.stderr
    assert not site.exists()


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    done = call("catalogue", str(tmp_path), "--settings", str(settings(tmp_path)))
    assert done.returncode == 2
    assert (
        "the folder contains files that are not a catalogue; name a folder that is new, empty, or contains a catalogue"
        in done.stderr
    )


def test_a_table_of_attack_is_written_and_read(tmp_path: Path) -> None:
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
    catalogue = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    assert catalogue["attack"] == {"version": "77.0", "as_of": "2031-02-03"}
    assert catalogue["rules"][0]["techniques"] == [{"id": "T1505.004", "name": "Own Name"}]
    done = call("catalogue", str(site), str(IIS), "--attack", str(IIS))
    assert done.returncode == 2
    assert "is neither a table of `watcher attack` nor MITRE's STIX bundle" in done.stderr


def test_live_shows_what_the_cluster_holds(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS))
    assert sandbox.call("setup").returncode == 0
    sandbox.once()
    assert sandbox.documents("hits")  # visible to searches from here on
    site = sandbox.folder / "site"
    done = sandbox.call("catalogue", str(site), str(IIS), "--live")
    assert done.returncode == 0, (done.stdout, done.stderr)
    catalogue = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))
    (rule,) = catalogue["rules"]
    assert (rule["title"], catalogue["live_days"], catalogue["mapping_assumed"]) == (IIS_TITLE, 7, False)
    assert rule["hits"] == sum(rule_event.expect == "hit" for rule_event in rule_events(IIS))
    codes = [rule_event.event["event"]["code"] for rule_event in rule_events(IIS)]
    counts = {need["code"]: need["events"] for need in rule["events"]}
    assert counts == {"1": codes.count("1"), "4688": codes.count("4688")}
    assert all(need["hosts"] >= 1 for need in rule["events"] if need["events"])


def test_live_without_an_index_shows_no_events(sandbox: Sandbox) -> None:
    site = sandbox.folder / "site"
    done = sandbox.call("catalogue", str(site), str(IIS), "--live")
    assert done.returncode == 0, (done.stdout, done.stderr)
    (rule,) = json.loads((site / "catalogue.json").read_text(encoding="utf-8"))["rules"]
    assert {need["events"] for need in rule["events"]} == {0}
    assert rule["hits"] == 0
