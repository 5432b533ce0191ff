"""Rules that share an id: which of them is run.

Equal rules are one rule. Of different ones that of the later folder is run: a user's own copy replaces the upstream's.
Within one folder nothing says which is meant, so that none is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from watcher.model import And, ConditionNode, DetectionItem, Finding, Not, Or, Rule, RuleMetadata, Severity
from watcher.model.correlation_rules import CorrelationRule

RuleT = TypeVar("RuleT", Rule, CorrelationRule)


def distinct_rules(folders: Iterable[Sequence[RuleT]]) -> tuple[tuple[RuleT, ...], tuple[Finding, ...]]:
    """Return one rule per id, and findings about the others; the folders are in the order of settings."""
    by_id: dict[str, list[list[RuleT]]] = {}
    for rules in folders:
        of_folder: dict[str, list[RuleT]] = {}
        for rule in rules:
            of_folder.setdefault(rule.id, []).append(rule)
        for rule_id, same_id in of_folder.items():
            by_id.setdefault(rule_id, []).append(same_id)
    kept: list[RuleT] = []
    findings: list[Finding] = []
    for by_folder in by_id.values():
        winner: RuleT | None = None
        for same_id in by_folder:
            winner, new_findings = _later(winner, same_id)
            findings.extend(new_findings)
        if winner is not None:
            kept.append(winner)
    return tuple(kept), tuple(findings)


def _later(earlier: RuleT | None, same_id: Sequence[RuleT]) -> tuple[RuleT | None, tuple[Finding, ...]]:
    """Return the rule of one id up to a folder, and findings about those of this folder and the earlier one."""
    first, *others = same_id
    if not others and earlier is None:
        return first, ()
    if any(_detects(rule) != _detects(first) for rule in others):
        return earlier, (_ambiguous(same_id, earlier),)
    findings = [_equal(rule, first) for rule in others]
    if earlier is not None:
        equal = _detects(earlier) == _detects(first)
        findings.append(_equal(earlier, first) if equal else _replaced(earlier, first))
    return first, tuple(findings)


def distinct_correlations(
    folders: Sequence[Sequence[CorrelationRule]], rules: Sequence[Rule]
) -> tuple[tuple[CorrelationRule, ...], tuple[Finding, ...]]:
    """Return one correlation rule per id that no rule has, and findings about the others.

    Those of rules with an aggregation are kept where `rules`, which are distinct, contain their origin.
    """
    written = [[rule for rule in correlations if not rule.converted] for correlations in folders]
    unique, findings = distinct_rules(written)
    by_id = {rule.id: rule for rule in rules}
    shared = [rule for rule in unique if rule.id in by_id]
    converted = (rule for correlations in folders for rule in correlations if rule.converted)
    kept = [rule for rule in converted if rule.id in by_id and by_id[rule.id].location == rule.location]
    kept.extend(rule for rule in unique if rule.id not in by_id)
    return tuple(kept), (*findings, *(_shared(rule, by_id[rule.id]) for rule in shared))


def _detects(rule: Rule | CorrelationRule) -> object:
    """Return everything of a rule that decides what it matches, to be compared."""
    if isinstance(rule, CorrelationRule):
        return replace(rule.section, rules=(), locations={}), [reference.text for reference in rule.section.rules]
    source = rule.logsource
    return source.product, source.category, source.service, rule.aggregation, _tree(rule.node)


def _tree(node: ConditionNode) -> object:
    match node:
        case And(of=nodes) | Or(of=nodes):
            return type(node), tuple(map(_tree, nodes))
        case Not(of=branch):
            return Not, _tree(branch)
        case DetectionItem():
            return node.field, node.values, node.match_all


def _ambiguous(rules: Sequence[RuleMetadata], earlier: RuleMetadata | None) -> Finding:
    files = " and ".join(f"`{rule.location.file}`" for rule in rules)
    run = "none of them is run" if earlier is None else f"that of `{earlier.location.file}` is run"
    return Finding(
        code="duplicate-id",
        severity=Severity.ERROR,
        location=rules[1].location,
        message=f"the id `{rules[0].id}` is used by {files}, which match different events; {run}",
        fix="give each rule its own id",
    )


def _shared(correlation: CorrelationRule, rule: Rule) -> Finding:
    return Finding(
        code="duplicate-id",
        severity=Severity.ERROR,
        location=correlation.location,
        message=f"the id `{rule.id}` is that of the rule `{rule.location.file}`; the correlation is not evaluated",
        fix="give the correlation rule its own id",
    )


def _equal(rule: RuleMetadata, run: RuleMetadata) -> Finding:
    return Finding(
        code="equal-rule",
        severity=Severity.WARNING,
        location=rule.location,
        message=f"the rule has the id and the detection of `{run.location.file}`, which is run",
        fix="remove one of them",
    )


def _replaced(rule: RuleMetadata, run: RuleMetadata) -> Finding:
    return Finding(
        code="replaced-rule",
        severity=Severity.WARNING,
        location=rule.location,
        message=f"the rule is replaced by that of a later folder with the same id, `{run.location.file}`",
        fix="give one of them another id if both are to run",
    )
