"""Reader of `detection` in rules and `filter` in filters: selections and conditions → condition tree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from watcher.errors import RuleError
from watcher.model import And, ConditionNode, Or, Selection
from watcher.sigma.condition import (
    ConditionError,
    count_words,
    names_in_other_case,
    parse_condition,
    split_aggregation,
    unmatched_patterns,
    unquantified_patterns,
)
from watcher.sigma.condition_size import MAX_NODES, MAX_SELECTIONS, MAX_WORDS, is_oversized
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.selection import read_selection
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

_AGGREGATED_BY = re.compile(r"\bby\s+([\w.-]+)", re.IGNORECASE)
DUPLICATES_KEPT = (
    "all are kept: in a selection all must match, elsewhere lists are joined and the last value is used; "
    "write the key once"
)


class Detection(NamedTuple):
    """The selections and the condition of a rule or a filter."""

    selections: tuple[Selection, ...]
    conditions: tuple[str, ...]  # as written
    aggregation: str | None
    node: ConditionNode


def read_detection(
    node: MapNode, key: str, placeholders: Placeholders, collector: FindingCollector, *, reserved: tuple[str, ...]
) -> Detection:
    """Read every selection and the condition of a mapping; raises RuleError where they are invalid."""
    return _DetectionReader(node, key, placeholders, collector, reserved).read()


@dataclass(slots=True)
class _DetectionReader:
    mapping: MapNode
    key: str  # `detection` or `filter`
    placeholders: Placeholders
    collector: FindingCollector
    reserved: tuple[str, ...]  # keys that are not selections

    def read(self) -> Detection:
        selections = self._selections()
        values = [entry.value for entry in self.mapping.entries if str(entry.key).lower() == "condition"]
        if not values:
            raise RuleError(
                f"`{self.key}` has no `condition`",
                location=self.mapping.location,
                fix="add `condition: selection`",
                code="missing-condition",
            )
        named = {selection.name: selection.node for selection in selections}
        self._limit(values, len(named))
        conditions = [self._conditions(value, named) for value in values]
        if len(conditions) > 1:
            self._limit_nodes(values[0], [node for _, _, node in conditions])
        aggregations = [aggregation for _, aggregation, _ in conditions if aggregation]
        return Detection(
            selections=selections,
            conditions=tuple([text for texts, _, _ in conditions for text in texts]),
            aggregation=aggregations[0] if aggregations else None,
            node=_all_of([node for _, _, node in conditions]),
        )

    def _limit(self, values: Sequence[YamlNode], selections: int) -> None:
        """Raise RuleError where conditions and selections are too many to be compared with each other."""
        if selections > MAX_SELECTIONS:
            raise _too_large(
                self.mapping, f"`{self.key}` has {selections} selections; at most {MAX_SELECTIONS} are read"
            )
        lines = [line for value in values for line in (value.items if isinstance(value, ListNode) else (value,))]
        texts = [(line, line.text) for line in lines if isinstance(line, ScalarNode)]
        if sum([len(text) for _, text in texts]) <= MAX_WORDS:
            return  # a word has a character at least
        words = 0
        for line, text in texts:
            words += count_words(text)
            if words > MAX_WORDS:
                raise _too_large(line, f"the conditions have more than {MAX_WORDS} words")

    def _limit_nodes(self, value: YamlNode, nodes: Sequence[ConditionNode]) -> None:
        if is_oversized(*nodes):
            raise _too_large(
                value, f"the conditions name more than {MAX_NODES} detection items, repeated ones included"
            )

    def _selections(self) -> tuple[Selection, ...]:
        self.collector.duplicates(self.mapping, f"`{self.key}`", DUPLICATES_KEPT)
        selections: dict[str, Selection] = {}
        repeated: dict[str, tuple[ConditionNode, ...]] = {}  # joined in one node: nodes within nodes get too deep
        for entry in self.mapping.entries:
            name = entry.key_text  # YAML converts `on` and `1` to other types
            if name.lower() in self.reserved:
                continue
            if _is_empty(entry.value):
                self.collector.report(
                    "empty-selection", f"the selection `{name}` is empty", entry.key_location, fix="remove it"
                )
                continue
            node = read_selection(name, entry, self.placeholders, self.collector)
            if name in selections:
                repeated[name] = (*repeated.get(name, (selections[name].node,)), node)
                node = And(repeated[name])
            location = selections[name].location if name in selections else entry.key_location
            selections[name] = Selection(name=name, node=node, location=location)
        if not selections:
            raise RuleError(f"`{self.key}` has no selection", location=self.mapping.location, code="missing-selection")
        return tuple(selections.values())

    def _conditions(
        self, value: YamlNode, named: Mapping[str, ConditionNode]
    ) -> tuple[tuple[str, ...], str | None, ConditionNode]:
        """Read one `condition`; of a list, any line may match."""
        lines = value.items if isinstance(value, ListNode) else (value,)
        parsed: list[tuple[str, str | None, ConditionNode]] = []
        for line in lines:
            parsed.append(self._line(line, named))
            self._limit_nodes(line, [node for _, _, node in parsed])
        if not parsed:
            raise RuleError("the condition is empty", location=value.location, code="condition")
        if len(parsed) == 1:
            text, aggregation, node = parsed[0]
            return (text,), aggregation, node
        aggregation = next((aggregation for _, aggregation, _ in parsed if aggregation), None)
        return tuple(text for text, _, _ in parsed), aggregation, Or(tuple(node for _, _, node in parsed))

    def _line(self, line: YamlNode, named: Mapping[str, ConditionNode]) -> tuple[str, str | None, ConditionNode]:
        if not isinstance(line, ScalarNode) or line.value is None:
            raise RuleError("a condition must be a string", location=line.location, code="condition")
        source = line.value if isinstance(line.value, str) else line.text
        text, aggregation = split_aggregation(source)
        if text in named and text.isascii() and text.isidentifier():  # nearly half of all conditions
            node = named[text]
        else:
            node = self._parsed(text, line, named)
        if aggregation:
            self.collector.report(
                "aggregation",
                f"the condition has an aggregation (`{aggregation}`): watcher does not count events, so the rule is "
                "not run",
                line.location,
                fix=f"remove what follows the pipe, and join the hits in one alert: {_grouping(aggregation)}",
            )
        return source, aggregation, node

    def _parsed(self, text: str, line: ScalarNode, named: Mapping[str, ConditionNode]) -> ConditionNode:
        """Parse a condition and report what is read otherwise than it is written."""
        try:
            node = parse_condition(text, named)
        except ConditionError as fault:
            raise RuleError(str(fault), location=line.location, code="condition") from fault
        for name, meant in names_in_other_case(text, named):
            self.collector.report(
                "other-case", f"`{name}` is spelled `{meant}` in `{self.key}`", line.location, fix=f"write `{meant}`"
            )
        for pattern in unquantified_patterns(text):
            self.collector.report(
                "bare-pattern",
                f"`{pattern}` has no quantifier; it is read as `1 of {pattern}`",
                line.location,
                fix=f"write `1 of {pattern}` or `all of {pattern}`",
            )
        for pattern in unmatched_patterns(text, named):
            self.collector.report(
                "unmatched-pattern",
                f"`{pattern}` matches no selection; it is read as a part that matches no event",
                line.location,
                fix="remove it from the condition, or write the selection",
            )
        return node


def _grouping(aggregation: str) -> str:
    """Return the settings of a rule that group hits as an aggregation groups events."""
    field = _AGGREGATED_BY.search(aggregation)
    return f"`custom: {{watcher: {{group_by: [{field[1] if field else 'host.name'}], quiet_period: 1h}}}}`"


def _is_empty(value: YamlNode) -> bool:
    if isinstance(value, ScalarNode):
        return value.value is None
    return not (value.items if isinstance(value, ListNode) else value.entries)


def _too_large(node: YamlNode, message: str) -> RuleError:
    return RuleError(message, location=node.location, fix="divide the rule", code="condition")


def _all_of(nodes: Sequence[ConditionNode]) -> ConditionNode:
    """Return the meaning of several `condition` keys: like all duplicate keys, all must match."""
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))
