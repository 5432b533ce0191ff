"""One selection of `detection` → condition tree.

A map means that all entries hold, a list that any does; duplicate keys of a map are all kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.errors import RuleError
from watcher.model import All, AnyOf, Finding, Item, Node, Not, Severity, Test
from watcher.read.document import Entry, ListNode, MapNode, ScalarNode, Value
from watcher.read.modifiers import ModifierError, expand

Placeholders = Mapping[str, tuple[str, ...]]


def read_selection(name: str, entry: Entry, placeholders: Placeholders) -> tuple[Node, tuple[Finding, ...]]:
    """Read one selection; raises RuleError where it has no meaning."""
    reader = _Reader(name=name, placeholders=placeholders)
    return reader.value(entry.value), tuple(reader.findings)


@dataclass(slots=True)
class _Reader:
    name: str
    placeholders: Placeholders
    findings: list[Finding] = field(default_factory=list)

    def value(self, value: Value) -> Node:
        if isinstance(value, MapNode):
            return self._map(value)
        if isinstance(value, ListNode):
            return self._list(value)
        return self._keywords(value, (value,))

    def _map(self, node: MapNode) -> Node:
        if not node.entries:
            raise RuleError(f"the selection `{self.name}` is empty", place=node.place, code="empty-selection")
        for entries in node.duplicates():
            lines = ", ".join(str(entry.key_place.line) for entry in entries)
            self.findings.append(
                Finding(
                    code="duplicate-key",
                    severity=Severity.WARNING,
                    place=entries[1].key_place,
                    message=f"`{entries[0].key}` stands {len(entries)} times in `{self.name}` (lines {lines})",
                    fix="every one of them must hold; where that is meant write it as one key with `all`, "
                    "else as one list",
                )
            )
        branches = tuple(self._entry(entry) for entry in node.entries)
        return branches[0] if len(branches) == 1 else All(branches)

    def _list(self, node: ListNode) -> Node:
        if not node.items:
            raise RuleError(f"the selection `{self.name}` is empty", place=node.place, code="empty-selection")
        scalars = tuple(item for item in node.items if isinstance(item, ScalarNode))
        branches: list[Node] = [self.value(item) for item in node.items if not isinstance(item, ScalarNode)]
        if scalars:
            branches.append(self._keywords(node, scalars))
        return branches[0] if len(branches) == 1 else AnyOf(tuple(branches))

    def _keywords(self, at: Value, scalars: tuple[ScalarNode, ...]) -> Node:
        return self._tests(Entry(key="", key_text="", key_place=at.place, value=at), None, (), scalars)

    def _entry(self, entry: Entry) -> Node:
        name, *modifiers = entry.key_text.split("|")
        modifiers = [modifier.strip().lower() for modifier in modifiers]
        values = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
        scalars = tuple(value for value in values if isinstance(value, ScalarNode))
        if len(scalars) != len(values):
            odd = next(value for value in values if not isinstance(value, ScalarNode))
            raise RuleError(
                f"`{entry.key}` holds a {'map' if isinstance(odd, MapNode) else 'list'} where a value is wanted",
                place=odd.place,
                fix="write a value or a list of values",
                code="wrong-value",
            )
        return self._tests(entry, name.strip() or None, tuple(modifiers), scalars)

    def _tests(
        self, entry: Entry, name: str | None, modifiers: tuple[str, ...], scalars: tuple[ScalarNode, ...]
    ) -> Node:
        every = "all" in modifiers
        items = []
        for scalar in scalars:
            try:
                tests = expand(scalar.value, scalar.text, modifiers, self.placeholders)
            except ModifierError as fault:
                what = f"`{entry.key}`" if name else f"the keywords of `{self.name}`"
                raise RuleError(f"{what}: {fault}", place=scalar.place, code="modifier") from fault
            items.append((scalar, tests))
        if not items:
            self.findings.append(
                Finding(
                    code="empty-list",
                    severity=Severity.WARNING,
                    place=entry.key_place,
                    message=f"`{entry.key}` has an empty list, which no event can match",
                    fix="add values or remove the key",
                )
            )
        node = self._joined(entry, name, modifiers, items, every=every)
        return Not(node) if "neq" in modifiers else node

    def _joined(
        self,
        entry: Entry,
        name: str | None,
        modifiers: tuple[str, ...],
        items: list[tuple[ScalarNode, tuple[Test, ...]]],
        *,
        every: bool,
    ) -> Node:
        simple = all(len(tests) == 1 for _, tests in items)
        if simple or not every:
            return Item(
                field=name,
                tests=tuple(test for _, tests in items for test in tests),
                every=every,
                modifiers=modifiers,
                written=tuple(scalar.value for scalar, _ in items),
                place=entry.key_place,
            )
        # one value stands for several tests, any of which will do, yet every value must hold
        return All(
            tuple(
                Item(field=name, tests=tests, modifiers=modifiers, written=(scalar.value,), place=scalar.place)
                for scalar, tests in items
            )
        )
