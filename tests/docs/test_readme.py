import os
import subprocess
import sys
from pathlib import Path

import pytest
from docs.repository import ROOT, page

from watcher.settings import read_file

README = page("README.md")


def test_the_settings_of_the_readme_are_valid(tmp_path: Path) -> None:
    (example,) = README.fences("yaml")
    for name in ("secrets/password", "secrets/slack", "certs/ca.crt", "rules/a.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("https://hooks.slack.example/services/a/b/c\n", encoding="utf-8")
    file = tmp_path / "watcher.yml"
    file.write_text(example, encoding="utf-8")
    settings = read_file(file, {})
    assert [channel.name for channel in settings.channels] == ["mail", "slack"]
    assert settings.warnings == ()
    assert len(settings.rules.select) == 2


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
