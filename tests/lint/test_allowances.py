"""What settings or a rule allow is told apart, and nothing else."""

from __future__ import annotations

from lint_fixtures import CLEAN, changed, rules_of, said_of

from watcher.lint.allowances import apply_allowances, unused_allowances
from watcher.model import Finding, Location, Severity
from watcher.settings import Allowance, CheckSettings, Settings

ODD = changed("A Shell Starts", "A Shell starts.")  # title-case and title-end


def allowed(allowance: Allowance) -> dict[str, str]:
    """Give code → why it is allowed, of the odd rule."""
    return {one.finding.code: one.allowed for one in apply_allowances(said_of(ODD), rules_of(ODD), (allowance,))}


def test_a_code_is_allowed_by_name_or_by_a_glob() -> None:
    assert allowed(Allowance(code=("title-case",), reason="as written", line=3)) == {
        "title-case": "as written",
        "title-end": "",
    }
    assert allowed(Allowance(code=("title-*",), line=3)) == {
        "title-case": "settings allow it",
        "title-end": "settings allow it",
    }


def test_an_allowance_speaks_of_the_rules_that_its_criteria_name() -> None:
    for criteria, fits in (
        ({"line": 3, "folder": ("own",)}, True),
        ({"line": 3, "folder": ("other",)}, False),
        ({"line": 3, "level": ("high",), "path": ("rules/*",)}, True),
        ({"line": 3, "level": ("low",)}, False),
    ):
        assert bool(allowed(Allowance(code=("title-end",), **criteria))["title-end"]) is fits


def test_a_rule_allows_for_itself() -> None:
    text = ODD.replace("level: high\n", "level: high\ncustom: {watcher: {allow: [title-end]}}\n")
    judged = apply_allowances(said_of(text), rules_of(text), ())
    assert {one.finding.code: one.allowed for one in judged} == {
        "title-case": "",
        "title-end": "the rule allows it itself",
    }


def test_a_finding_belongs_to_the_rule_that_it_stands_in() -> None:
    second = ODD.replace("7f6f2c52", "8f6f2c52").replace("level: high", "level: low")
    text = f"{ODD}---\n{second}"
    only_low = Allowance(code=("title-end",), line=1, level=("low",))
    judged = [
        one for one in apply_allowances(said_of(text), rules_of(text), (only_low,)) if one.finding.code == "title-end"
    ]
    assert [(str(one.rule.level) if one.rule else "", bool(one.allowed)) for one in judged] == [
        ("high", False),
        ("low", True),
    ]


def test_a_file_without_a_rule_is_allowed_by_its_path_alone() -> None:
    broken = Finding(
        code="yaml-tab", severity=Severity.ERROR, location=Location(file="rules/a/b.yml", line=1), message="x"
    )
    for criteria, fits in (
        ({"line": 1}, True),
        ({"line": 1, "path": ("a/*.yml",)}, True),
        ({"line": 1, "path": ("c/*.yml",)}, False),
        ({"line": 1, "folder": ("own",)}, False),
    ):
        (judged,) = apply_allowances([broken], (), (Allowance(code=("yaml-*",), **criteria),))
        assert bool(judged.allowed) is fits


def test_an_allowance_that_allows_nothing_is_told_with_its_line() -> None:
    used = Allowance(code=("title-*",), line=4)
    idle = Allowance(code=("duplicate-key",), line=7)
    settings = Settings(check=CheckSettings(allow=(used, idle)))
    (said,) = unused_allowances(apply_allowances(said_of(ODD), rules_of(ODD), settings.check.allow), settings)
    assert (said.code, said.location.line, said.message) == (
        "unused-allowance",
        7,
        "no finding is allowed by this: `duplicate-key`",
    )


def test_the_clean_rule_needs_no_allowance() -> None:
    assert apply_allowances(said_of(CLEAN), rules_of(CLEAN), ()) == ()
