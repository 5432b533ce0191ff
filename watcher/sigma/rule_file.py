"""Reader of one rule file: rules, filters, and findings about the other documents."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from watcher.errors import RuleError
from watcher.model import Finding, Location, Rule, Severity
from watcher.model.correlation_rules import CorrelationRule
from watcher.sigma.actions import FaultyDocument, merge_actions
from watcher.sigma.aggregations import convert_aggregation
from watcher.sigma.correlation_dialects import is_correlation
from watcher.sigma.correlation_reader import read_correlation
from watcher.sigma.filters import SigmaFilter, is_filter, read_filter
from watcher.sigma.finding_collector import as_mapping
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_reader import read_rule
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import YamlDocument, read_sources

_RULE_KEYS = ("title", "logsource", "detection", "correlation", "filter", "action")
NOT_RUN = "the rule is not run; the others are"
"""What an error of a rule means, where nothing else is to be done."""

_NOT_EVALUATED = "the correlation is not evaluated; the other rules are run"
_RULE_PART = re.compile(r"^[ \t]*(?:title|logsource|detection|correlation)[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """The rules and filters of one file."""

    rules: tuple[Rule, ...] = ()
    filters: tuple[SigmaFilter, ...] = ()
    correlations: tuple[CorrelationRule, ...] = ()  # also those of rules with an aggregation
    base_rules: tuple[Rule, ...] = ()  # of rules with an aggregation
    findings: tuple[Finding, ...] = ()  # about the documents that are neither
    refused: tuple[Finding, ...] = ()  # about correlation rules and aggregations that cannot be interpreted
    is_foreign: bool = False  # other YAML: nothing of the file has a part of a rule


def read_contents(text: str, *, file: str, origin: RuleOrigin) -> RuleFile:
    """Read every rule and filter of one file's text; faults become findings."""
    try:
        documents = read_sources(text, file=file)
    except RuleError as fault:
        return RuleFile(findings=(_fault(fault, file),), is_foreign=_RULE_PART.search(text) is None)
    contents = [
        _document(document, file, origin, number)
        for number, document in merge_actions(documents)
        if isinstance(document, FaultyDocument) or not _is_empty(document.value)
    ]
    if all(_is_empty(document.value) for document in documents):
        contents.append(RuleFile(findings=(_empty(file),)))
    if len(contents) == 1 and contents[0].rules:  # nearly all files
        return contents[0]
    return RuleFile(
        rules=tuple(rule for content in contents for rule in content.rules),
        filters=tuple(sigma_filter for content in contents for sigma_filter in content.filters),
        correlations=tuple(rule for content in contents for rule in content.correlations),
        base_rules=tuple(rule for content in contents for rule in content.base_rules),
        findings=tuple(finding for content in contents for finding in content.findings),
        refused=tuple(finding for content in contents for finding in content.refused),
        is_foreign=all(_is_foreign(document.value) for document in documents),
    )


def _is_foreign(value: YamlNode) -> bool:
    """Whether a document is a mapping without any part of a rule, or a list of such."""
    if isinstance(value, ListNode):
        return bool(value.items) and all(_is_foreign(item) for item in value.items)
    return isinstance(value, MapNode) and not any(entry.key_text.lower() in _RULE_KEYS for entry in value.entries)


def _document(document: YamlDocument | FaultyDocument, file: str, file_origin: RuleOrigin, number: int) -> RuleFile:
    if isinstance(document, FaultyDocument):
        return RuleFile(findings=(_fault(document.fault, file),))
    origin = file_origin.of_document(number, document.text)
    try:
        if is_correlation(document.value):
            return _correlation_rule(document, file, origin)
        if is_filter(document.value):
            return _filter(document, file, origin)
        rule = read_rule(document.value, origin)
    except RuleError as fault:
        return RuleFile(findings=(*document.findings, _fault(fault, file)))
    if document.findings:
        rule = replace(rule, findings=(*document.findings, *rule.findings))
    return RuleFile(rules=(rule,)) if rule.aggregation is None else _aggregation(rule, document.value, file)


def _correlation_rule(document: YamlDocument, file: str, origin: RuleOrigin) -> RuleFile:
    findings = (*document.findings, _not_correlated(document.value))
    try:
        rule = read_correlation(document.value, origin)
    except RuleError as fault:
        return RuleFile(findings=findings, refused=(_fault(fault, file, consequence=_NOT_EVALUATED),))
    return RuleFile(findings=findings, correlations=(rule,))


def _aggregation(rule: Rule, document: YamlNode, file: str) -> RuleFile:
    """Return a rule with an aggregation, and the correlation rule that it means."""
    try:
        converted = convert_aggregation(rule, as_mapping(document, "a rule"))
    except RuleError as fault:
        return RuleFile(rules=(rule,), refused=(_fault(fault, file, consequence=_NOT_EVALUATED),))
    return RuleFile(rules=(rule,), correlations=(converted.correlation,), base_rules=converted.base_rules)


def _filter(document: YamlDocument, file: str, origin: RuleOrigin) -> RuleFile:
    try:
        sigma_filter = read_filter(document.value, text=document.text, placeholders=origin.placeholders)
    except RuleError as fault:
        finding = _fault(fault, file, consequence="the filter is not applied; the rules are run without it")
        return RuleFile(findings=(*document.findings, finding))
    return RuleFile(filters=(sigma_filter,), findings=document.findings)


def _fault(fault: RuleError, file: str, *, consequence: str = NOT_RUN) -> Finding:
    return Finding(
        code=fault.code,
        severity=Severity.ERROR,
        location=fault.location or Location(file=file, line=1),
        message=fault.message,
        fix=fault.fix or consequence,
    )


def _is_empty(value: YamlNode) -> bool:
    return isinstance(value, ScalarNode) and value.value is None


def _empty(file: str) -> Finding:
    return Finding(
        code="empty-file",
        severity=Severity.WARNING,
        location=Location(file=file, line=1),
        message="the file contains no rule",
        fix="write one or remove the file",
    )


def _texts(node: YamlNode | None, key: str) -> tuple[str, ...]:
    """Return the texts of a key, given as a list or alone."""
    value = node.get(key) if isinstance(node, MapNode) else None
    items = value.items if isinstance(value, ListNode) else (value,)
    return tuple(item.text for item in items if isinstance(item, ScalarNode))


def _not_correlated(document: YamlNode) -> Finding:
    """Return the finding about a correlation rule, with the rules that are run instead."""
    sections = [document.get(key) for key in ("correlation", "watcher")] if isinstance(document, MapNode) else []
    own = next((section for section in sections if section is not None), None)
    base_rules, fields = (_texts(own, key) for key in ("rules", "group-by"))
    named = (
        f"the rules that it refers to ({', '.join(f'`{name}`' for name in base_rules)})" if base_rules else "its rules"
    )
    group_by = ", ".join(fields) or "host.name"
    return Finding(
        code="correlation",
        severity=Severity.WARNING,
        location=document.location,
        message="watcher does not correlate events, so the correlation rule is not run",
        fix=f"{named} are run on their own: join their hits by a selector with "
        f"`set: {{group_by: [{group_by}], quiet_period: 1h}}`",
    )
