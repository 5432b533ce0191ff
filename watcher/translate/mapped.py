"""A path of the events, over all the ways in which the indices of a pattern map it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from watcher.model import Query, SigmaValue
from watcher.ports import FieldType, IndexMapping
from watcher.translate.bounds import EVERYTHING, NEVER, Bounds, all_of, at_least, either
from watcher.translate.clauses import clause
from watcher.translate.typed import TypedField


@lru_cache(maxsize=256)
def _anything_in(indices: tuple[str, ...]) -> Bounds:
    """Build the clause for every event of some indices: one object, so that it stands in a query once."""
    return at_least({"terms": {"_index": list(indices)}})


@dataclass(frozen=True, slots=True, eq=False)
class MappedField:
    """A path of the events and how the indices of a pattern map it; each clause is built once."""

    path: str
    mapping: IndexMapping
    elsewhere: Query = field(default_factory=lambda: EVERYTHING)  # where OpenSearch may hide a value of this path
    _built: dict[SigmaValue | None, Bounds] = field(default_factory=dict, repr=False)

    @property
    def types(self) -> tuple[FieldType, ...]:
        """Give the ways in which the path is mapped, none where no index has it."""
        return self.mapping.fields.get(self.path, ())

    @property
    def is_possible(self) -> bool:
        """Tell whether any event can hold a value at the path."""
        return bool(self.types or self.mapping.unindexed)

    @property
    def described(self) -> str:
        """Name the types, with the limit above which values are not indexed."""
        if not self.types:
            return "unindexed" if self.mapping.unindexed else "unmapped"
        return ", ".join(
            f"{one.type}{f' (ignore_above {one.ignore_above})' if one.ignore_above else ''}" for one in self.types
        )

    def test(self, test: SigmaValue) -> Bounds:
        """Build the clause of a test on the values at the path."""
        found = self._built.get(test)
        if found is None:
            found = self._built[test] = self._over_types(lambda typed: clause(typed, test))
        return found

    def exists(self) -> Bounds:
        """Build the clause that says the path holds a value."""
        found = self._built.get(None)
        if found is None:
            found = self._built[None] = self._over_types(TypedField.exists)
        return found

    def _over_types(self, build: Callable[[TypedField], Bounds]) -> Bounds:
        if not self.is_possible:
            return NEVER
        parts = [
            self._guarded(one, build(TypedField(self.path, one, self.mapping, self.elsewhere))) for one in self.types
        ]
        everywhere = any(not one.indices for one in self.types)
        if self.mapping.unindexed and not everywhere:  # there the value may stand in `_source` alone
            mapped = {name for one in self.types for name in one.indices}
            blind = tuple(name for name in self.mapping.unindexed if name not in mapped)
            if blind:
                parts.append(_anything_in(blind))
        return either(parts)

    def _guarded(self, one: FieldType, bounds: Bounds) -> Bounds:
        """Keep a clause to the indices that map the path so: elsewhere it would be an error or a lie."""
        if not one.indices or (len(self.types) == 1 and not self.mapping.unindexed):
            return bounds
        guard: Query = {"terms": {"_index": list(one.indices)}}
        return Bounds(all_of((guard, bounds.upper)), all_of((guard, bounds.lower)))
