"""Selectors of settings that no rule matches are findings."""

from dataclasses import replace

from support.fakes import rule

from watcher.lint.selector_lints import lint
from watcher.model import Level
from watcher.settings import read

SETTINGS = """\
rules:
  select:
  - {level: high, set: {quiet_period: 4h}}
  - {tag: attack.t1562.001, set: {quiet_period: 4h}}
  - {level: [low, medium], status: test, set: {quiet_period: 4h}}
  - {set: {quiet_period: 2h}}
  - level: high
    path: "linux/**"
    set: {quiet_period: 4h}
"""


def test_a_selector_that_no_rule_matches_is_a_finding_with_its_criteria() -> None:
    rules = [replace(rule(), level=Level.HIGH, tags=("attack.t1685",)), replace(rule(), level=Level.LOW, status="")]
    assert [(finding.code, finding.location.line, finding.message) for finding in lint(rules, read(SETTINGS, {}))] == [
        ("unused-selector", 5, "no rule matches this selector: level `low` or `medium`, status `test`"),
        ("unused-selector", 7, "no rule matches this selector: level `high`, path `linux/**`"),
    ]


def test_where_no_rule_was_read_no_selector_is_to_blame() -> None:
    assert list(lint([], read(SETTINGS, {}))) == []
