"""A map of selections and a condition → condition tree: the `detection` of a rule, the `filter` of a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watcher.errors import RuleError
from watcher.model import And, ConditionNode, Or, Selection
from watcher.sigma.condition import ConditionError, bare_patterns, other_cases, parse_condition, split_aggregation
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.selection import read_selection
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

KEPT = (
    "all of them are kept: in a selection every one must hold, elsewhere lists are joined and the last value wins; "
    "write the key once"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What selections and condition mean."""

    selections: tuple[Selection, ...]
    conditions: tuple[str, ...]  # as written
    aggregation: str | None
    node: ConditionNode


def read_detection(
    node: MapNode, what: str, placeholders: Placeholders, notes: FindingCollector, *, reserved: tuple[str, ...]
) -> Detection:
    """Read every selection and the condition of a map; raises RuleError where they have no meaning."""
    reader = _DetectionReader(map=node, what=what, placeholders=placeholders, notes=notes, reserved=reserved)
    return reader.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class _DetectionReader:
    map: MapNode
    what: str  # `detection` or `filter`
    placeholders: Placeholders
    notes: FindingCollector
    reserved: tuple[str, ...]  # keys that are no selections

    def read(self) -> Detection:
        selections = self._selections()
        values = [entry.value for entry in self.map.entries if str(entry.key).lower() == "condition"]
        if not values:
            raise RuleError(
                f"`{self.what}` has no `condition`",
                location=self.map.location,
                fix="add `condition: selection`",
                code="missing-condition",
            )
        named = {selection.name: selection.node for selection in selections}
        read = [self._conditions(value, named) for value in values]
        aggregations = [found for _, found, _ in read if found]
        return Detection(
            selections=selections,
            conditions=tuple(text for texts, _, _ in read for text in texts),
            aggregation=aggregations[0] if aggregations else None,
            node=_joined([node for _, _, node in read]),
        )

    def _selections(self) -> tuple[Selection, ...]:
        self.notes.duplicates(self.map, f"`{self.what}`", KEPT)
        found: dict[str, Selection] = {}
        for entry in self.map.entries:
            name = entry.key_text  # YAML makes other things of `on` and `1`
            if name.lower() in self.reserved:
                continue
            if _is_empty(entry.value):
                self.notes.say(
                    "empty-selection", f"the selection `{name}` is empty", entry.key_location, fix="remove it"
                )
                continue
            node, findings = read_selection(name, entry, self.placeholders)
            self.notes.findings.extend(findings)
            if name in found:
                node = And((found[name].node, node))
            location = found[name].location if name in found else entry.key_location
            found[name] = Selection(name=name, node=node, location=location)
        if not found:
            raise RuleError(f"`{self.what}` has no selection", location=self.map.location, code="missing-selection")
        return tuple(found.values())

    def _conditions(
        self, value: YamlNode, named: Mapping[str, ConditionNode]
    ) -> tuple[tuple[str, ...], str | None, ConditionNode]:
        """Read one `condition`; in a list any of the lines may hold."""
        lines = value.items if isinstance(value, ListNode) else (value,)
        read = [self._line(line, named) for line in lines]
        if not read:
            raise RuleError("the condition is empty", location=value.location, code="condition")
        nodes = tuple(node for _, _, node in read)
        aggregation = next((found for _, found, _ in read if found), None)
        return tuple(text for text, _, _ in read), aggregation, nodes[0] if len(nodes) == 1 else Or(nodes)

    def _line(self, line: YamlNode, named: Mapping[str, ConditionNode]) -> tuple[str, str | None, ConditionNode]:
        if not isinstance(line, ScalarNode) or line.value is None:
            raise RuleError("a condition must be a text", location=line.location, code="condition")
        written = line.value if isinstance(line.value, str) else line.text
        text, aggregation = split_aggregation(written)
        try:
            node = parse_condition(text, named)
        except ConditionError as fault:
            raise RuleError(str(fault), location=line.location, code="condition") from fault
        for name, meant in other_cases(text, named):
            self.notes.say(
                "other-case", f"`{name}` is written `{meant}` in `{self.what}`", line.location, fix="write it so"
            )
        for pattern in bare_patterns(text):
            self.notes.say(
                "bare-pattern",
                f"`{pattern}` stands without a quantifier; it is read as `1 of {pattern}`",
                line.location,
                fix=f"write `1 of {pattern}` or `all of {pattern}`",
            )
        if aggregation:
            self.notes.say(
                "aggregation",
                f"the condition counts (`{aggregation}`), which a rule for single events cannot",
                line.location,
                fix="the rule is read but not run; write a Sigma correlation, or drop what follows the pipe",
            )
        return written, aggregation, node


def _is_empty(value: YamlNode) -> bool:
    if isinstance(value, ScalarNode):
        return value.value is None
    return not (value.items if isinstance(value, ListNode) else value.entries)


def _joined(nodes: Sequence[ConditionNode]) -> ConditionNode:
    """Give what several `condition` keys mean: like every duplicate key of a map, all of them hold."""
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))
