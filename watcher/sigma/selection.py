"""Reader of one selection of `detection`: YAML → condition tree.

All entries of a mapping must match, or any of a list; duplicate keys of a mapping are all kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from watcher.errors import RuleError
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Not,
    Or,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SigmaValue,
    Wildcard,
)
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.modified_values import ModifierError
from watcher.sigma.modifiers import apply_modifiers, check_modifiers, wildcards_around
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.sigma_strings import are_literals
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode

_LONGEST_CACHED = 200  # characters: rules repeat their keys
_ALL_MUST_MATCH = "all must match; if intended, write one key with `all`, else one list"


def read_selection(
    name: str, entry: MappingEntry, placeholders: Placeholders, collector: FindingCollector
) -> ConditionNode:
    """Read one selection; raises RuleError if it is invalid."""
    return _SelectionReader(name, placeholders, collector).read(entry.value)


class _FieldKey(NamedTuple):
    """A key of a selection, e.g. `Image|endswith`."""

    field: str | None  # None: keywords
    modifiers: tuple[str, ...]
    match_all: bool
    around: tuple[tuple[Wildcard, ...], tuple[Wildcard, ...]] | None  # the wildcards before and after a literal


def _field_key(text: str) -> _FieldKey:
    return _cached_field_key(text) if len(text) <= _LONGEST_CACHED else _read_field_key(text)


def _read_field_key(text: str) -> _FieldKey:
    name, *written = text.split("|")
    modifiers = tuple(modifier.strip().lower() for modifier in written)
    return _FieldKey(
        field=name.strip() or None,
        modifiers=modifiers,
        match_all="all" in modifiers,
        around=wildcards_around([modifier for modifier in modifiers if modifier != "all"]),
    )


_cached_field_key = lru_cache(maxsize=4096)(_read_field_key)


@dataclass(slots=True)
class _SelectionReader:
    name: str
    placeholders: Placeholders
    collector: FindingCollector

    def read(self, value: YamlNode) -> ConditionNode:
        if isinstance(value, MapNode):
            return self._mapping(value)
        if isinstance(value, ListNode):
            return self._list(value)
        return self._keywords(value, (value,))

    def _mapping(self, node: MapNode) -> ConditionNode:
        if not node.entries:
            raise RuleError(f"the selection `{self.name}` is empty", location=node.location, code="empty-selection")
        self.collector.duplicates(node, f"`{self.name}`", _ALL_MUST_MATCH)
        branches = tuple([self._entry(entry) for entry in node.entries])
        return branches[0] if len(branches) == 1 else And(branches)

    def _list(self, node: ListNode) -> ConditionNode:
        if not node.items:
            raise RuleError(f"the selection `{self.name}` is empty", location=node.location, code="empty-selection")
        scalars = tuple(item for item in node.items if isinstance(item, ScalarNode))
        branches: list[ConditionNode] = [self.read(item) for item in node.items if not isinstance(item, ScalarNode)]
        if scalars:
            branches.append(self._keywords(node, scalars))
        return branches[0] if len(branches) == 1 else Or(tuple(branches))

    def _keywords(self, at: YamlNode, scalars: tuple[ScalarNode, ...]) -> ConditionNode:
        entry = MappingEntry(key="", key_text="", key_location=at.location, value=at)
        key = _field_key("")
        literals = _literals(key, scalars)
        return _literal_item(entry, key, literals) if literals else self._item(entry, key, scalars)

    def _entry(self, entry: MappingEntry) -> ConditionNode:
        key = _field_key(entry.key_text)
        values = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
        literals = _literals(key, values)
        if literals:
            return _literal_item(entry, key, literals)
        scalars = tuple([value for value in values if isinstance(value, ScalarNode)])
        if len(scalars) != len(values):
            nested = next(value for value in values if not isinstance(value, ScalarNode))
            raise RuleError(
                f"`{entry.key}` contains a {'mapping' if isinstance(nested, MapNode) else 'list'}; expected a value",
                location=nested.location,
                fix="write a value or a list of values",
                code="wrong-value",
            )
        return self._item(entry, key, scalars)

    def _item(self, entry: MappingEntry, key: _FieldKey, scalars: tuple[ScalarNode, ...]) -> ConditionNode:
        name, modifiers = key.field, key.modifiers
        label = f"`{entry.key}`" if entry.key else f"the keywords of `{self.name}`"
        items = []
        for scalar in scalars:
            values = self._values(label, scalar, modifiers)
            if name is not None:
                self._check_number(label, scalar, values)
                items.append((scalar, values))
            elif any(isinstance(value, SigmaNull) for value in values):
                self.collector.report(
                    "empty-keyword",
                    f"{label} contain an empty keyword",
                    scalar.location,
                    fix="remove it",
                )
            elif any(isinstance(value, SigmaExists | SigmaFieldReference) for value in values):
                raise RuleError(f"{label}: this modifier needs a field", location=scalar.location, code="modifier")
            else:
                self._check_number(label, scalar, values)
                items.append((scalar, values))
        if not items:
            return self._empty_list(entry, name, label, modifiers)
        node = self._combine(entry, key, items)
        return Not(node) if "neq" in modifiers else node

    def _values(self, label: str, scalar: ScalarNode, modifiers: tuple[str, ...]) -> tuple[SigmaValue, ...]:
        try:
            return apply_modifiers(scalar.value, scalar.text, modifiers, self.placeholders)
        except ModifierError as fault:
            raise RuleError(f"{label}: {fault}", location=scalar.location, code="modifier") from fault

    def _empty_list(
        self, entry: MappingEntry, name: str | None, label: str, modifiers: tuple[str, ...]
    ) -> ConditionNode:
        """Read a list without values as `null`."""
        if name is None:
            raise RuleError(f"{label} are empty", location=entry.value.location, code="empty-selection")
        try:
            check_modifiers(modifiers)
        except ModifierError as fault:
            raise RuleError(f"{label}: {fault}", location=entry.key_location, code="modifier") from fault
        self.collector.report(
            "empty-list",
            f"{label} has an empty list, which is read as `null`: the field is absent or empty",
            entry.key_location,
            fix="add values, or write `null`",
        )
        node = DetectionItem(field=name, values=(SigmaNull(),), modifiers=modifiers, location=entry.key_location)
        return Not(node) if "neq" in modifiers else node

    def _check_number(self, label: str, scalar: ScalarNode, values: tuple[SigmaValue, ...]) -> None:
        """Report a value that YAML reads as another number than is written."""
        if scalar.quoted:
            return
        for value in values:
            if isinstance(value, SigmaNumber) and str(value.value) != scalar.text:
                self.collector.report(
                    "yaml-number",
                    f"YAML reads `{scalar.text}` of {label} as the number {value.value}",
                    scalar.location,
                    fix=f"write `'{scalar.text}'` to match that string",
                )

    def _combine(
        self,
        entry: MappingEntry,
        key: _FieldKey,
        items: list[tuple[ScalarNode, tuple[SigmaValue, ...]]],
    ) -> ConditionNode:
        if not key.match_all or all(len(values) == 1 for _, values in items):
            return DetectionItem(
                field=key.field,
                values=tuple([value for _, values in items for value in values]),
                match_all=key.match_all,
                modifiers=key.modifiers,
                source_values=tuple([scalar.value for scalar, _ in items]),
                location=entry.key_location,
            )
        # a source value has several forms, any of which may match, but every source value must match
        return And(tuple(_any_form(scalar, values, key) for scalar, values in items))


def _literals(key: _FieldKey, values: Sequence[YamlNode]) -> list[str]:
    """Return the strings of an item whose values are all read as they are written, else nothing."""
    if key.around is None:
        return []
    texts = [value.text for value in values if isinstance(value, ScalarNode) and isinstance(value.value, str)]
    return texts if len(texts) == len(values) and are_literals(texts) else []


def _literal_item(entry: MappingEntry, key: _FieldKey, literals: list[str]) -> DetectionItem:
    """Return the detection item of such strings: most items of rules."""
    before, after = key.around or ((), ())
    return DetectionItem(
        field=key.field,
        values=tuple([SigmaString((*before, text, *after)) for text in literals]),
        match_all=key.match_all,
        modifiers=key.modifiers,
        source_values=tuple(literals),
        location=entry.key_location,
    )


def _any_form(scalar: ScalarNode, values: tuple[SigmaValue, ...], key: _FieldKey) -> DetectionItem:
    """Return the detection item of a source value, which any of its forms matches."""
    return DetectionItem(
        field=key.field,
        values=values,
        modifiers=key.modifiers,
        source_values=(scalar.value,),
        location=scalar.location,
    )
