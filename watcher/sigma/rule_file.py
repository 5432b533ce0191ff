"""One file's text → its rules and filters, and the faults of the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watcher.errors import RuleError
from watcher.model import Finding, Location, Rule, Severity
from watcher.sigma.actions import FaultyDocument, merge_actions
from watcher.sigma.filters import SigmaFilter, is_filter, read_filter
from watcher.sigma.rule_reader import RuleOrigin, read_rule
from watcher.yaml_nodes.nodes import MapNode, ScalarNode, YamlDocument, YamlNode, read_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """What one file of rules holds."""

    rules: tuple[Rule, ...] = ()
    filters: tuple[SigmaFilter, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the documents that are neither


def read_contents(text: str, *, file: str, origin: RuleOrigin) -> RuleFile:
    """Read every rule and every filter of one file's text, and the faults of the documents that are neither."""
    try:
        documents = read_sources(text, file=file)
    except RuleError as fault:
        return RuleFile(findings=(_fault(fault, file),))
    read = [
        _one(document, file, replace(origin, number=number))
        for number, document in merge_actions(documents)
        if isinstance(document, FaultyDocument) or not _is_empty(document.value)
    ]
    if all(_is_empty(document.value) for document in documents):
        read.append(RuleFile(findings=(_empty(file),)))
    return RuleFile(
        rules=tuple(rule for one in read for rule in one.rules),
        filters=tuple(found for one in read for found in one.filters),
        findings=tuple(finding for one in read for finding in one.findings),
    )


def _one(document: YamlDocument | FaultyDocument, file: str, origin: RuleOrigin) -> RuleFile:
    if isinstance(document, FaultyDocument):
        return RuleFile(findings=(_fault(document.fault, file),))
    try:
        if _is_correlation(document.value):
            return RuleFile(findings=(*document.findings, _correlation(document.value)))
        if is_filter(document.value):
            return _filter(document, file, origin)
        rule = read_rule(document.value, replace(origin, text=document.text))
    except RuleError as fault:
        return RuleFile(findings=(*document.findings, _fault(fault, file)))
    return RuleFile(rules=(replace(rule, findings=(*document.findings, *rule.findings)),))


def _filter(document: YamlDocument, file: str, origin: RuleOrigin) -> RuleFile:
    try:
        found = read_filter(document.value, text=document.text, placeholders=origin.placeholders)
    except RuleError as fault:
        loss = _fault(fault, file, loss="the filter is not applied; the rules are run without it")
        return RuleFile(findings=(*document.findings, loss))
    return RuleFile(filters=(found,), findings=document.findings)


def _fault(fault: RuleError, file: str, *, loss: str = "the rule is not run; the others are") -> Finding:
    return Finding(
        code=fault.code,
        severity=Severity.ERROR,
        location=fault.location or Location(file=file, line=1),
        message=fault.message,
        fix=fault.fix or loss,
    )


def _is_empty(value: YamlNode) -> bool:
    return isinstance(value, ScalarNode) and value.value is None


def _empty(file: str) -> Finding:
    return Finding(
        code="empty-file",
        severity=Severity.WARNING,
        location=Location(file=file, line=1),
        message="the file holds no rule",
        fix="write one or remove the file",
    )


def _is_correlation(document: YamlNode) -> bool:
    """Tell a correlation from a rule whose author wrote a remark under that key."""
    return isinstance(document, MapNode) and isinstance(document.get("correlation"), MapNode)


def _correlation(document: YamlNode) -> Finding:
    return Finding(
        code="correlation",
        severity=Severity.WARNING,
        location=document.location,
        message="a correlation counts events over time, which watcher does not run",
        fix="the rules that it names are run on their own",
    )
