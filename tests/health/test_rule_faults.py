"""A rule file with an error: its rules run in their last valid version, or not at all, which are two problems."""

from __future__ import annotations

from pathlib import Path

from support.fakes import RULE

from watcher.health.rule_faults import rule_problems
from watcher.schedule.rule_reloader import retained_rules, with_retained
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders

BROKEN = RULE.replace("condition: selection", "condition: nowhere")


def load(folder: Path, text: str) -> LoadedRules:
    """Return the rules of a folder with one file."""
    (folder / "own.yml").write_text(text, encoding="utf-8")
    return with_correlations(read_folders((read_folder("own", folder),)))


def test_a_rule_that_runs_in_its_last_valid_version_is_another_problem_than_one_that_does_not_run(
    tmp_path: Path,
) -> None:
    before, broken = load(tmp_path, RULE), load(tmp_path, BROKEN)
    (running,) = rule_problems(with_retained(before, broken, retained_rules(before, broken)))
    assert "`own.yml` runs in its last valid version: " in running.message
    assert "is not run" not in running.message
    (stopped,) = rule_problems(broken)  # as after a restart
    assert "the rule of `own.yml` does not run: " in stopped.message
    assert running.key != stopped.key  # operators hear of each


def test_a_faulty_rule_beside_a_valid_one_in_its_file_does_not_run(tmp_path: Path) -> None:
    valid = RULE.replace("7f6f2c52", "7f6f2c53").replace("contains: shell", "contains: other")
    (problem,) = rule_problems(load(tmp_path, f"{valid}---\n{BROKEN}"))
    assert problem.title == "the rule of `own.yml` does not run"
