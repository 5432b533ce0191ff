"""One selection of `detection` → condition tree.

A map means that all entries hold, a list that any does; duplicate keys of a map are all kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.errors import RuleError
from watcher.model import All, AnyOf, Empty, Exists, FieldRef, Finding, Item, Node, Not, Number, Test
from watcher.read.document import Entry, ListNode, MapNode, ScalarNode, Value
from watcher.read.modifiers import ModifierError, expand, known
from watcher.read.notes import Notes
from watcher.read.placeholders import Placeholders

_KEPT = "every one of them must hold; where that is meant write it as one key with `all`, else as one list"


def read_selection(name: str, entry: Entry, placeholders: Placeholders) -> tuple[Node, tuple[Finding, ...]]:
    """Read one selection; raises RuleError where it has no meaning."""
    reader = _Reader(name=name, placeholders=placeholders)
    return reader.value(entry.value), tuple(reader.notes.findings)


@dataclass(slots=True)
class _Reader:
    name: str
    placeholders: Placeholders
    notes: Notes = field(default_factory=Notes)

    def value(self, value: Value) -> Node:
        if isinstance(value, MapNode):
            return self._map(value)
        if isinstance(value, ListNode):
            return self._list(value)
        return self._keywords(value, (value,))

    def _map(self, node: MapNode) -> Node:
        if not node.entries:
            raise RuleError(f"the selection `{self.name}` is empty", place=node.place, code="empty-selection")
        self.notes.duplicates(node, f"`{self.name}`", _KEPT)
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
        what = f"`{entry.key}`" if entry.key else f"the keywords of `{self.name}`"
        items = []
        for scalar in scalars:
            tests = self._expanded(what, scalar, modifiers)
            if name is None and any(isinstance(test, Empty) for test in tests):
                self.notes.say(
                    "empty-keyword", f"{what} hold an empty one, which says nothing", scalar.place, fix="remove it"
                )
            elif name is None and any(isinstance(test, Exists | FieldRef) for test in tests):
                raise RuleError(
                    f"{what}: this asks for a field, and there is none", place=scalar.place, code="modifier"
                )
            else:
                self._as_written(what, scalar, tests)
                items.append((scalar, tests))
        if not items:
            return self._nothing(entry, name, what, modifiers)
        node = self._joined(entry, name, modifiers, items, every="all" in modifiers)
        return Not(node) if "neq" in modifiers else node

    def _expanded(self, what: str, scalar: ScalarNode, modifiers: tuple[str, ...]) -> tuple[Test, ...]:
        try:
            return expand(scalar.value, scalar.text, modifiers, self.placeholders)
        except ModifierError as fault:
            raise RuleError(f"{what}: {fault}", place=scalar.place, code="modifier") from fault

    def _nothing(self, entry: Entry, name: str | None, what: str, modifiers: tuple[str, ...]) -> Node:
        """Read a list without values: nothing is what the field must hold."""
        if name is None:
            raise RuleError(f"{what} hold nothing to look for", place=entry.value.place, code="empty-selection")
        try:
            known(modifiers)
        except ModifierError as fault:
            raise RuleError(f"{what}: {fault}", place=entry.key_place, code="modifier") from fault
        self.notes.say(
            "empty-list",
            f"{what} has an empty list, which is read as `null`: the field is absent or empty",
            entry.key_place,
            fix="add values or write `null`",
        )
        node = Item(field=name, tests=(Empty(),), modifiers=modifiers, place=entry.key_place)
        return Not(node) if "neq" in modifiers else node

    def _as_written(self, what: str, scalar: ScalarNode, tests: tuple[Test, ...]) -> None:
        """Say where YAML makes of a value what its author hardly meant."""
        for test in tests:
            if isinstance(test, Number) and not scalar.quoted and str(test.value) != scalar.text:
                self.notes.say(
                    "yaml-number",
                    f"YAML reads `{scalar.text}` of {what} as the number {test.value}",
                    scalar.place,
                    fix=f"write `'{scalar.text}'` where the event holds that text",
                )

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
