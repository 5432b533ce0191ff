"""Reads rules from strings."""

from __future__ import annotations

from watcher.model import Finding, Rule
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import RuleFile, read_contents

HEAD = """\
title: A title
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
level: high
logsource:
  product: windows
"""
TAIL = """\
detection:
  selection:
    F: a
  condition: selection
"""
ID = "6f3e2987-db24-4c78-a860-b4f4095a7095"


def contents(text: str, *, path: str = "rule.yml", placeholders: dict[str, tuple[str, ...]] | None = None) -> RuleFile:
    """Read a file's text."""
    return read_contents(text, file=path, origin=RuleOrigin(folder="mine", path=path, placeholders=placeholders or {}))


def rule(text: str, placeholders: dict[str, tuple[str, ...]] | None = None) -> Rule:
    """Read a string with one rule and no finding about a fault."""
    rule_file = contents(text, placeholders=placeholders)
    assert [str(finding) for finding in rule_file.findings] == []
    (only,) = rule_file.rules
    return only


def detection(body: str, condition: str = "selection") -> Rule:
    """Read a rule with the given body of `selection`."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return rule(f"{HEAD}detection:\n  selection:\n{lines}\n  condition: {condition}\n")


def fault(text: str) -> str:
    """Return the finding of a string with no rule and one fault."""
    rule_file = contents(text)
    assert rule_file.rules == ()
    (only,) = rule_file.findings
    return str(only)


def findings_of(rule: Rule) -> list[str]:
    """Return the findings of a rule as strings."""
    return [str(finding) for finding in rule.findings]


def codes(findings: tuple[Finding, ...]) -> list[str]:
    """Return the codes of findings."""
    return [finding.code for finding in findings]
