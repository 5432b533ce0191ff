"""Long sources of rules: a rule keeps the beginning, and what is shown or linted is read again."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from watcher.errors import InputError
from watcher.lint.run_lints import lint_rule
from watcher.model import Rule
from watcher.settings import Source
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.sigma.rule_folders import read_folder
from watcher.sigma.rule_texts import KEPT, full_text

RULE = (
    "title: {title}\nid: 8f3e2f0e-6f0e-4c39-a6a7-00000000000{number}\nlogsource:\n  product: windows\ndetection:\n"
    "  selection:\n    Image|endswith:\n{values}  condition: selection\n"
)
VALUES = "".join(f"      - '\\tool{number}.exe'\n" for number in range(1500))


def long_rule(number: int = 1) -> str:
    return RULE.format(title=f"Tool {number} é", number=number, values=VALUES)


def read(path: Path) -> tuple[Rule, ...]:
    return read_folder("own", path.parent).rules


def test_a_rule_keeps_the_beginning_of_a_long_source_and_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "long.yml"
    path.write_bytes(b"\xef\xbb\xbf" + long_rule().encode())
    (rule,) = read(path)
    assert rule.text == long_rule()[:KEPT]
    assert rule.hash == sha256(long_rule().encode()).hexdigest()
    assert full_text(rule) == long_rule()


def test_each_rule_of_a_file_has_its_own_source(tmp_path: Path) -> None:
    path = tmp_path / "several.yml"
    path.write_text("---\n".join(long_rule(number) for number in (1, 2, 3)), encoding="utf-8")
    assert [full_text(rule) for rule in read(path)] == [long_rule(1), long_rule(2), long_rule(3)]


def test_a_short_source_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "short.yml"
    text = RULE.format(title="Short", number=1, values="      - '\\a.exe'\n")
    path.write_text(text, encoding="utf-8")
    (rule,) = read(path)
    path.unlink()
    assert full_text(rule) == rule.text == text


def test_a_long_rule_is_linted_completely(tmp_path: Path) -> None:
    path = tmp_path / "long.yml"
    text = long_rule().replace("  condition", "      - '\\tool7.exe'\n  condition")
    path.write_text(text, encoding="utf-8")
    (shortened,) = read(path)
    (complete,) = read_contents(text, file=str(path), origin=RuleOrigin(folder="own", path=path.name)).rules
    findings = [list(lint_rule(rule, Source(), today=date(2026, 1, 1))) for rule in (shortened, complete)]
    assert findings[0] == findings[1]
    assert any("tool7" in finding.message for finding in findings[0])


@pytest.mark.parametrize("change", ["written", "removed", "damaged"])
def test_a_file_that_changed_is_an_error(tmp_path: Path, change: str) -> None:
    path = tmp_path / "long.yml"
    path.write_text(long_rule(), encoding="utf-8")
    (rule,) = read(path)
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(long_rule(2).encode() if change == "written" else b"\xff")
    with pytest.raises(InputError, match="changed or removed"):
        full_text(rule)
