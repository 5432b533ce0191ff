"""Rule and index mapping → query plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from watcher.match.event_view import EventView
from watcher.match.predicate import Predicate
from watcher.model import FieldMapping, Query, QueryPlan, Rule
from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.taxonomy.field_locations import CHANNEL, EVENT_CODES, SYSTEM_PATHS
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.translate.bounds import Bounds, both
from watcher.translate.field_resolver import FieldResolver, field_paths
from watcher.translate.log_source_clauses import LogSourceClauses
from watcher.translate.plan_findings import plan_findings
from watcher.translate.query_builder import QueryBuilder, rule_fields
from watcher.translate.split_query import MAX_PATTERN_LENGTH, QueryParts, QuerySize, pattern_length, split_query

__all__ = [
    "PlanCache",
    "Translator",
    "event_view",
    "field_paths",
    "grouping_paths",
    "paths_of",
    "rule_fields",
    "rule_paths",
    "rule_predicate",
    "translate_rule",
]

_SUB_FIELDS = ("keyword", "text")
_CLAUSE_SHARE = 0.8  # of the engine's limit; the rest is for the window and for clauses that the engine adds
_MAX_PARTS = 32  # searches of one rule; a rule that needs more is translated with fewer values
_MAX_RULE_PATTERN_LENGTH = 4 * MAX_PATTERN_LENGTH  # more automata cost more than reading a million events
_VALUE_LIMITS = (None, 500, 100, 20, 1)  # values of one item, beyond which only its field is searched for


class Translator:
    """Translates rules for one source and the current mapping of its indices."""

    __slots__ = ("_wildcard_paths", "log_sources", "mapping", "source")

    def __init__(self, source: Source, mapping: IndexMapping) -> None:
        self.source = source
        self.mapping = mapping
        self.log_sources = LogSourceClauses(FieldResolver(source, mapping))
        self._wildcard_paths = frozenset(
            path for path, types in mapping.fields.items() if any(field_type.type == "wildcard" for field_type in types)
        )

    def events(self, rule: Rule) -> LogSourceEvents:
        """Return the events that a rule's log source means."""
        return events_of(rule.logsource, self.source.logsources)

    def bounds(self, rule: Rule) -> Bounds:
        """Return the bounds of a rule, however many clauses they have."""
        return self._bounds(rule, None)

    def _bounds(self, rule: Rule, max_values: int | None) -> Bounds:
        events = self.events(rule)
        condition = QueryBuilder(self.log_sources, events, max_values).bounds(rule.node)
        return both((self.log_sources.bounds(events), condition))

    def parts(self, rule: Rule) -> tuple[Bounds, QueryParts]:
        """Return the bounds of a rule, and the queries for its upper bound that the engine accepts."""
        limit = QuerySize(int(self.mapping.max_clauses * _CLAUSE_SHARE), MAX_PATTERN_LENGTH)
        for max_values in _VALUE_LIMITS:
            bounds = self._bounds(rule, max_values)
            parts = split_query(bounds.upper, limit, self._wildcard_paths)
            if len(parts.queries) <= _MAX_PARTS and pattern_length(bounds.upper) <= _MAX_RULE_PATTERN_LENGTH:
                break
        return bounds, parts

    def log_source_query(self, rule: Rule) -> Query:
        """Return the query for every event of a rule's log source."""
        return self.log_sources.bounds(self.events(rule)).upper

    def field_mappings(self, rule: Rule) -> tuple[FieldMapping, ...]:
        """Return how the indices map each field of a rule."""
        events = self.events(rule)
        return tuple(self._field_mapping(name, events) for name in rule_fields(rule.node))

    def _field_mapping(self, name: str, events: LogSourceEvents) -> FieldMapping:
        fields = self.mapping.fields
        paths = field_paths(name, events, self.source)
        mapped = tuple(path for path in paths if fields.get(path)) or paths[:1]
        resolver = self.log_sources.field_resolver
        return FieldMapping(
            field=name,
            paths=mapped,
            types=tuple(resolver.mapped_field(path).description for path in mapped),
            computed=tuple(
                path for path in mapped if any(field_type.is_read_by_search for field_type in fields.get(path, ()))
            ),
        )


