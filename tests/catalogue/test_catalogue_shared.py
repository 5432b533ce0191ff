"""Real rules: the source of each selection, and a site of all of them."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from watcher.catalogue.highlight import yaml_numbered
from watcher.catalogue.selection_stages import stages
from watcher.model import Rule
from watcher.sigma.rule_folders import read_folder


@pytest.fixture(scope="module")
def rules(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rule, ...]:
    folder = tmp_path_factory.mktemp("rules")
    with tarfile.open(shared_data / "rules.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    shared_list = read_folder("shared", folder).rules
    assert len(shared_list) > 2_000
    return shared_list


def test_each_stage_has_the_source_of_its_selection(rules: tuple[Rule, ...]) -> None:
    shown = [(rule, stage) for rule in rules for stage in stages(rule)]
    assert len(shown) > 4_000
    odd = [
        f"{rule.path}: {stage.name}"
        for rule, stage in shown
        if not re.match(rf"['\"]?{re.escape(stage.name)}['\"]?\s*:", stage.text)
    ]
    assert odd == []


def test_highlighting_keeps_every_line(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        text = rule.text.rstrip("\n")
        assert str(yaml_numbered(text, 1)).count('<span class="l"') == len(text.replace("\r\n", "\n").split("\n"))
