"""Sigma filters: tuning that is kept beside the rules and applied to them by id, name or log source.

Source: Sigma specification 2.1, "Sigma Filters". What a filter's condition describes is what is left of a rule's
events, so most conditions begin with `not`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from watcher.errors import RuleError
from watcher.model import And, ConditionNode, Finding, Location, LogSource, Not, Or, Rule, Severity
from watcher.sigma.detection import read_detection
from watcher.sigma.finding_collector import FindingCollector, as_map
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.rule_logsource import read_logsource
from watcher.yaml_nodes.nodes import MapNode, YamlNode

_RESERVED = ("condition", "rules")
_ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaFilter:
    """What one filter says."""

    title: str
    rules: tuple[str, ...] | None  # ids or names; None: every rule of the log source
    logsource: LogSource
    node: ConditionNode
    location: Location
    text: str
    findings: tuple[Finding, ...] = ()

    def names(self, rule: Rule) -> bool:
        """Tell whether the filter is meant for the rule, by id, by name or for any."""
        return self.rules is None or any(_is_called(rule, name) for name in self.rules)

    def covers(self, rule: Rule) -> bool:
        """Tell whether every event of the rule's log source belongs to the filter's."""
        mine, its = self.logsource, rule.logsource
        return (
            mine.product in (None, its.product)
            and _covers(mine.category, its.category)
            and _covers(mine.service, its.service)
        )


def _covers(mine: tuple[str, ...], its: tuple[str, ...]) -> bool:
    return not mine or (bool(its) and set(its) <= set(mine))


def _is_called(rule: Rule, name: str) -> bool:
    return name.lower() == rule.id.lower() or (bool(rule.name) and name == rule.name)


def is_filter(document: YamlNode) -> bool:
    """Tell whether a document of a rule file is a filter."""
    return (
        isinstance(document, MapNode)
        and isinstance(document.get("filter"), MapNode)
        and document.get("detection") is None
    )


def read_filter(document: YamlNode, *, text: str, placeholders: Placeholders) -> SigmaFilter:
    """Read one document; raises RuleError where the filter has no meaning."""
    whole = as_map(document, "a filter")
    notes = FindingCollector()
    own = as_map(whole.all("filter")[-1], "`filter`")
    logic = read_detection(own, "filter", placeholders, notes, reserved=_RESERVED)
    title = whole.get("title")
    rules = _rules(own, notes)
    if logic.aggregation:
        raise RuleError("a filter cannot count", location=own.location, code="condition")
    if not _denies(logic.node):
        notes.say(
            "filter-keeps",
            "the filter's condition has no `not`: events that it does not describe are no longer found",
            own.location,
            fix="write `not` before what is to be left out",
            severity=Severity.INFO,
        )
    return SigmaFilter(
        title=" ".join(notes.texts(title, "title")).strip() if title is not None else "",
        rules=rules,
        logsource=_logsource(whole, rules, notes),
        node=logic.node,
        location=whole.location,
        text=text,
        findings=tuple(notes.findings),
    )


def _rules(own: MapNode, notes: FindingCollector) -> tuple[str, ...] | None:
    values = own.all("rules")
    if not values:
        raise RuleError(
            "the filter does not say for which rules it is",
            location=own.location,
            fix="add `rules` with ids or names, or `rules: any`",
            code="filter-rules",
        )
    names = tuple(name.strip() for value in values for name in notes.texts(value, "rules"))
    return None if not names or _ANY in [name.lower() for name in names] else names


def _logsource(whole: MapNode, rules: tuple[str, ...] | None, notes: FindingCollector) -> LogSource:
    found = whole.all("logsource")
    if found:
        return read_logsource(found, notes)
    if rules is None:
        raise RuleError(
            "the filter is for any rule and has no `logsource`",
            location=whole.location,
            fix="add `logsource`, or name the rules",
            code="missing-logsource",
        )
    notes.say("missing-logsource", "the filter has no `logsource`", whole.location, fix="add that of the rules")
    return LogSource()


def _denies(node: ConditionNode) -> bool:
    match node:
        case Not():
            return True
        case And(of=branches) | Or(of=branches):
            return any(map(_denies, branches))
        case _:
            return False


def apply_filters(
    rules: Sequence[Rule], filters: Sequence[SigmaFilter]
) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Narrow rules by the filters that speak of them, and tell which filters speak of what is not there."""
    findings = [finding for one in filters for finding in (*one.findings, *_unused(one, rules))]
    return tuple(_filtered(rule, filters) for rule in rules), tuple(findings)


def _filtered(rule: Rule, filters: Iterable[SigmaFilter]) -> Rule:
    for one in filters:
        if one.names(rule) and one.covers(rule):
            said = Finding(
                code="filtered",
                severity=Severity.INFO,
                location=one.location,
                message=f"the filter `{one.title or one.location}` narrows the rule `{rule.title}`",
            )
            rule = replace(
                rule,
                node=And((rule.node, one.node)),
                hash=sha256(f"{rule.hash}\n{one.text}".encode("utf-8", "surrogateescape")).hexdigest(),
                findings=(*rule.findings, said),
            )
    return rule


def _unused(one: SigmaFilter, rules: Sequence[Rule]) -> Iterator[Finding]:
    for name in one.rules or ():
        called = [rule for rule in rules if _is_called(rule, name)]
        if not called:
            yield _warning(one, "filter-unknown-rule", f"the filter names the rule `{name}`, which is not there")
        elif not any(map(one.covers, called)):
            yield _warning(
                one,
                "filter-logsource",
                f"the filter names the rule `{name}` but speaks of {one.logsource}, the rule of {called[0].logsource}",
                "give the filter the rule's log source; it is not applied",
            )
    if one.rules is None and not any(map(one.covers, rules)):
        yield _warning(one, "filter-unknown-rule", f"no rule has the filter's log source, {one.logsource}")


def _warning(one: SigmaFilter, code: str, message: str, fix: str = "check the spelling, or remove it") -> Finding:
    return Finding(code=code, severity=Severity.WARNING, location=one.location, message=message, fix=fix)
