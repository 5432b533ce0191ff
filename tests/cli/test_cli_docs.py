"""docs/cli.md names every command and option, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from watcher.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = dict(GROUP.commands)
SECTIONS = dict(re.findall(r"^## watcher ([a-z]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def spelled(parameter: TyperOption | TyperArgument) -> str:
    """Give what can be typed: an option with every spelling, an argument in capitals."""
    names = parameter.opts if isinstance(parameter, TyperOption) else [str(parameter.name).upper()]
    return ", ".join(f"`{name}`" for name in sorted(names, key=len, reverse=True))


def test_every_command_has_a_section() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_has_a_row_with_the_words_of_its_help(command: str) -> None:
    rows = dict(re.findall(r"^\| (`.+?`) \| (.+?) \|$", SECTIONS[command], re.MULTILINE))
    assert rows == {spelled(parameter): parameter.help for parameter in COMMANDS[command].params}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_section_begins_with_the_sentence_of_the_help(command: str) -> None:
    sentence = (COMMANDS[command].help or "").split("\n\n")[0]
    assert SECTIONS[command].lstrip().startswith(sentence)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_list_of_commands_shows_each_sentence_whole(command: str) -> None:
    assert not COMMANDS[command].get_short_help_str(limit=60).endswith("...")
