"""ATT&CK's names: the shipped table, MITRE's own data, layers for the Navigator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from catalogue_fixture import sample_catalogue

from watcher.attack.attack_table import NOTICE, from_stix, read_table, shipped_table, write_table
from watcher.catalogue.catalogue import LiveData
from watcher.catalogue.navigator_layers import layers
from watcher.catalogue.overviews import matrix, unknown_techniques
from watcher.errors import InputError


def test_the_shipped_table_is_complete() -> None:
    attack = shipped_table()
    shorts = {tactic.short for tactic in attack.tactics}
    assert len(attack.tactics) == 15
    assert len(attack.techniques) > 650
    assert all(set(technique.tactics) <= shorts and technique.tactics for technique in attack.techniques.values())
    assert all(technique.parent in attack.techniques for technique in attack.techniques.values() if technique.parent)
    assert set(attack.moved.values()) <= set(attack.techniques)
    assert not set(attack.moved) & set(attack.techniques)
    assert attack.techniques["T1505.004"].url == "https://attack.mitre.org/techniques/T1505/004/"


def test_the_shipped_table_has_mitres_notice_and_round_trips(tmp_path: Path) -> None:
    attack = shipped_table()
    text = write_table(attack)
    assert json.loads(text)["notice"] == NOTICE
    (tmp_path / "attack.json").write_text(text, encoding="utf-8")
    assert read_table(tmp_path / "attack.json") == attack


def pattern(name: str, title: str, **more: Any) -> dict[str, Any]:
    phases = [{"kill_chain_name": "mitre-attack", "phase_name": "cooking"}]
    refs = [{"source_name": "mitre-attack", "external_id": name}]
    return {"type": "attack-pattern", "id": name, "name": title, "kill_chain_phases": phases} | {
        "external_references": refs,
        **more,
    }


BUNDLE = {
    "type": "bundle",
    "objects": [
        {"type": "x-mitre-collection", "x_mitre_version": "99.1", "modified": "2030-01-02T03:04:05Z"},
        {
            "type": "x-mitre-tactic",
            "id": "tactic",
            "name": "Cooking",
            "x_mitre_shortname": "cooking",
            "external_references": [{"source_name": "mitre-attack", "external_id": "TA9000"}],
        },
        {"type": "x-mitre-matrix", "tactic_refs": ["tactic", "gone"]},
        pattern("T9002", "Stir"),
        pattern("T9001", "Boil"),
        pattern("T9003", "Heat", revoked=True),
        pattern("T9004", "Warm", revoked=True),
        pattern("T9005", "Chill", x_mitre_deprecated=True),
        {"type": "relationship", "relationship_type": "revoked-by", "source_ref": "T9003", "target_ref": "T9004"},
        {"type": "relationship", "relationship_type": "revoked-by", "source_ref": "T9004", "target_ref": "T9001"},
        {"type": "relationship", "relationship_type": "uses", "source_ref": "T9002", "target_ref": "T9001"},
    ],
}


def test_a_stix_bundle_becomes_a_table_that_resolves_revoked_ids() -> None:
    attack = from_stix(BUNDLE)
    assert (attack.version, attack.as_of) == ("99.1", "2030-01-02")
    assert [technique.name for technique in attack.techniques.values()] == ["Boil", "Stir"]
    assert attack.moved == {"T9003": "T9001", "T9004": "T9001"}
    assert [tactic.id for tactic in attack.tactics] == ["TA9000"]
    assert attack.retired["defense-evasion"].name == "Defense Evasion"


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"objects": []}'])
def test_other_files_are_rejected_with_a_fix(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        InputError, match=r"odd\.json:1:1: the ATT&CK data is neither .*; use `enterprise-attack\.json`"
    ):
        read_table(tmp_path / "odd.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "gone.json")


def test_the_matrix_counts_each_rule_once_for_a_technique_and_its_parts() -> None:
    columns = {item.tactic.short: item for item in matrix(sample_catalogue())}
    cells = {cell.technique.id: cell for cell in columns["persistence"].cells}
    assert cells["T1505"].levels == (0, 1, 0, 0, 0)
    assert {part.technique.id: part.rules for part in cells["T1505"].parts}["T1505.004"] == 1
    # T1562.001 is T1685 today, and another tactic's
    (moved,) = [cell for cell in columns["defense-impairment"].cells if cell.technique.id == "T1685"]
    assert moved.rules == 1
    assert [name for name, _ in unknown_techniques(sample_catalogue())] == ["T9999"]


def test_layers_are_in_the_navigators_format_4_5() -> None:
    live = LiveData(days=7, volumes=(), hits={"0b9f1c56-0a3e-4f39-9d2c-6c2b9f6d4a02": 12})
    by_name = {name: json.loads(text) for name, text in layers(sample_catalogue(live=live))}
    assert set(by_name) == {
        *("all.json", "level-critical.json", "level-high.json", "level-low.json"),
        *("corpus-blue.json", "corpus-green.json", "hits.json"),
    }
    for layer in by_name.values():
        assert layer["versions"]["layer"] == "4.5"
        assert layer["domain"] == "enterprise-attack"
        assert len(layer["gradient"]["colors"]) == 2
        assert layer["gradient"]["minValue"] < layer["gradient"]["maxValue"]
    scores = {item["techniqueID"]: item["score"] for item in by_name["all.json"]["techniques"]}
    assert scores == {"T1059.001": 1, "T1505.004": 1, "T1685": 1}
    assert [(item["techniqueID"], item["score"]) for item in by_name["hits.json"]["techniques"]] == [("T1059.001", 12)]
