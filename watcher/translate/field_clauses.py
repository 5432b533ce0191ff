"""One path of the events, over all the ways in which the indices of a pattern map it → bounds of a value.

An index may lack values that `_source` holds (longer than `ignore_above`, malformed, unindexed): that widens the upper
bound. It may hold values that `_source` lacks (`null_value`, copies, normalized values): that empties the lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from watcher.model import Query, SigmaValue
from watcher.ports import FieldType, IndexMapping
from watcher.translate.bounds import (
    EVERYTHING,
    NEVER,
    NOTHING,
    UNKNOWN,
    Bounds,
    all_of,
    any_of,
    at_least,
    either,
    none_of,
)
from watcher.translate.string_clauses import KEYWORD_TYPES, TEXT_TYPES, keyword_clause, max_value_length, token_query
from watcher.translate.value_clauses import VALUE_CLAUSES

_LEAST_LIMIT = 256
"""Up to this length, an event whose value an unread index ignored is expected to have no other value at the path."""


@lru_cache(maxsize=256)
def _any_event_of(indices: tuple[str, ...]) -> Bounds:
    """Return the bounds for every event of some indices: one object, so that a query contains it once."""
    return at_least({"terms": {"_index": list(indices)}})


@dataclass(frozen=True, slots=True, eq=False)
class MappedField:
    """A path of the events and how the indices of a pattern map it; each clause is built once."""

    path: str
    mapping: IndexMapping
    elsewhere: Query = field(default_factory=lambda: EVERYTHING)  # events that may hold an ignored value of OpenSearch
    _clauses: dict[SigmaValue | None, Bounds] = field(default_factory=dict, repr=False)

    @property
    def types(self) -> tuple[FieldType, ...]:
        """Return the ways in which the path is mapped; empty if no index maps it."""
        return self.mapping.fields.get(self.path, ())

    @property
    def is_possible(self) -> bool:
        """Whether any event can hold a value at the path."""
        return bool(self.types or self.mapping.unindexed)

    @property
    def description(self) -> str:
        """Return the mapping types, with the limit above which values are not indexed."""
        if not self.types:
            return "unindexed" if self.mapping.unindexed else "unmapped"
        return ", ".join(
            f"{field_type.type}{f' (ignore_above {field_type.ignore_above})' if field_type.ignore_above else ''}"
            for field_type in self.types
        )

    def matches(self, value: SigmaValue) -> Bounds:
        """Return the bounds for the events whose value at the path matches."""
        bounds = self._clauses.get(value)
        if bounds is None:
            bounds = self._clauses[value] = self._over_types(lambda field_type: self._clause(field_type, value))
        return bounds

    def exists(self) -> Bounds:
        """Return the bounds for the events that hold a value at the path."""
        bounds = self._clauses.get(None)
        if bounds is None:
            bounds = self._clauses[None] = self._over_types(self._exists)
        return bounds

    # ----------------------------------------------------------------------- over the indices

    def _over_types(self, build: Callable[[FieldType], Bounds]) -> Bounds:
        if not self.is_possible:
            return NEVER
        parts = [self._in_its_indices(field_type, build(field_type)) for field_type in self.types]
        everywhere = any(not field_type.indices for field_type in self.types)
        if self.mapping.unindexed and not everywhere:  # where no mapping has the path, `_source` alone may hold it
            mapped = {name for field_type in self.types for name in field_type.indices}
            unmapped = tuple(name for name in self.mapping.unindexed if name not in mapped)
            if unmapped:
                parts.append(_any_event_of(unmapped))
        return either(parts)

    def _in_its_indices(self, field_type: FieldType, bounds: Bounds) -> Bounds:
        """Restrict bounds to the indices that map the path so: elsewhere the clause would fail or be wrong."""
        if not field_type.indices or (len(self.types) == 1 and not self.mapping.unindexed):
            return bounds
        indices: Query = {"terms": {"_index": list(field_type.indices)}}
        return Bounds(all_of((indices, bounds.upper)), all_of((indices, bounds.lower)))

    # ----------------------------------------------------------------------- in the indices of one type

    def _clause(self, field_type: FieldType, value: SigmaValue) -> Bounds:
        if not field_type.searchable or field_type.computed:
            return UNKNOWN
        if field_type.type in KEYWORD_TYPES:
            return self._keyword_clause(field_type, value)
        if field_type.type in TEXT_TYPES:
            return self._text_clause(field_type, value)
        value_clause = VALUE_CLAUSES.get(field_type.type)
        if value_clause is None:
            return UNKNOWN
        return self._as_stored(field_type, value, value_clause(self.path, field_type.type, value))

    def _keyword_clause(self, field_type: FieldType, value: SigmaValue) -> Bounds:
        if field_type.normalizer not in (None, "lowercase"):  # it may change a value in any way
            return at_least(self._exists(field_type).upper)
        return self._as_stored(field_type, value, keyword_clause(self.path, field_type, value))

    def _text_clause(self, text: FieldType, value: SigmaValue) -> Bounds:
        """Search the tokens of a text, or its keyword sub-field if the indices of the text have it."""
        sub_field = MappedField(f"{self.path}.keyword", self.mapping)
        keywords = (keyword for keyword in sub_field.types if keyword.type in KEYWORD_TYPES and keyword.searchable)
        keyword = next(keywords, None)
        tokens = token_query(self.path, text, value)
        if keyword is None or (keyword.indices and not set(text.indices or ("",)) <= set(keyword.indices)):
            return at_least(tokens)
        bounds = sub_field._keyword_clause(keyword, value)
        return Bounds(bounds.upper if bounds.upper != EVERYTHING else tokens, bounds.lower)

    def _exists(self, field_type: FieldType) -> Bounds:
        if not field_type.searchable or field_type.computed:
            return UNKNOWN
        exists: Query = {"exists": {"field": self.path}}
        if field_type.type != "keyword" or not _is_as_in_source(field_type):
            return at_least(self._or_ignored(field_type, exists, None))
        # an empty string is indexed, but is no value in Sigma
        lower = all_of((exists, none_of({"term": {self.path: ""}})))
        return Bounds(self._or_ignored(field_type, exists, None), lower)

    def _as_stored(self, field_type: FieldType, value: SigmaValue, bounds: Bounds) -> Bounds:
        """Adapt bounds to what the index holds of `_source`."""
        lower = bounds.lower if _is_as_in_source(field_type) else NOTHING
        return Bounds(self._or_ignored(field_type, bounds.upper, value), lower)

    def _or_ignored(self, field_type: FieldType, query: Query, value: SigmaValue | None) -> Query:
        """Add the events whose value the index ignored: too long, or malformed."""
        if query == EVERYTHING or not _may_ignore(field_type, value):
            return query
        if self.mapping.server.engine == "elasticsearch":
            if field_type.unread:  # an alias has another path there
                return any_of((query, {"exists": {"field": "_ignored"}}))
            return any_of((query, {"term": {"_ignored": field_type.path or self.path}}))
        if field_type.unread and value is not None and max_value_length(value) <= _LEAST_LIMIT:
            return any_of((query, none_of({"exists": {"field": self.path}})))
        # OpenSearch has no `_ignored`, and an array may hold a short value beside the ignored one
        text = f"{self.path}.text"
        texts = self.mapping.fields.get(text, ())
        if value is not None and len(texts) == 1 and texts[0].type in TEXT_TYPES and not texts[0].indices:
            return token_query(text, texts[0], value)  # the tokens of short and of long values
        return any_of((query, self.elsewhere))


def _is_as_in_source(field_type: FieldType) -> bool:
    """Whether the index holds the values of `_source` unchanged, and no others."""
    return not field_type.adds and field_type.normalizer is None


def _may_ignore(field_type: FieldType, value: SigmaValue | None) -> bool:
    """Whether the index may lack a value that matches; None stands for any value."""
    if field_type.ignore_malformed:
        return True
    limit = field_type.ignore_above
    return limit is not None and (value is None or max_value_length(value) > limit)
