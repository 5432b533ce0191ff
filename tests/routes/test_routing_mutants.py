"""Mutation testing: the tests of routes fail for nearly every small change of the functions that decide."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from docs.repository import ROOT
from support.mutants import mutants
from support.sandbox import environ

RUNNER = ROOT / "tests" / "support" / "mutant_runner.py"
LEAST_KILLED = 0.9
TESTS = {
    "watcher/routes/routing.py": ("test_routing.py",),
    "watcher/routes/calendars.py": ("test_calendars.py", "test_calendars_by_minutes.py"),
    "watcher/routes/label_matchers.py": ("test_label_matchers.py", "test_labels.py"),
}


@pytest.mark.slow
@pytest.mark.parametrize("module", TESTS)
def test_the_tests_of_routes_kill_nine_of_ten_mutants(module: str) -> None:
    files = [f"tests/routes/{name}" for name in TESTS[module]]
    command = [sys.executable, str(RUNNER), module, "-m", "not slow", *files]
    paths = f"{ROOT}:{ROOT / 'tests'}"
    done = subprocess.run(
        command, cwd=ROOT, env=environ(PYTHONPATH=paths), capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    killed = result["mutants"] - len(result["survivors"])
    print(f"{module}: {killed} of {result['mutants']} mutants killed; survivors in lines {result['survivors']}")  # noqa: T201
    assert result["mutants"] > 20
    assert killed >= LEAST_KILLED * result["mutants"], result


def test_a_mutant_has_one_change_and_types_are_declared_as_before() -> None:
    source = "@dataclass(frozen=True)\nclass Span:\n    def holds(self, at):\n        return at < 3\n"
    changed = [mutant.source.splitlines()[-1].strip() for mutant in mutants(source)]
    assert changed == ["return at <= 3", "return at < 4"]
