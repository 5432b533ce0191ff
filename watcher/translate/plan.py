"""Rule, its log source and the mapping → Plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from watcher.match.event_view import EventView
from watcher.match.predicate import Predicate
from watcher.model import FieldMapping, Finding, Query, QueryPlan, Rule, Severity
from watcher.ports import IndexMapping
from watcher.settings import Source
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.translate.bounds import EVERYTHING, Bounds, both, letters
from watcher.translate.field_resolver import field_paths
from watcher.translate.query_builder import CHANNEL, LogSourceClauses, QueryBuilder, rule_fields
from watcher.translate.split import MOST_LETTERS, QueryParts, QuerySize, split_query
from watcher.translate.typed import CODES

__all__ = [
    "Translator",
    "event_view",
    "field_paths",
    "paths_of",
    "rule_fields",
    "rule_paths",
    "rule_predicate",
    "translate_rule",
]

_SUBFIELDS = ("keyword", "text")
_CLAUSE_SHARE = 0.8  # of the engine's limit; the rest is for the window and what the engine makes of a clause
_MOST_PARTS = 32  # searches of one rule; a rule that needs more is narrowed more coarsely
_MOST_LETTERS = 4 * MOST_LETTERS  # of all its patterns: to build more automata costs more than to read a million events
_COARSER = (None, 500, 100, 20, 1)  # the most values of one item before its field alone is asked for


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates rules for one source, as its indices are mapped at the moment."""

    source: Source
    mapping: IndexMapping
    _ground: list[LogSourceClauses] = field(default_factory=list, compare=False, repr=False)

    @property
    def ground(self) -> LogSourceClauses:
        """Give the log sources as the indices are mapped."""
        if not self._ground:
            self._ground.append(LogSourceClauses.of(self.source, self.mapping))
        return self._ground[0]

    def bounds(self, rule: Rule) -> Bounds:
        """Build the upper and the lower bound of a rule, whatever the engine's limit of clauses."""
        return self._bounds(rule, None)

    def _bounds(self, rule: Rule, most: int | None) -> Bounds:
        where = self._where(rule)
        return both((self.ground.scope(where), QueryBuilder(self.ground, where, most).bounds(rule.node)))

    def _where(self, rule: Rule) -> LogSourceEvents:
        return events_of(rule.logsource, self.source.logsources)

    def parts(self, rule: Rule) -> tuple[Bounds, QueryParts]:
        """Build the bounds of a rule, and the queries that return its upper bound, none too large for the engine."""
        largest = QuerySize(int(self.mapping.max_clauses * _CLAUSE_SHARE), MOST_LETTERS)
        for most in _COARSER:
            bounds = self._bounds(rule, most)
            parts = split_query(bounds.upper, largest, self.ground.grams)
            if len(parts.queries) <= _MOST_PARTS and letters(bounds.upper) <= _MOST_LETTERS:
                break
        return bounds, parts

    def scope(self, rule: Rule) -> Query:
        """Build the query for every event of a rule's log source."""
        return self.ground.scope(self._where(rule)).upper

    def fields(self, rule: Rule) -> tuple[FieldMapping, ...]:
        """Tell how each field of a rule meets the indices."""
        where = self._where(rule)
        uses = []
        for name in rule_fields(rule.node):
            paths = field_paths(name, where, self.source)
            mapped = tuple(path for path in paths if self.mapping.fields.get(path)) or paths[:1]
            types = tuple(self.ground.field_resolver.mapped(path).described for path in mapped)
            computed = tuple(path for path in mapped if any(one.computed for one in self.mapping.fields.get(path, ())))
            uses.append(FieldMapping(field=name, paths=mapped, types=types, computed=computed))
        return tuple(uses)


def rule_paths(rule: Rule, source: Source) -> frozenset[str]:
    """Give every path whose mapping the translation of a rule asks for, sub-fields too."""
    where = events_of(rule.logsource, source.logsources)
    paths = {CHANNEL, *CODES}
    for name in rule_fields(rule.node):
        paths.update(field_paths(name, where, source))
    return frozenset((*paths, *(f"{path}.{sub}" for path in paths for sub in _SUBFIELDS)))


def paths_of(rules: Iterable[Rule], source: Source) -> tuple[str, ...]:
    """Give every path whose mapping the translation of these rules asks for."""
    return tuple(sorted(frozenset((CHANNEL, *CODES)).union(*(rule_paths(rule, source) for rule in rules))))


def rule_predicate(rule: Rule, source: Source) -> Predicate:
    """Compile the predicate of a rule for a source."""
    return Predicate(rule.node, events_of(rule.logsource, source.logsources))


def event_view(event: Mapping[str, object], source: Source) -> EventView:
    """Look at an event with the field mappings of a source."""
    return EventView(event, source.fields)


def translate_rule(rule: Rule, translator: Translator) -> QueryPlan:
    """Make the plan of a rule, without what selectors set."""
    bounds, parts = translator.parts(rule)
    return QueryPlan(
        rule=rule,
        source=translator.source.name,
        query=bounds.upper,
        exact=bounds.exact and parts.same,
        parts=parts.queries if parts.queries != (bounds.upper,) else (),
        fields=translator.fields(rule),
        findings=tuple(_findings(rule, translator)),
    )


def _findings(rule: Rule, translator: Translator) -> Iterator[Finding]:
    where = events_of(rule.logsource, translator.source.logsources)
    location = rule.logsource.location or rule.location
    if where.unknown:
        yield Finding(
            code="unknown-logsource",
            severity=Severity.WARNING,
            location=location,
            message=f"no table knows the log source {', '.join(f'`{name}`' for name in where.unknown)}",
            fix="add it under `logsources` of the source in settings; until then it narrows nothing",
        )
    non_windows = any(one.non_windows for one in where.event_classes)
    if not where.unknown and not non_windows and rule.logsource.product and translator.scope(rule) == EVERYTHING:
        yield Finding(
            code="no-channel",
            severity=Severity.INFO,
            location=location,
            message="the log source names neither category nor service, so every event is looked at",
            fix="add one",
        )
    yield from _unseen(rule, translator)


def _unseen(rule: Rule, translator: Translator) -> Iterator[Finding]:
    """Say what no search of this rule can see."""
    mapping = translator.mapping
    if mapping.without_source:
        yield Finding(
            code="no-source",
            severity=Severity.WARNING,
            location=rule.location,
            message=f"`_source` is not kept whole in {_named(mapping.without_source)}: what it lacks matches no rule",
            fix="keep `_source`, and reindex",
        )
    for use in translator.fields(rule):
        if use.computed:
            yield Finding(
                code="computed-field",
                severity=Severity.INFO,
                location=rule.location,
                message=f"`{use.field}` is looked for at {_named(use.computed)}, which each search computes anew",
                fix="index the field, so that the cluster need not",
            )


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
