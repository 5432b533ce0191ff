"""Reader of the mapping `correlation` in the form of the specification, with a finding for every fault."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from watcher.errors import RuleError
from watcher.model import Location, Severity
from watcher.model.correlation_rules import CorrelationSection, RuleReference
from watcher.model.correlations import SIGMA_TYPES, CorrelationType, RuleCondition
from watcher.sigma.correlation_condition import CountCondition, compares, read_count_condition
from watcher.sigma.correlation_dialects import SECTION_KEYS, correlation_type, dialect, extension_of
from watcher.sigma.correlation_expression import ExpressionError, holds, names_of, parse_expression
from watcher.sigma.correlation_values import read_timespan
from watcher.sigma.finding_collector import FindingCollector, as_mapping
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

_TEMPORAL = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
_OF_VALUES = tuple(kind for kind in SIGMA_TYPES if kind.startswith("value_"))
_UNUSED = "correlation-unused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionReader:
    """Reads the mapping `correlation` in the form of the specification."""

    section: MapNode
    top_level: MapNode  # of the document, which may have `generate`
    collector: FindingCollector

    def read(self) -> CorrelationSection:
        """Return the section; raises RuleError where it cannot be interpreted."""
        self.collector.duplicates(self.section, "`correlation`", "the last value is used; write the key once")
        self._unknown_keys()
        kind = self._type()
        boolean = self._boolean(kind)
        count = CountCondition() if boolean is not None else self._count(kind)
        return CorrelationSection(
            type=kind,
            rules=self._rules(kind, boolean),
            timespan=read_timespan(self._required("timespan", "e.g. `timespan: 5m`"), "timespan", self.collector),
            group_by=self._group_by(),
            comparisons=count.comparisons,
            fields=count.fields,
            percentile=count.percentile,
            boolean=boolean,
            aliases=self._aliases(),
            generate=self._generate(),
            locations={entry.key_text: entry.key_location for entry in self.section.entries},
        )

    def _unknown_keys(self) -> None:
        for entry in self.section.entries:
            if entry.key not in SECTION_KEYS:
                near = difflib.get_close_matches(entry.key_text.lower(), SECTION_KEYS, n=1)
                fix = f"write `{near[0]}`" if near else f"it has no effect; the keys are {', '.join(SECTION_KEYS)}"
                message = f"`{entry.key_text}` is not a key of `correlation`"
                self.collector.report("unknown-key", message, entry.key_location, fix=fix)

    def _required(self, key: str, example: str) -> YamlNode:
        node = self.section.get(key)
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            location = self._location(key)
            code = f"correlation-{key}" if key in ("type", "timespan") else "correlation-condition"
            raise RuleError(f"the correlation has no `{key}`", location=location, fix=f"add {example}", code=code)
        return node

    def _location(self, key: str) -> Location:
        entries = (entry.key_location for entry in self.section.entries if entry.key == key)
        return next(entries, self.section.location)

    def _type(self) -> CorrelationType:
        node = self._required("type", f"one of {', '.join(SIGMA_TYPES)}")
        text = node.text if isinstance(node, ScalarNode) else ""
        name = correlation_type(node)
        kind = next((each for each in SIGMA_TYPES if each == name), None)
        if kind is None:
            raise _unknown_type(node, name)
        if text != kind:
            dialect(self.collector, f"`type: {text}` is read as `{kind}`", node.location, f"write `type: {kind}`")
        return kind

    # ---- condition

    def _boolean(self, kind: CorrelationType) -> RuleCondition | None:
        node = self.section.get("condition")
        if kind not in _TEMPORAL or not isinstance(node, ScalarNode) or node.value is None or compares(node):
            return None
        try:
            condition = parse_expression(node.text)
        except ExpressionError as fault:
            raise RuleError(
                str(fault),
                location=node.location,
                fix="write names or ids of `rules`, joined by `and`, `or`, `not`; quote names with spaces",
                code="correlation-condition",
            ) from fault
        if holds(condition, ()):
            raise RuleError(
                "the condition holds where no rule has a hit",
                location=node.location,
                fix="require at least one rule, e.g. `a and not b`",
                code="correlation-condition",
            )
        return condition

    def _count(self, kind: CorrelationType) -> CountCondition:
        node = self.section.get("condition")
        if kind in _TEMPORAL and (node is None or (isinstance(node, ScalarNode) and node.value is None)):
            return CountCondition()
        example = "`condition: {gte: 10, field: FIELD}`" if kind in _OF_VALUES else "`condition: {gte: 10}`"
        count = read_count_condition(self._required("condition", example), self.collector)
        self._check_count(kind, count)
        if kind in _OF_VALUES:
            return count
        return CountCondition(comparisons=count.comparisons)

    def _check_count(self, kind: CorrelationType, count: CountCondition) -> None:
        location = self._location("condition")
        if kind in _OF_VALUES and not count.fields:
            raise _condition_fault(f"`{kind}` needs a field", location, "add `field: FIELD` below `condition:`")
        if kind in _OF_VALUES and kind != CorrelationType.VALUE_COUNT and len(count.fields) > 1:
            raise _condition_fault(f"`{kind}` takes a single field", location, "write a correlation rule for each")
        if kind == CorrelationType.VALUE_PERCENTILE and count.percentile is None:
            fix = "add e.g. `percentile: 95` below `condition:`"
            raise _condition_fault("`value_percentile` needs `percentile`", location, fix)
        if kind not in _OF_VALUES and count.fields:
            self._unused("field", kind, f"if different values are to be counted, write `type: {_OF_VALUES[0]}`")
        if kind != CorrelationType.VALUE_PERCENTILE and count.percentile is not None:
            self._unused("percentile", kind, "remove it, or write `type: value_percentile`")

    def _unused(self, key: str, kind: CorrelationType, fix: str) -> None:
        self.collector.report(
            _UNUSED, f"`{key}` has no effect in a correlation of type `{kind}`", self._location("condition"), fix=fix
        )

    # ---- rules and fields

    def _rules(self, kind: CorrelationType, boolean: RuleCondition | None) -> tuple[RuleReference, ...]:
        node = self.section.get("rules")
        items = node.items if isinstance(node, ListNode) else () if node is None else (node,)
        written = [item for item in items if not isinstance(item, ScalarNode) or item.value is not None]
        if not written and boolean is not None:
            location = self._location("condition")
            return tuple(RuleReference(text=name, location=location) for name in names_of(boolean))
        references = tuple(self._reference(item) for item in written)
        if not references:
            raise RuleError(
                "the correlation names no rule",
                location=self._location("rules"),
                fix="add `rules` with ids or names of rules",
                code="correlation-rules",
            )
        if kind in _TEMPORAL and len({reference.text for reference in references}) == 1:
            self.collector.report(
                "correlation-rules",
                f"`{kind}` with a single rule holds at each of its hits",
                self._location("rules"),
                fix="name further rules, or write `type: event_count`",
                severity=Severity.WARNING,
            )
        return references

    def _reference(self, node: YamlNode) -> RuleReference:
        if not isinstance(node, ScalarNode) or not node.text.strip():
            raise RuleError(
                "an entry of `rules` must be the id or the name of a rule",
                location=node.location,
                fix="write rules as documents of their own, and name them here",
                code="correlation-rules",
            )
        return RuleReference(text=node.text.strip(), location=node.location)

    def _group_by(self) -> tuple[str, ...]:
        node = self.section.get("group-by")
        names = tuple(name.strip() for name in self.collector.strings(node, "group-by")) if node is not None else ()
        if isinstance(node, ScalarNode) and names:
            names = tuple(name.strip() for name in names[0].split(","))
            self.collector.report(
                "correlation-dialect",
                "`group-by` is a string; expected a list",
                node.location,
                fix=f"write `group-by: [{', '.join(names)}]`",
                severity=Severity.INFO,
            )
        names = tuple(dict.fromkeys(name for name in names if name))
        if not names:
            self.collector.report(
                "correlation-group-by",
                "the correlation has no `group-by`, so that all events are one group",
                self._location("group-by"),
                fix="add e.g. `group-by: [Computer]` to count each computer by itself",
                severity=Severity.INFO,
            )
        return names

    def _aliases(self) -> Mapping[str, Mapping[str, str]]:
        node = self.section.get("aliases")
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            return {}
        aliases: dict[str, dict[str, str]] = {}
        for alias in as_mapping(node, "`aliases`").entries:
            fields = as_mapping(alias.value, f"the alias `{alias.key_text}`")
            for entry in fields.entries:
                if not isinstance(entry.value, ScalarNode) or not entry.value.text.strip():
                    raise RuleError(
                        f"the alias `{alias.key_text}` needs a field for `{entry.key_text}`",
                        location=entry.key_location,
                        fix="write `RULE: FIELD`",
                        code="correlation-aliases",
                    )
                aliases.setdefault(alias.key_text, {})[entry.key_text.strip()] = entry.value.text.strip()
        return aliases

    def _generate(self) -> bool:
        values = {node.location: node for part in (self.section, self.top_level) for node in part.all("generate")}
        generate = False
        for node in values.values():
            text = node.text.strip().lower() if isinstance(node, ScalarNode) else ""
            if text not in ("true", "yes", "false", "no"):
                self.collector.report(
                    "correlation-generate",
                    "`generate` is neither true nor false; it is read as false",
                    node.location,
                    fix="write `generate: true` if the base rules are to alert on their own",
                )
            generate = generate or text in ("true", "yes")
        return generate


def _unknown_type(node: YamlNode, name: str) -> RuleError:
    text = node.text if isinstance(node, ScalarNode) else ""
    near = difflib.get_close_matches(name, SIGMA_TYPES, n=1)
    fix = f"did you mean `{near[0]}`" if near else f"write one of {', '.join(SIGMA_TYPES)}"
    message = f"`{text}` is not a type of correlations"
    own = extension_of(node)
    if own is not None:
        message, fix = (
            f"`{text}` is not a type of Sigma",
            f"write `watcher:` instead of `correlation:`, with `type: {own}`",
        )
    return RuleError(message, location=node.location, fix=fix, code="correlation-type")


def _condition_fault(message: str, location: Location, fix: str) -> RuleError:
    return RuleError(message, location=location, fix=fix, code="correlation-condition")
