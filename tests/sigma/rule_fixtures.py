"""Reads rules that a test writes down."""

from __future__ import annotations

from watcher.model import Finding, Rule
from watcher.sigma.rule_file import RuleFile, read_contents
from watcher.sigma.rule_reader import RuleOrigin

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
    """Read a text that holds one rule and no fault."""
    found = contents(text, placeholders=placeholders)
    assert [str(one) for one in found.findings] == []
    (only,) = found.rules
    return only


def detection(body: str, condition: str = "selection") -> Rule:
    """Read a rule by what stands in its `selection`, each line of it indented by four spaces."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return rule(f"{HEAD}detection:\n  selection:\n{lines}\n  condition: {condition}\n")


def fault(text: str) -> str:
    """Read a text that holds no rule but one fault."""
    found = contents(text)
    assert found.rules == ()
    (only,) = found.findings
    return str(only)


def said(found: Rule) -> list[str]:
    """Give the findings of a rule as text."""
    return [str(finding) for finding in found.findings]


def codes(findings: tuple[Finding, ...]) -> list[str]:
    """Give the findings' codes."""
    return [finding.code for finding in findings]
