"""`import watcher`: what it offers is documented, loads on use, and does what the command line does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import watcher
from watcher.app import App

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
RULE = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
level: high
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|contains: '\cmd.exe'}, condition: selection}
"""
EVENT = {
    "winlog": {"channel": "Security", "event_data": {"CommandLine": "C:\\cmd.exe /c dir"}},
    "event": {"code": "4688"},
}
MAPPINGS = {
    "properties": {
        "winlog": {
            "properties": {
                "channel": {"type": "keyword"},
                "event_id": {"type": "keyword"},
                "event_data": {"properties": {"CommandLine": {"type": "wildcard"}}},
            }
        },
        "event": {"properties": {"code": {"type": "keyword"}}},
    }
}


@pytest.fixture
def rules(tmp_path: Path) -> watcher.Rules:
    (tmp_path / "shell.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "faulty.yml").write_text("title: [\n", encoding="utf-8")
    return watcher.load_rules(tmp_path)


def documented(section: str) -> list[str]:
    """Return the names of the table of a section of the page."""
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (body,) = [part for part in text if part.startswith(f"{section}\n")]
    return re.findall(r"^\| `(\w+)", body, re.MULTILINE)


def test_the_page_names_every_exported_member() -> None:
    names = [*documented("Functions"), *documented("Types"), *documented("Errors")]
    assert sorted(names) == sorted(watcher.__all__)


def test_the_page_names_every_method_of_an_app() -> None:
    methods = {name for name in vars(App) if not name.startswith("_") and callable(getattr(App, name))}
    assert set(documented("App")) == methods


@pytest.mark.parametrize("name", watcher.__all__)
def test_every_exported_member_is_there_and_says_what_it_is(name: str) -> None:
    assert name in dir(watcher)
    assert re.match(r"[A-Z`].+\.", (getattr(watcher, name).__doc__ or "").splitlines()[0])


def test_a_name_that_is_not_exported_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module `watcher` has no attribute `nothing`"):
        watcher.nothing  # noqa: B018 - the access is what is tested


def test_rules_match_an_event_and_report_faulty_files(rules: watcher.Rules) -> None:
    assert [rule.title for rule in rules.match(EVENT)] == ["A Shell Starts"]
    assert rules.match({**EVENT, "event": {"code": "4689"}}) == ()
    assert len(rules) == 1
    assert [finding.code for finding in rules.findings if finding.severity == "error"] == ["yaml-syntax"]


def test_rules_at_a_path_that_does_not_exist_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(watcher.InputError, match=r"`.*rulez` does not exist; name a rule file, or a folder of rules"):
        watcher.load_rules(tmp_path / "rulez")


def test_a_file_yields_the_events_that_match(rules: watcher.Rules, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(f"{json.dumps({'event': {'code': '1'}})}\n{json.dumps(EVENT)}\n", encoding="utf-8")
    matched = [
        (item.file_event.number, [rule.title for rule in item.rules]) for item in watcher.match_file(rules, path)
    ]
    assert matched == [(2, ["A Shell Starts"])]


def test_a_file_that_cannot_be_read_is_an_error(rules: watcher.Rules, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("{broken\n", encoding="utf-8")
    with pytest.raises(watcher.InputError, match="neither JSON lines nor JSON"):
        list(watcher.match_file(rules, path))


def test_an_explanation_has_the_outcome_of_each_part(rules: watcher.Rules) -> None:
    (rule,) = rules
    assert watcher.explain(rule, EVENT).holds
    other = watcher.explain(rule, {**EVENT, "winlog": {"channel": "System"}})
    assert (other.holds, other.fits) == (False, False)


@pytest.mark.parametrize("document", [MAPPINGS, {"mappings": MAPPINGS}, {"template": {"mappings": MAPPINGS}}])
def test_a_rule_is_translated_for_a_mapping(rules: watcher.Rules, document: dict[str, object]) -> None:
    (rule,) = rules
    plan = watcher.translate_rule(rule, document)
    (field,) = plan.fields
    assert (field.paths, field.types) == (("winlog.event_data.CommandLine",), ("wildcard",))
    pattern = {"value": "*\\\\cmd.exe*", "case_insensitive": True}
    assert {"wildcard": {"winlog.event_data.CommandLine": pattern}} in plan.query["bool"]["filter"]


def test_a_document_without_a_mapping_is_an_error(rules: watcher.Rules) -> None:
    (rule,) = rules
    with pytest.raises(watcher.InputError, match="holds no mapping; give an index template"):
        watcher.translate_rule(rule, {"settings": {}})


def test_a_field_without_a_definition_is_an_error(rules: watcher.Rules) -> None:
    (rule,) = rules
    with pytest.raises(watcher.InputError, match=r"the mapping of `winlog\.channel` is not an object"):
        watcher.translate_rule(rule, {"properties": {"winlog": {"properties": {"channel": "keyword"}}}})


def test_settings_that_are_faulty_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "watcher.yml").write_text("clustre: {}\n", encoding="utf-8")
    with pytest.raises(watcher.SettingsError, match="clustre"):
        watcher.open(tmp_path / "watcher.yml")


def test_the_module_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watcher", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert re.fullmatch(r"sigma-watcher \d+\.\d+\.\d+\n", done.stdout)