def translate_rule(rule: Rule, translator: Translator) -> QueryPlan:
    """Return the query plan of a rule."""
    bounds, parts = translator.parts(rule)
    fields = translator.field_mappings(rule)
    return QueryPlan(
        rule=rule,
        source=translator.source.name,
        query=bounds.upper,
        exact=bounds.exact and parts.same,
        parts=parts.queries if parts.queries != (bounds.upper,) else (),
        fields=fields,
        findings=plan_findings(
            rule,
            events=translator.events(rule),
            log_source_query=translator.log_source_query(rule),
            mapping=translator.mapping,
            fields=fields,
        ),
    )


def rule_paths(rule: Rule, source: Source) -> frozenset[str]:
    """Return every path, with sub-fields, whose mapping the translation of a rule needs."""
    events = events_of(rule.logsource, source.logsources)
    paths = {CHANNEL, *EVENT_CODES}
    if any(event_class.non_windows for event_class in events.event_classes):
        paths.update(SYSTEM_PATHS)
    for name in rule_fields(rule.node):
        paths.update(field_paths(name, events, source))
    return frozenset((*paths, *(f"{path}.{sub_field}" for path in paths for sub_field in _SUB_FIELDS)))


def paths_of(rules: Iterable[Rule], source: Source) -> tuple[str, ...]:
    """Return every path whose mapping the translation of rules needs."""
    return tuple(sorted(frozenset((CHANNEL, *EVENT_CODES)).union(*(rule_paths(rule, source) for rule in rules))))


def grouping_paths(rule: Rule, group_by: Iterable[str], source: Source) -> frozenset[str]:
    """Return every path that may hold values of a rule's group-by fields."""
    events = events_of(rule.logsource, source.logsources)
    return frozenset(path for name in group_by for path in (name, *field_paths(name, events, source)))


def rule_predicate(rule: Rule, source: Source) -> Predicate:
    """Compile the predicate of a rule for a source."""
    return Predicate(rule.node, events_of(rule.logsource, source.logsources))


def event_view(event: Mapping[str, object], source: Source) -> EventView:
    """Return an event with the field mappings of a source."""
    return EventView(event, source.fields)


# --------------------------------------------------------------------------- cache

_MappingKey = tuple[tuple[Server, tuple[str, ...], tuple[str, ...], int], tuple[tuple[FieldType, ...], ...]]
"""What a plan depends on: properties of all indices, and the mapping of the rule's paths."""


class PlanCache:
    """The plans of a source's rules; a plan is renewed only if the mapping of its own paths changes."""

    __slots__ = ("_paths", "_planned", "_plans", "paths", "rules", "source", "translator")

    def __init__(self, source: Source, rules: Sequence[Rule]) -> None:
        self.source = source
        self.rules = tuple(rules)
        self.paths = paths_of(self.rules, source)
        self.translator: Translator | None = None
        self._planned: Translator | None = None  # the translator of the current plans
        self._paths = tuple(tuple(sorted(rule_paths(rule, source))) for rule in self.rules)
        self._plans: list[tuple[_MappingKey, QueryPlan] | None] = [None] * len(self.rules)

    def with_rules(self, rules: Sequence[Rule]) -> PlanCache:
        """Return a cache for other rules, with the plans of those that are unchanged."""
        previous = {rule.id: (rule, entry) for rule, entry in zip(self.rules, self._plans, strict=True)}
        cache = PlanCache(self.source, rules)
        for number, rule in enumerate(cache.rules):
            old_rule, entry = previous.get(rule.id, (None, None))
            cache._plans[number] = entry if old_rule == rule else None
        return cache

    def plans(self, mapping: IndexMapping) -> tuple[QueryPlan, ...]:
        """Return the plan of each rule, in order."""
        translator = self.translator_for(mapping)
        if self._planned is not translator:
            self._planned = translator
            of_indices = (mapping.server, mapping.unindexed, mapping.without_source, mapping.max_clauses)
            for number, paths in enumerate(self._paths):
                key = (of_indices, tuple(mapping.fields.get(path, ()) for path in paths))
                self._update(number, key, translator)
        return tuple(entry[1] for entry in self._plans if entry is not None)

    def translator_for(self, mapping: IndexMapping) -> Translator:
        """Return the translator for a mapping, the same object as long as the mapping is equal."""
        if self.translator is None or self.translator.mapping != mapping:
            self.translator = Translator(self.source, mapping)
        return self.translator

    def _update(self, number: int, key: _MappingKey, translator: Translator) -> None:
        entry = self._plans[number]
        if entry is None or entry[0] != key:
            self._plans[number] = (key, translate_rule(self.rules[number], translator))
