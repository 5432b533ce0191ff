"""Sigma's former aggregations (`| count() by Computer > 10`, `near`) → base rules and a correlation rule.

Source: Sigma specification 1.0, "Aggregation expression" and "Near aggregation expression". The correlation rule has
the id of the rule; base rules have ids derived from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from watcher.errors import RuleError
from watcher.model import Finding, Location, Rule, Selection, Severity
from watcher.model.correlation_rules import CorrelationRule, CorrelationSection, RuleReference
from watcher.model.correlations import (
    AllOf,
    ComparisonOperator,
    CorrelationType,
    NumericComparison,
    RuleCondition,
    RuleName,
)
from watcher.sigma.condition import selection_in_other_case, split_aggregation
from watcher.sigma.correlation_expression import ExpressionError, names_of, parse_expression, with_names
from watcher.sigma.correlation_form import flow_form, section_form
from watcher.sigma.correlation_values import read_timespan
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.metadata_reader import metadata_of
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

_NAMESPACE = UUID("0a3c1c59-0e0b-5b5e-8f0c-6f1f52c3a7d4")  # for base rules
_FUNCTION = re.compile(
    r"(?P<function>[a-z]+)\s*\(\s*(?:distinct\s+)?(?P<field>[^()]*?)\s*\)\s*(?:by\s+\(?(?P<by>[^<>=!()]+?)\)?\s*)?"
    r"(?P<operator>>=|<=|==|!=|<>|>|<|=)\s*(?P<number>-?[0-9]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)
_NEAR = re.compile(r"near\s+(?P<condition>.+)", re.IGNORECASE | re.DOTALL)
_SEQUENCE = re.compile(
    r"\s*(?P<names>[\w*]+(?:\s*>\s*[\w*]+)+)\s*(?:\|\s*group\s*\((?P<by>[^()]*)\))?\s*", re.IGNORECASE
)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_OPERATORS = {
    ">": ComparisonOperator.GT,
    ">=": ComparisonOperator.GTE,
    "<": ComparisonOperator.LT,
    "<=": ComparisonOperator.LTE,
    "=": ComparisonOperator.EQ,
    "==": ComparisonOperator.EQ,
    "!=": ComparisonOperator.NEQ,
    "<>": ComparisonOperator.NEQ,
}
_TYPES = {
    "sum": (CorrelationType.VALUE_SUM, None),
    "avg": (CorrelationType.VALUE_AVG, None),
    "average": (CorrelationType.VALUE_AVG, None),
    "min": (CorrelationType.VALUE_PERCENTILE, Decimal(0)),
    "max": (CorrelationType.VALUE_PERCENTILE, Decimal(100)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedAggregation:
    """The correlation rule of a rule with an aggregation, and its base rules."""

    correlation: CorrelationRule
    base_rules: tuple[Rule, ...]


def convert_aggregation(rule: Rule, document: MapNode) -> ConvertedAggregation:
    """Convert a rule with an aggregation; raises RuleError with advice where its meaning is not certain."""
    return _Converter(rule=rule, detection=_mapping(document, "detection"), document=document).convert()


def _mapping(document: MapNode, key: str) -> MapNode:
    entries = [entry for node in document.all(key) if isinstance(node, MapNode) for entry in node.entries]
    return MapNode(entries=tuple(entries), location=document.location)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Converter:
    rule: Rule
    detection: MapNode
    document: MapNode
    collector: FindingCollector = field(default_factory=FindingCollector)

    def convert(self) -> ConvertedAggregation:
        aggregation = self.rule.aggregation or ""
        if len(self.rule.conditions) > 1:
            raise self._refused("a rule with several conditions has an aggregation", "write a rule for each condition")
        function, near = _FUNCTION.fullmatch(aggregation), _NEAR.fullmatch(aggregation)
        if function is not None:
            section, base_rules = self._count(function)
        elif near is not None:
            section, base_rules = self._near(near["condition"])
        else:
            raise self._unknown()
        correlation = CorrelationRule(**metadata_of(self.rule), section=section, converted=True)
        findings = (self._converted(section, base_rules), *self.collector.findings)
        return ConvertedAggregation(correlation=replace(correlation, findings=findings), base_rules=base_rules)

    # ---- count() by and its relatives

    def _count(self, match: re.Match[str]) -> tuple[CorrelationSection, tuple[Rule, ...]]:
        kind, percentile = self._type(match["function"].lower(), match["field"])
        comparison = NumericComparison(operator=_OPERATORS[match["operator"]], value=Decimal(match["number"]))
        name = self.rule.name or _name_of(self.rule.title)
        section = CorrelationSection(
            type=kind,
            rules=(RuleReference(text=name, location=self._location()),),
            timespan=self._read_timeframe(),
            group_by=self._fields(match["by"] or ""),
            comparisons=(comparison,),
            fields=self._fields(match["field"]) if kind != CorrelationType.EVENT_COUNT else (),
            percentile=percentile,
        )
        return section, (self._base_rule(),)

    def _type(self, function: str, field: str) -> tuple[CorrelationType, Decimal | None]:
        if function == "count":
            return CorrelationType.EVENT_COUNT if field in ("", "*") else CorrelationType.VALUE_COUNT, None
        if function not in _TYPES:
            raise self._unknown()
        if not field:
            raise self._refused(f"`{function}()` names no field", f"write `{function}(FIELD)`")
        return _TYPES[function]

    def _fields(self, text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if any(re.search(r"\s", name) for name in names):
            raise self._refused(f"`{text.strip()}` is no list of fields", "separate fields by commas")
        return names

    # ---- near

    def _near(self, text: str) -> tuple[CorrelationSection, tuple[Rule, ...]]:
        try:
            near = parse_expression(text)
        except ExpressionError as fault:
            raise self._refused(f"`near {text}`: {fault}", "name selections, joined by `and`, `or`, `not`") from fault
        selections = {name: self._selection(name) for name in names_of(near)}
        main = self.rule.name or _name_of(self.rule.title)
        names = {name: f"{main}_{_name_of(name)}" for name in selections}
        if len(set(names.values())) < len(names):
            raise self._refused(f"selections of `near {text}` have similar names", "rename them")
        condition = AllOf((RuleName(main), *_parts(with_names(near, names))))
        plain = all(isinstance(part, RuleName) for part in condition.parts)
        section = CorrelationSection(
            type=CorrelationType.TEMPORAL,
            rules=tuple(RuleReference(text=name, location=self._location()) for name in (main, *names.values())),
            timespan=self._read_timeframe(),
            boolean=None if plain else condition,
        )
        return section, (self._base_rule(), *map(self._selection_rule, selections.values()))

    def _selection(self, name: str) -> Selection:
        named = {selection.name: selection for selection in self.rule.selections}
        spelled = name if name in named else selection_in_other_case(name, named)
        if spelled is None:
            defined = ", ".join(f"`{each}`" for each in named)
            raise self._refused(f"`near` names `{name}`, which is no selection", f"name one of {defined}")
        return named[spelled]

    def _selection_rule(self, selection: Selection) -> Rule:
        rule = self._base_rule(f"#{selection.name}")
        return replace(rule, node=selection.node, selections=(selection,), conditions=(selection.name,), findings=())

    # ---- base rules

    def _base_rule(self, part: str = "") -> Rule:
        """Return the rule without its aggregation; it keeps its name, which filters may name."""
        return replace(
            self.rule,
            id=base_rule_id(self.rule.id, part),
            title=f"{self.rule.title} (base rule{part.replace('#', ' ')})",
            conditions=(split_aggregation(self.rule.conditions[0])[0],),
            aggregation=None,
            converted_from=self.rule.id,
            findings=tuple(finding for finding in self.rule.findings if finding.code != "aggregation"),
        )

    def _read_timeframe(self) -> timedelta:
        for mapping in (self.detection, self.document):
            for entry in mapping.entries:
                if entry.key_text.lower() == "timeframe" and not _is_empty(entry.value):
                    return read_timespan(entry.value, "timeframe", self.collector)
        raise self._refused(
            f"the rule counts (`{self.rule.aggregation}`), and has no `timeframe` that says within which time",
            "add e.g. `timeframe: 15m` below `detection:`",
        )

    def _converted(self, section: CorrelationSection, base_rules: tuple[Rule, ...]) -> Finding:
        names = [reference.text for reference in section.rules]
        metadata = flow_form({"title": self.rule.title, "level": str(self.rule.level)})
        form = f"{metadata.removesuffix('}')}, {section_form(section)}}}"
        if len(base_rules) > 1:
            how = f"write rules of the names {', '.join(f'`{name}`' for name in names)}, and the document `{form}`"
        else:
            how = f"end the condition before the pipe, name the rule `name: {names[0]}`, and add the document `{form}`"
        return Finding(
            code="converted-aggregation",
            severity=Severity.WARNING,
            location=self._location(),
            message=f"the aggregation `{self.rule.aggregation}` of former versions of Sigma is read as a correlation",
            fix=how,
        )

    def _unknown(self) -> RuleError:
        aggregation = self.rule.aggregation or ""
        sequence = _SEQUENCE.fullmatch(self.rule.conditions[0])
        if sequence is None:
            return self._refused(
                f"the aggregation `{aggregation}` is not one of Sigma",
                "write a correlation rule, or e.g. `| count() by Computer > 10`, `| count(FIELD) by Computer > 10`",
            )
        names = [name.strip() for name in sequence["names"].split(">")]
        form = {"type": "temporal_ordered", "rules": names, "group-by": list(self._fields(sequence["by"] or ""))}
        form = {key: value for key, value in form.items() if value}
        fix = f"write a rule for each, and `correlation: {flow_form({**form, 'timespan': self._timeframe_text()})}`"
        return self._refused(f"`{sequence['names']}` is not an aggregation of Sigma", fix)

    def _timeframe_text(self) -> str:
        texts = (entry.value for entry in self.detection.entries if entry.key_text.lower() == "timeframe")
        return next((node.text.strip() for node in texts if isinstance(node, ScalarNode) and node.text.strip()), "5m")

    def _refused(self, message: str, fix: str) -> RuleError:
        return RuleError(message, location=self._location(), fix=fix, code="refused-aggregation")

    def _location(self) -> Location:
        for entry in self.detection.entries:
            if entry.key_text.lower() == "condition":
                node = entry.value
                return node.items[0].location if isinstance(node, ListNode) and node.items else node.location
        return self.rule.location


def base_rule_id(rule_id: str, part: str = "") -> str:
    """Return the id of a base rule that an aggregation was converted to; `part` is `#` and a selection of `near`."""
    return str(uuid5(_NAMESPACE, f"{rule_id}{part}"))


def _parts(condition: RuleCondition) -> tuple[RuleCondition, ...]:
    return condition.parts if isinstance(condition, AllOf) else (condition,)


def _name_of(title: str) -> str:
    """Return a name for a rule without one."""
    return _NOT_IN_NAMES.sub("_", title.lower()).strip("_")[:60].strip("_") or "base_rule"


def _is_empty(node: YamlNode) -> bool:
    return isinstance(node, ScalarNode) and node.value is None
