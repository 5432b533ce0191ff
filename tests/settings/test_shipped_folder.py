"""The shipped rules beside folders of one's own: `shipped` in `rules.folders`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fakes import RULE

from watcher.errors import SettingsError
from watcher.settings import Settings, read_file
from watcher.shipped import SHIPPED_FOLDER, shipped
from watcher.usecases.loading import load_rules


def settings(folder: Path, folders: str) -> Settings:
    """Return settings with some folders, of which `own` has a rule."""
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / "a.yml").write_text(RULE, encoding="utf-8")
    file = folder / "watcher.yml"
    file.write_text(f"rules: {{folders: {folders}}}\n", encoding="utf-8")
    return read_file(file, {})


def folders_of_rules(chosen: Settings) -> dict[str, str]:
    """Return the folder of each rule by its id."""
    return {rule.id: rule.folder for rule in load_rules(chosen).rules}


@pytest.mark.parametrize("folders", ["[own, shipped]", "[shipped, {name: own, path: own}]", "[own, {path: shipped}]"])
def test_shipped_rules_stand_beside_own_ones_with_the_ids_of_the_default(tmp_path: Path, folders: str) -> None:
    default = folders_of_rules(Settings())
    assert set(default.values()) == {SHIPPED_FOLDER}
    both = folders_of_rules(settings(tmp_path, folders))
    assert both == {**default, "7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77": "own"}


def test_they_may_have_another_name(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "[own, {name: base, path: shipped, corpus: watcher's}]")
    assert [(folder.name, folder.path, folder.corpus) for folder in chosen.rules.folders] == [
        ("own", tmp_path / "own", ""),
        ("base", shipped("rules"), "watcher's"),
    ]


def test_a_selector_names_them_by_the_name_of_the_default(tmp_path: Path) -> None:
    file = tmp_path / "watcher.yml"
    file.write_text("rules: {folders: shipped, select: {folder: watcher, set: {enabled: off}}}\n", encoding="utf-8")
    assert [selector.folder for selector in read_file(file, {}).rules.select] == [("watcher",)]


def test_without_the_word_own_folders_replace_them(tmp_path: Path) -> None:
    assert set(folders_of_rules(settings(tmp_path, "[own]")).values()) == {"own"}


def test_a_folder_of_that_name_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, "[own, shipped]")
    assert "`shipped` means the rules that come with watcher, but" in str(caught.value)
    assert "write `./shipped` for this folder, or rename it" in str(caught.value)
    chosen = settings(tmp_path, "[own, ./shipped]")
    assert [folder.path for folder in chosen.rules.folders] == [tmp_path / "own", tmp_path / "shipped"]


def test_the_shipped_rules_are_named_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`watcher`"):
        settings(tmp_path, "[shipped, shipped]")
