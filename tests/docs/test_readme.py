import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from docs.repository import ROOT, page
from support.fakes import rule

from watcher.model import Level
from watcher.settings import Settings, read_file
from watcher.settings.effective import rule_settings
from watcher.shipped import shipped

README = page("README.md")


FILES = ("secrets/password", "secrets/slack", "certs/ca.crt", "rules/a.yml", "maps/company.yml")
SETTINGS_PAGES = ("README.md", "docs/settings.md")


def read_example(example: str, folder: Path) -> Settings:
    """Return the settings of a block, beside the files that it names."""
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        text = "fields: {}\n" if name.startswith("maps") else "https://hooks.slack.example/services/a/b/c\n"
        (folder / name).write_text(text, encoding="utf-8")
    file = folder / "watcher.yml"
    file.write_text(example, encoding="utf-8")
    return read_file(file, {})


def test_the_settings_of_the_readme_are_valid(tmp_path: Path) -> None:
    (example,) = README.fences("yaml")
    settings = read_example(example, tmp_path)
    assert [channel.name for channel in settings.channels] == ["mail", "slack"]
    assert settings.warnings == ()
    assert [folder.path for folder in settings.rules.folders] == [shipped("rules"), tmp_path / "rules"]


def test_the_selectors_of_the_readme_do_what_they_say(tmp_path: Path) -> None:
    """High and critical alerts go to both channels, other alerts to none; shells are quiet for four hours."""
    (example,) = README.fences("yaml")
    settings = read_example(example, tmp_path)
    channels = {level: rule_settings(rule(level=level), settings).channels for level in Level}
    assert channels == {
        Level.CRITICAL: ("mail", "slack"),
        Level.HIGH: ("mail", "slack"),
        Level.MEDIUM: (),
        Level.LOW: (),
        Level.INFORMATIONAL: (),
    }
    shell = rule(tags=("attack.execution", "attack.t1059.001"))
    periods = [rule_settings(entry, settings).quiet_period for entry in (shell, rule(tags=()))]
    assert periods == [timedelta(hours=4), timedelta(hours=1)]


EXAMPLES = [block for name in SETTINGS_PAGES for block in page(name).fences("yaml")]
CHANNELS = "channels:\n" + "".join(f"  {name}: {{type: apprise, url: 'json://x'}}\n" for name in ("pager", "mail"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_block_of_settings_is_loaded(example: str, tmp_path: Path) -> None:
    """A block that names channels without defining them stands for a part of a file."""
    is_part = "channels: [pager" in example
    settings = read_example(example + CHANNELS if is_part else example, tmp_path)
    assert settings.warnings == ()
    assert settings.sources


def test_the_selectors_of_the_page_of_settings_do_what_they_say(tmp_path: Path) -> None:
    (example,) = [block for block in page("docs/settings.md").fences("yaml") if "channels: [pager" in block]
    settings = read_example(example + CHANNELS, tmp_path)
    levels = (Level.CRITICAL, Level.HIGH, Level.MEDIUM)
    channels = [rule_settings(rule(level=level), settings).channels for level in levels]
    assert channels == [("pager", "mail"), ("mail",), ("mail",)]
    assert rule_settings(rule(tags=("attack.discovery",)), settings).channels == ()


@pytest.mark.slow
def test_the_install_line_of_the_readme_works(tmp_path: Path) -> None:
    """Install into an empty environment, with the dependencies that pip chooses."""
    (block,) = [block for block in README.fences("sh") if "pip install ." in block]
    assert block.splitlines()[0].split("#")[0].strip() == "pip install ."
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    subprocess.run(
        [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "."], check=True, cwd=ROOT, timeout=600
    )
    shown = subprocess.run(
        [str(environment / "bin" / "watcher"), "--version"],
        check=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert "watcher" in shown.stdout
