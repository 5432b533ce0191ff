"""Sigma filters: tuning in separate documents, applied to rules by id, name or log source.

Source: Sigma specification 2.1, "Sigma Filters". A rule keeps the events that the filter's condition matches, so
most conditions begin with `not`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from watcher.errors import RuleError
from watcher.model import And, ConditionNode, Finding, Location, LogSource, Not, Rule, Severity, walk
from watcher.sigma.condition_size import MAX_NODES, tree_size
from watcher.sigma.detection import read_detection
from watcher.sigma.finding_collector import FindingCollector, as_mapping
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.rule_logsource import read_logsource
from watcher.yaml_nodes.nodes import MapNode, YamlNode

_RESERVED = ("condition", "rules")
_ANY = "any"
_MOST_NAMED = 10  # filters of a rule, each in a finding of its own
_CHECK_SPELLING = "check the spelling, or remove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaFilter:
    """One filter, read."""

    title: str
    rules: tuple[str, ...] | None  # ids or names; None: every rule of the log source
    logsource: LogSource
    node: ConditionNode
    location: Location
    text: str
    findings: tuple[Finding, ...] = ()

    def applies_to(self, rule: Rule) -> bool:
        """Whether the filter applies to the rule, by id, by name or to any."""
        return self.rules is None or any(_has_name(rule, name) for name in self.rules)

    def covers(self, rule: Rule) -> bool:
        """Whether every event of the rule's log source belongs to the filter's."""
        return (
            self.logsource.product in (None, rule.logsource.product)
            and _covers(self.logsource.category, rule.logsource.category)
            and _covers(self.logsource.service, rule.logsource.service)
        )


def _covers(filter_names: tuple[str, ...], rule_names: tuple[str, ...]) -> bool:
    return not filter_names or (bool(rule_names) and set(rule_names) <= set(filter_names))


def _has_name(rule: Rule, name: str) -> bool:
    ids = (rule.id.lower(), rule.converted_from.lower())
    return name.lower() in ids or (bool(rule.name) and name == rule.name)


def is_filter(document: YamlNode) -> bool:
    """Whether a document of a rule file is a filter."""
    return (
        isinstance(document, MapNode)
        and isinstance(document.get("filter"), MapNode)
        and document.get("detection") is None
    )


def read_filter(document: YamlNode, *, text: str, placeholders: Placeholders) -> SigmaFilter:
    """Read one document; raises RuleError where the filter is invalid."""
    mapping = as_mapping(document, "a filter")
    collector = FindingCollector()
    body = as_mapping(mapping.all("filter")[-1], "`filter`")
    detection = read_detection(body, "filter", placeholders, collector, reserved=_RESERVED)
    title = mapping.get("title")
    rules = _rules(body, collector)
    if detection.aggregation:
        raise RuleError("a filter cannot have an aggregation", location=body.location, code="condition")
    if not _has_not(detection.node):
        collector.report(
            "filter-keeps",
            "the filter's condition has no `not`, so rules match only events that the filter matches",
            body.location,
            fix="write `not` before what the filter excludes",
            severity=Severity.INFO,
        )
    return SigmaFilter(
        title=" ".join(collector.strings(title, "title")).strip() if title is not None else "",
        rules=rules,
        logsource=_logsource(mapping, rules, collector),
        node=detection.node,
        location=mapping.location,
        text=text,
        findings=tuple(collector.findings),
    )


def _rules(body: MapNode, collector: FindingCollector) -> tuple[str, ...] | None:
    values = body.all("rules")
    if not values:
        raise RuleError(
            "the filter does not name its rules",
            location=body.location,
            fix="add `rules` with ids or names, or `rules: any`",
            code="filter-rules",
        )
    names = tuple(name.strip() for value in values for name in collector.strings(value, "rules"))
    return None if not names or _ANY in [name.lower() for name in names] else names


def _logsource(mapping: MapNode, rules: tuple[str, ...] | None, collector: FindingCollector) -> LogSource:
    values = mapping.all("logsource")
    if values:
        return read_logsource(values, collector)
    if rules is None:
        raise RuleError(
            "the filter applies to any rule and has no `logsource`",
            location=mapping.location,
            fix="add `logsource`, or name the rules",
            code="missing-logsource",
        )
    collector.report(
        "missing-logsource", "the filter has no `logsource`", mapping.location, fix="add the `logsource` of the rules"
    )
    return LogSource()


def _has_not(node: ConditionNode) -> bool:
    return any(isinstance(inner, Not) for inner in walk(node))


def apply_filters(
    rules: Sequence[Rule], filters: Sequence[SigmaFilter]
) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Return the rules narrowed by the filters that apply to them, and findings about filters that apply to none."""
    if not filters:
        return tuple(rules), ()
    findings = [finding for item in filters for finding in (*item.findings, *_unused(item, rules))]
    sized = [(sigma_filter, tree_size(sigma_filter.node)) for sigma_filter in filters]
    return tuple(_filtered(rule, sized) for rule in rules), tuple(findings)


