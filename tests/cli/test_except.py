"""`watcher except`, as an analyst calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.in_process import call

RULE = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: '\cmd.exe'
  condition: selection
"""
TESTS = r"""hit:
  - {name: cmd, data: {Image: 'C:\cmd.exe', User: 'CORP\ada'}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/x.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "own/x.test.yml").write_text(TESTS, encoding="utf-8")
    file = tmp_path / "watcher.yml"
    file.write_text(f"rules: {{folders: [{tmp_path / 'own'}]}}\n", encoding="utf-8")
    return file


def except_rule(settings: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Call the command; return exit code, output and the exceptions that exist afterwards."""
    done = call("except", "A Shell Starts", "--reason", "known", "--offline", "-s", str(settings), *arguments)
    folder = settings.parent / "own/exceptions"
    return done.returncode, done.stdout, sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def test_an_exception_is_shown_and_written_only_where_somebody_agreed(settings: Path) -> None:
    where = ("--where", r"User: CORP\backup", "--where", r"Image|startswith: C:\Agent")
    code, output, files = except_rule(settings, *where, "--dry-run")
    assert (code, files) == (0, [])
    assert "User is `CORP\\backup`" in output
    assert "Image starts with `C:\\Agent`" in output
    assert "tests of the rule that keep their result: 1" in output
    code, output, files = except_rule(settings, *where)
    assert (code, files) == (2, [])
    assert "nothing was written; add `--yes` to write it" in output
    code, output, files = except_rule(settings, *where, "--yes")
    assert (code, files) == (0, ["a-shell-starts.yml"])
    assert call("test", "-s", str(settings)).returncode == 0


def test_a_test_that_loses_its_hit_stops_it_unless_that_is_accepted(settings: Path) -> None:
    where = ("--where", r"User: CORP\ada", "--yes")
    code, output, files = except_rule(settings, *where)
    assert (code, files) == (1, [])
    assert "a hit would be lost: " in output
    code, output, files = except_rule(settings, *where, "--accept-lost-tests")
    assert (code, files) == (0, ["a-shell-starts.yml"])


@pytest.mark.parametrize("where", ["nothing", "User:", "User|nonsense: x", "User: a\x1bb"])
def test_faulty_conditions_are_refused_in_a_sentence(settings: Path, where: str) -> None:
    code, output, files = except_rule(settings, "--where", where, "--yes")
    assert (code, output, files) == (2, "", [])
