"""A map of selections and a condition → condition tree: the `detection` of a rule, the `filter` of a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watcher.errors import RuleError
from watcher.model import All, AnyOf, Node, Selection
from watcher.read.condition import ConditionError, bare_patterns, other_cases, parse_condition, split_aggregation
from watcher.read.detection import read_selection
from watcher.read.document import ListNode, MapNode, ScalarNode, Value
from watcher.read.notes import Notes
from watcher.read.placeholders import Placeholders

KEPT = (
    "all of them are kept: in a selection every one must hold, elsewhere lists are joined and the last value wins; "
    "write the key once"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic:
    """What selections and condition mean."""

    selections: tuple[Selection, ...]
    conditions: tuple[str, ...]  # as written
    aggregation: str | None
    node: Node


def read_logic(
    node: MapNode, what: str, placeholders: Placeholders, notes: Notes, *, reserved: tuple[str, ...]
) -> Logic:
    """Read every selection and the condition of a map; raises RuleError where they have no meaning."""
    reader = _Reader(map=node, what=what, placeholders=placeholders, notes=notes, reserved=reserved)
    return reader.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    map: MapNode
    what: str  # `detection` or `filter`
    placeholders: Placeholders
    notes: Notes
    reserved: tuple[str, ...]  # keys that are no selections

    def read(self) -> Logic:
        selections = self._selections()
        values = [entry.value for entry in self.map.entries if str(entry.key).lower() == "condition"]
        if not values:
            raise RuleError(
                f"`{self.what}` has no `condition`",
                place=self.map.place,
                fix="add `condition: selection`",
                code="missing-condition",
            )
        named = {selection.name: selection.node for selection in selections}
        read = [self._conditions(value, named) for value in values]
        aggregations = [found for _, found, _ in read if found]
        return Logic(
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
                self.notes.say("empty-selection", f"the selection `{name}` is empty", entry.key_place, fix="remove it")
                continue
            node, findings = read_selection(name, entry, self.placeholders)
            self.notes.findings.extend(findings)
            if name in found:
                node = All((found[name].node, node))
            place = found[name].place if name in found else entry.key_place
            found[name] = Selection(name=name, node=node, place=place)
        if not found:
            raise RuleError(f"`{self.what}` has no selection", place=self.map.place, code="missing-selection")
        return tuple(found.values())

    def _conditions(self, value: Value, named: Mapping[str, Node]) -> tuple[tuple[str, ...], str | None, Node]:
        """Read one `condition`; in a list any of the lines may hold."""
        lines = value.items if isinstance(value, ListNode) else (value,)
        read = [self._line(line, named) for line in lines]
        if not read:
            raise RuleError("the condition is empty", place=value.place, code="condition")
        nodes = tuple(node for _, _, node in read)
        aggregation = next((found for _, found, _ in read if found), None)
        return tuple(text for text, _, _ in read), aggregation, nodes[0] if len(nodes) == 1 else AnyOf(nodes)

    def _line(self, line: Value, named: Mapping[str, Node]) -> tuple[str, str | None, Node]:
        if not isinstance(line, ScalarNode) or line.value is None:
            raise RuleError("a condition must be a text", place=line.place, code="condition")
        written = line.value if isinstance(line.value, str) else line.text
        text, aggregation = split_aggregation(written)
        try:
            node = parse_condition(text, named)
        except ConditionError as fault:
            raise RuleError(str(fault), place=line.place, code="condition") from fault
        for name, meant in other_cases(text, named):
            self.notes.say(
                "other-case", f"`{name}` is written `{meant}` in `{self.what}`", line.place, fix="write it so"
            )
        for pattern in bare_patterns(text):
            self.notes.say(
                "bare-pattern",
                f"`{pattern}` stands without a quantifier; it is read as `1 of {pattern}`",
                line.place,
                fix=f"write `1 of {pattern}` or `all of {pattern}`",
            )
        if aggregation:
            self.notes.say(
                "aggregation",
                f"the condition counts (`{aggregation}`), which a rule for single events cannot",
                line.place,
                fix="the rule is read but not run; write a Sigma correlation, or drop what follows the pipe",
            )
        return written, aggregation, node


def _is_empty(value: Value) -> bool:
    if isinstance(value, ScalarNode):
        return value.value is None
    return not (value.items if isinstance(value, ListNode) else value.entries)


def _joined(nodes: Sequence[Node]) -> Node:
    """Give what several `condition` keys mean: like every duplicate key of a map, all of them hold."""
    return nodes[0] if len(nodes) == 1 else All(tuple(nodes))