def _filtered(rule: Rule, filters: Iterable[tuple[SigmaFilter, int]]) -> Rule:
    applied: list[SigmaFilter] = []
    findings: list[Finding] = []
    nodes = tree_size(rule.node)
    for sigma_filter, size in filters:
        if not (sigma_filter.applies_to(rule) and sigma_filter.covers(rule)):
            continue
        if nodes + size > MAX_NODES:
            findings.append(_not_applied(sigma_filter, rule))
            continue
        nodes += size
        applied.append(sigma_filter)
    findings = [*_narrows(applied, rule), *findings]
    if not findings:
        return rule
    # nodes side by side: a filter within a filter for each of hundreds gets too deep
    node = And((rule.node, *(item.node for item in applied))) if applied else rule.node
    return replace(rule, node=node, hash=_filtered_hash(rule, applied), findings=(*rule.findings, *findings))


def _filtered_hash(rule: Rule, applied: Iterable[SigmaFilter]) -> str:
    digest = rule.hash
    for sigma_filter in applied:
        digest = sha256(f"{digest}\n{sigma_filter.text}".encode("utf-8", "surrogateescape")).hexdigest()
    return digest


def _narrows(applied: Sequence[SigmaFilter], rule: Rule) -> Iterator[Finding]:
    """Yield what narrows a rule; the last finding names how many more filters do, where they are many."""
    named = applied if len(applied) <= _MOST_NAMED else applied[: _MOST_NAMED - 1]
    for sigma_filter in named:
        what = f"the filter `{sigma_filter.title or sigma_filter.location}` narrows"
        yield _narrowed(sigma_filter, f"{what} the rule `{rule.title}`")
    if len(named) < len(applied):
        yield _narrowed(applied[-1], f"{len(applied) - len(named)} more filters narrow the rule `{rule.title}`")


def _narrowed(sigma_filter: SigmaFilter, message: str) -> Finding:
    return Finding(code="filtered", severity=Severity.INFO, location=sigma_filter.location, message=message)


def _not_applied(sigma_filter: SigmaFilter, rule: Rule) -> Finding:
    return Finding(
        code="condition",
        severity=Severity.ERROR,
        location=sigma_filter.location,
        message=f"with the filter `{sigma_filter.title or sigma_filter.location}`, the rule `{rule.title}` has more "
        f"than {MAX_NODES} detection items; the rule is run without the filter",
        fix="join filters, or write lists of values",
    )


def _unused(sigma_filter: SigmaFilter, rules: Sequence[Rule]) -> Iterator[Finding]:
    logsource = sigma_filter.logsource
    for name in sigma_filter.rules or ():
        matches = [rule for rule in rules if _has_name(rule, name)]
        if not matches:
            message = f"the filter names the rule `{name}`, which does not exist"
            yield _warning(sigma_filter, "filter-unknown-rule", message)
        elif not any(map(sigma_filter.covers, matches)):
            yield _warning(
                sigma_filter,
                "filter-logsource",
                f"the filter for the rule `{name}` has the log source {logsource}, the rule {matches[0].logsource}",
                "use the rule's log source in the filter; it is not applied",
            )
    if sigma_filter.rules is None and not any(map(sigma_filter.covers, rules)):
        yield _warning(sigma_filter, "filter-unknown-rule", f"no rule has the filter's log source, {logsource}")


def _warning(sigma_filter: SigmaFilter, code: str, message: str, fix: str = _CHECK_SPELLING) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, location=sigma_filter.location, message=message, fix=fix)
