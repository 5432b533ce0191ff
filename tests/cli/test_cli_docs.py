"""docs/cli.md is what the commands say of themselves, and the list of commands is theirs too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watcher.cli import COMMANDS, load_command
from watcher.cli.reference_page import with_generated_parts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_generator_writes() -> None:
    assert with_generated_parts(PAGE) == PAGE, "run `python -m watcher.cli.reference_page docs/cli.md`"


def test_the_generator_refuses_a_page_without_a_part_for_a_command() -> None:
    with pytest.raises(ValueError, match=r"has no generated part for alerts$"):
        with_generated_parts(PAGE.replace("<!-- generated: alerts -->", ""))


def test_every_command_has_a_section() -> None:
    assert re.findall(r"^## watcher ([a-z]+)$", PAGE, re.MULTILINE) == list(COMMANDS)


def test_every_module_of_a_command_is_listed() -> None:
    modules = {path.stem.removesuffix("_command") for path in (ROOT / "watcher" / "cli").glob("*_command.py")}
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_shows_the_first_sentence_of_the_help(name: str) -> None:
    assert (load_command(name).help or "").split("\n\n")[0] == COMMANDS[name]
    assert len(COMMANDS[name]) <= 60


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    without_help = [parameter.name for parameter in load_command(name).params if not parameter.help]
    assert without_help == []
