"""Allowances of settings and rules."""

from __future__ import annotations

from lint_fixtures import CLEAN, changed, findings_of, rules_of

from watcher.lint.allowances import apply_allowances, unused_allowances
from watcher.model import Finding, Location, Severity
from watcher.settings import Allowance, CheckSettings, Settings

ODD = changed("A Shell Starts", "A Shell starts.")  # title-case and title-end


def allowed(allowance: Allowance) -> dict[str, str]:
    """Return code → reason of the allowance, for a rule with findings."""
    return {
        apply_allowance.finding.code: apply_allowance.allowed
        for apply_allowance in apply_allowances(findings_of(ODD), rules_of(ODD), (allowance,))
    }


def test_a_code_is_allowed_by_name_or_by_a_glob() -> None:
    assert allowed(Allowance(code=("title-case",), reason="as written", line=3)) == {
        "title-case": "as written",
        "title-end": "",
    }
    assert allowed(Allowance(code=("title-*",), line=3)) == {
        "title-case": "allowed by settings",
        "title-end": "allowed by settings",
    }


def test_an_allowance_applies_to_the_rules_that_its_criteria_match() -> None:
    for criteria, fits in (
        ({"line": 3, "folder": ("own",)}, True),
        ({"line": 3, "folder": ("other",)}, False),
        ({"line": 3, "level": ("high",), "path": ("rules/*",)}, True),
        ({"line": 3, "level": ("low",)}, False),
    ):
        assert bool(allowed(Allowance(code=("title-end",), **criteria))["title-end"]) is fits


def test_a_rule_can_allow_its_own_findings() -> None:
    text = ODD.replace("level: high\n", "level: high\ncustom: {watcher: {allow: [title-end]}}\n")
    judged = apply_allowances(findings_of(text), rules_of(text), ())
    assert {item.finding.code: item.allowed for item in judged} == {
        "title-case": "",
        "title-end": "allowed by the rule",
    }


def test_a_finding_belongs_to_the_rule_at_its_location() -> None:
    second = ODD.replace("7f6f2c52", "8f6f2c52").replace("level: high", "level: low")
    text = f"{ODD}---\n{second}"
    only_low = Allowance(code=("title-end",), line=1, level=("low",))
    judged = [
        apply_allowance
        for apply_allowance in apply_allowances(findings_of(text), rules_of(text), (only_low,))
        if apply_allowance.finding.code == "title-end"
    ]
    assert [(str(item.rule.level) if item.rule else "", bool(item.allowed)) for item in judged] == [
        ("high", False),
        ("low", True),
    ]


def test_a_file_without_a_rule_is_allowed_only_by_its_path() -> None:
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


def test_an_unused_allowance_is_reported_with_its_line() -> None:
    used = Allowance(code=("title-*",), line=4)
    idle = Allowance(code=("duplicate-key",), line=7)
    settings = Settings(check=CheckSettings(allow=(used, idle)))
    (findings,) = unused_allowances(apply_allowances(findings_of(ODD), rules_of(ODD), settings.check.allow), settings)
    assert (findings.code, findings.location.line, findings.message) == (
        "unused-allowance",
        7,
        "no finding matches this allowance: `duplicate-key`",
    )


def test_the_clean_rule_needs_no_allowance() -> None:
    assert apply_allowances(findings_of(CLEAN), rules_of(CLEAN), ()) == ()
