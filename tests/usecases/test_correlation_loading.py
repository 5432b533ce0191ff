"""Correlations of some paths of a rules folder, with the base rules that they have elsewhere in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from watcher.errors import InputError
from watcher.settings import Folder, Settings
from watcher.usecases.loading import every_rule, load_rules
from watcher.usecases.named_rules import find_rule

BASE = """\
title: Base NAME
id: 0000000N-0000-4000-8000-000000000000
name: NAME
level: low
logsource: {product: windows}
detection: {s: {F: a}, condition: s}
"""
MANY = """\
title: Many
id: 00000009-0000-4000-8000-000000000000
level: high
correlation: {type: event_count, rules: [a], group-by: [User], timespan: 5m, condition: {gte: 3}}
"""
FAULTY = MANY.replace("[a]", "[nowhere]").replace("00000009", "00000008")


def titles(rules: Path, *paths: str) -> tuple[list[str], list[str], list[str], int]:
    """Return rules, correlations, the rules that are run with them, and the number of findings."""
    folder = Folder(name="mine", path=rules)
    settings = replace(Settings(), rules=replace(Settings().rules, folders=(folder,)))
    loaded = load_rules(settings, tuple(rules / path for path in paths))
    return (
        [rule.title for rule in loaded.rules],
        [rule.title for rule in loaded.correlations.rules],
        [rule.title for rule in every_rule(loaded).rules],
        len(loaded.correlations.findings),
    )


def test_correlations_of_a_path_find_their_base_rules_elsewhere_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in (
        ("a.yml", BASE.replace("NAME", "a").replace("N-", "1-")),
        ("b.yml", BASE.replace("NAME", "b").replace("N-", "2-")),
        ("sub/many.yml", MANY),
        ("sub/faulty.yml", FAULTY),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert titles(tmp_path) == (["Base a", "Base b"], ["Many"], ["Base a", "Base b"], 1)
    assert titles(tmp_path, "sub/many.yml") == (["Base a"], ["Many"], ["Base a"], 0)
    assert titles(tmp_path, "sub") == (["Base a"], ["Many"], ["Base a"], 1)
    assert titles(tmp_path, "b.yml") == (["Base b"], [], ["Base b"], 0)


def test_a_correlation_rule_is_not_taken_for_its_base_rule(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(BASE.replace("NAME", "a").replace("N-", "1-"), encoding="utf-8")
    many = tmp_path / "many.yml"
    many.write_text(MANY, encoding="utf-8")
    folder = Folder(name="mine", path=tmp_path)
    settings = replace(Settings(), rules=replace(Settings().rules, folders=(folder,)))
    assert find_rule("Base a", settings).title == "Base a"
    for name in ("Many", str(many)):
        with pytest.raises(InputError, match="`Many` is a correlation rule, which has no query of its own") as fault:
            find_rule(name, settings)
        assert "name a base rule (`Base a`)" in str(fault.value)
