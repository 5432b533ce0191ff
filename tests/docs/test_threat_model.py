"""The threat model of SECURITY.md: each promise names an attacker, the modules that enforce it, and its tests."""

from __future__ import annotations

import re

from docs.repository import page

PROMISES = "| attacker | promise | enforced by | tests |"
ATTACKERS = {"E", "W", "R", "C"}


def promises() -> list[list[str]]:
    """Return the cells of each row of the table of promises."""
    lines = page("SECURITY.md").text.splitlines()
    start = lines.index(PROMISES) + 2
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def test_each_promise_names_attacker_module_and_test() -> None:
    rows = promises()
    assert {name for row in rows for name in row[0].split(", ")} == {*ATTACKERS, "all"}
    for attacker, promise, modules, tests in rows:
        assert attacker
        assert promise.endswith(".")
        assert all(re.fullmatch(r"`(watcher|deploy)/[\w/.]+`", path) for path in modules.split(", ")), modules
        assert all(re.fullmatch(r"`tests/[\w/]+\.py`", path) for path in tests.split(", ")), tests


def test_each_attacker_is_described_once() -> None:
    described = re.findall(r"^\| \*\*([A-Z])\*\* ", page("SECURITY.md").text, flags=re.MULTILINE)
    assert len(described) == len(ATTACKERS)
    assert set(described) == ATTACKERS
