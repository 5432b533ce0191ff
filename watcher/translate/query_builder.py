"""Condition tree → upper and lower bound, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watcher.match.paths_read import fields_read
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Not,
    Or,
    Query,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaValue,
)
from watcher.taxonomy.field_locations import EVENT_CODES
from watcher.taxonomy.logsources import LogSourceEvents
from watcher.translate.bounds import NEVER, UNKNOWN, Bounds, all_of, any_of, at_least, both, either, neither
from watcher.translate.field_clauses import MappedField
from watcher.translate.field_resolver import ClauseBuilder
from watcher.translate.log_source_clauses import LogSourceClauses


@dataclass(frozen=True, slots=True)
class QueryBuilder:
    """Builds the bounds of condition trees within one log source."""

    log_sources: LogSourceClauses
    events: LogSourceEvents
    max_values: int | None = None  # of one item; an item with more searches only for the presence of its field

    def bounds(self, node: ConditionNode) -> Bounds:
        """Return the bounds of a condition tree, without those of the log source."""
        match node:
            case And(of=branches):
                return both(map(self.bounds, branches))
            case Or(of=branches):
                return either(map(self.bounds, branches))
            case Not(of=branch):
                return neither(self.bounds(branch))
            case DetectionItem():
                return self._item(node)

    def _item(self, item: DetectionItem) -> Bounds:
        if not item.values:
            return NEVER
        if item.field is None or item.field == "EventData":  # keywords are compared with parts of many fields
            return UNKNOWN
        if self.max_values is not None and len(item.values) > self.max_values:
            return at_least(self._without_values(item.field, item.values))
        if self._is_event_code(item):
            return either(self.log_sources.of_codes(path, item.values) for path in EVENT_CODES)
        field = item.field
        parts = (self._value(field, value) for value in item.values)
        return both(parts) if item.match_all else either(parts)

    def _without_values(self, field: str, values: Iterable[SigmaValue]) -> Query:
        """Return the query for the presence of a field, unless one of the values means its absence."""
        may_be_absent = any(isinstance(value, SigmaNull | SigmaExists) for value in values)
        return UNKNOWN.upper if may_be_absent else self._exists(field).upper

    def _is_event_code(self, item: DetectionItem) -> bool:
        """Whether an item names event codes, and no event has them at another path."""
        mapping = self.log_sources.mapping
        return (
            item.field == "EventID"
            and not item.match_all
            and all(isinstance(value, SigmaNumber) for value in item.values)
            and not mapping.unindexed
            and "EventID" not in self.log_sources.source.fields
            and "EventID" not in mapping.fields  # of events without a channel
        )

    def _value(self, field: str, value: SigmaValue) -> Bounds:
        match value:
            case SigmaNull():
                return neither(self._exists(field))
            case SigmaExists(expected=expected):
                return self._exists(field) if expected else neither(self._exists(field))
            case SigmaFieldReference(field=other):
                return at_least(all_of((self._exists(field).upper, self._exists(other).upper)))
        return self._over_event_classes(field, lambda mapped_field: mapped_field.matches(value))

    def _exists(self, field: str) -> Bounds:
        return self._over_event_classes(field, MappedField.exists)

    def _over_event_classes(self, field: str, build: ClauseBuilder) -> Bounds:
        """Return the bounds of a clause on a field in any event class of the log source."""
        resolver, event_classes = self.log_sources.field_resolver, self.events.event_classes
        resolved = [resolver.resolve(field, event_class) for event_class in event_classes]
        bounds = {field_paths: field_paths.bounds(build) for field_paths in dict.fromkeys(resolved)}
        parts = [bounds[field_paths] for field_paths in resolved]
        upper = any_of(part.upper for part in parts)
        if all(part.lower == parts[0].lower for part in parts):
            return Bounds(upper, parts[0].lower)
        # what surely matches in one event class does so only there
        lowers = [
            all_of((part.lower, self.log_sources.of_event_class(event_class).lower))
            for part, event_class in zip(parts, event_classes, strict=True)
        ]
        return Bounds(upper, any_of(lowers))


def rule_fields(node: ConditionNode) -> tuple[str, ...]:
    """Return the Sigma fields of a condition tree in order, without duplicates; keywords have no field."""
    return tuple(filter(None, fields_read(node)))
