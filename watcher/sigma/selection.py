"""One selection of `detection` → condition tree.

A map means that all entries hold, a list that any does; duplicate keys of a map are all kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.errors import RuleError
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Finding,
    Not,
    Or,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaValue,
)
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.modifiers import ModifierError, expand, known
from watcher.sigma.placeholders import Placeholders
from watcher.yaml_nodes.nodes import Entry, ListNode, MapNode, ScalarNode, YamlNode

_KEPT = "every one of them must hold; where that is meant write it as one key with `all`, else as one list"


def read_selection(name: str, entry: Entry, placeholders: Placeholders) -> tuple[ConditionNode, tuple[Finding, ...]]:
    """Read one selection; raises RuleError where it has no meaning."""
    reader = _SelectionReader(name=name, placeholders=placeholders)
    return reader.value(entry.value), tuple(reader.notes.findings)


@dataclass(slots=True)
class _SelectionReader:
    name: str
    placeholders: Placeholders
    notes: FindingCollector = field(default_factory=FindingCollector)

    def value(self, value: YamlNode) -> ConditionNode:
        if isinstance(value, MapNode):
            return self._map(value)
        if isinstance(value, ListNode):
            return self._list(value)
        return self._keywords(value, (value,))

    def _map(self, node: MapNode) -> ConditionNode:
        if not node.entries:
            raise RuleError(f"the selection `{self.name}` is empty", location=node.location, code="empty-selection")
        self.notes.duplicates(node, f"`{self.name}`", _KEPT)
        branches = tuple(self._entry(entry) for entry in node.entries)
        return branches[0] if len(branches) == 1 else And(branches)

    def _list(self, node: ListNode) -> ConditionNode:
        if not node.items:
            raise RuleError(f"the selection `{self.name}` is empty", location=node.location, code="empty-selection")
        scalars = tuple(item for item in node.items if isinstance(item, ScalarNode))
        branches: list[ConditionNode] = [self.value(item) for item in node.items if not isinstance(item, ScalarNode)]
        if scalars:
            branches.append(self._keywords(node, scalars))
        return branches[0] if len(branches) == 1 else Or(tuple(branches))

    def _keywords(self, at: YamlNode, scalars: tuple[ScalarNode, ...]) -> ConditionNode:
        return self._tests(Entry(key="", key_text="", key_location=at.location, value=at), None, (), scalars)

    def _entry(self, entry: Entry) -> ConditionNode:
        name, *modifiers = entry.key_text.split("|")
        modifiers = [modifier.strip().lower() for modifier in modifiers]
        values = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
        scalars = tuple(value for value in values if isinstance(value, ScalarNode))
        if len(scalars) != len(values):
            odd = next(value for value in values if not isinstance(value, ScalarNode))
            raise RuleError(
                f"`{entry.key}` holds a {'map' if isinstance(odd, MapNode) else 'list'} where a value is wanted",
                location=odd.location,
                fix="write a value or a list of values",
                code="wrong-value",
            )
        return self._tests(entry, name.strip() or None, tuple(modifiers), scalars)

    def _tests(
        self, entry: Entry, name: str | None, modifiers: tuple[str, ...], scalars: tuple[ScalarNode, ...]
    ) -> ConditionNode:
        what = f"`{entry.key}`" if entry.key else f"the keywords of `{self.name}`"
        items = []
        for scalar in scalars:
            tests = self._expanded(what, scalar, modifiers)
            if name is None and any(isinstance(test, SigmaNull) for test in tests):
                self.notes.say(
                    "empty-keyword", f"{what} hold an empty one, which says nothing", scalar.location, fix="remove it"
                )
            elif name is None and any(isinstance(test, SigmaExists | SigmaFieldReference) for test in tests):
                raise RuleError(
                    f"{what}: this asks for a field, and there is none", location=scalar.location, code="modifier"
                )
            else:
                self._as_written(what, scalar, tests)
                items.append((scalar, tests))
        if not items:
            return self._nothing(entry, name, what, modifiers)
        node = self._joined(entry, name, modifiers, items, every="all" in modifiers)
        return Not(node) if "neq" in modifiers else node

    def _expanded(self, what: str, scalar: ScalarNode, modifiers: tuple[str, ...]) -> tuple[SigmaValue, ...]:
        try:
            return expand(scalar.value, scalar.text, modifiers, self.placeholders)
        except ModifierError as fault:
            raise RuleError(f"{what}: {fault}", location=scalar.location, code="modifier") from fault

    def _nothing(self, entry: Entry, name: str | None, what: str, modifiers: tuple[str, ...]) -> ConditionNode:
        """Read a list without values: nothing is what the field must hold."""
        if name is None:
            raise RuleError(f"{what} hold nothing to look for", location=entry.value.location, code="empty-selection")
        try:
            known(modifiers)
        except ModifierError as fault:
            raise RuleError(f"{what}: {fault}", location=entry.key_location, code="modifier") from fault
        self.notes.say(
            "empty-list",
            f"{what} has an empty list, which is read as `null`: the field is absent or empty",
            entry.key_location,
            fix="add values or write `null`",
        )
        node = DetectionItem(field=name, values=(SigmaNull(),), modifiers=modifiers, location=entry.key_location)
        return Not(node) if "neq" in modifiers else node

    def _as_written(self, what: str, scalar: ScalarNode, tests: tuple[SigmaValue, ...]) -> None:
        """Say where YAML makes of a value what its author hardly meant."""
        for test in tests:
            if isinstance(test, SigmaNumber) and not scalar.quoted and str(test.value) != scalar.text:
                self.notes.say(
                    "yaml-number",
                    f"YAML reads `{scalar.text}` of {what} as the number {test.value}",
                    scalar.location,
                    fix=f"write `'{scalar.text}'` where the event holds that text",
                )

    def _joined(
        self,
        entry: Entry,
        name: str | None,
        modifiers: tuple[str, ...],
        items: list[tuple[ScalarNode, tuple[SigmaValue, ...]]],
        *,
        every: bool,
    ) -> ConditionNode:
        simple = all(len(tests) == 1 for _, tests in items)
        if simple or not every:
            return DetectionItem(
                field=name,
                values=tuple(test for _, tests in items for test in tests),
                match_all=every,
                modifiers=modifiers,
                source_values=tuple(scalar.value for scalar, _ in items),
                location=entry.key_location,
            )
        # one value stands for several tests, any of which will do, yet every value must hold
        return And(
            tuple(
                DetectionItem(
                    field=name,
                    values=tests,
                    modifiers=modifiers,
                    source_values=(scalar.value,),
                    location=scalar.location,
                )
                for scalar, tests in items
            )
        )
