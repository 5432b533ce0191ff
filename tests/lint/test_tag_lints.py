"""Tags of ATT&CK are checked if a matrix is given."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from lint_fixtures import TODAY, changed, rules_of

from watcher.lint.run_lints import lint_rules
from watcher.settings import Source

TAGS = "    - attack.execution\n    - attack.t1059.001\n"


@dataclass(frozen=True)
class Known:
    tactics: tuple[str, ...]


class Small:
    """A matrix of two techniques and two tactics."""

    def technique(self, name: str) -> Known | None:
        return {"T1059.001": Known(("execution",)), "T1071": Known(("command-and-control",))}.get(name)

    def tactic(self, short: str) -> object | None:
        return short if short in ("execution", "command-and-control") else None


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (("execution", "t1059.001"), []),
        (("command_and_control", "t1071"), []),
        (("execution", "t9999"), [("tag-attack", "ATT&CK has no technique T9999")]),
        (
            ("running", "t1059.001"),
            [
                ("tag-attack", "ATT&CK has no tactic `running`"),
                ("tag-tactic-missing", "the tactic of T1059.001 is not tagged"),
            ],
        ),
        (("t1059.001",), [("tag-tactic-missing", "the tactic of T1059.001 is not tagged")]),
        (("execution", "g0016", "s0154"), []),  # groups and software are looked up by nobody here
    ],
)
def test_techniques_and_tactics_are_checked(tags: tuple[str, ...], said: list[tuple[str, str]]) -> None:
    rules = rules_of(changed(TAGS, "".join(f"    - attack.{tag}\n" for tag in tags)))
    findings = lint_rules(rules, Source(), today=TODAY, matrix=Small())
    assert [(item.code, item.message) for item in findings] == said
