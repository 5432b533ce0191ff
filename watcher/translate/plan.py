"""Rule, its log source and the mapping → Plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from watcher.match.event import EventView
from watcher.match.predicate import Predicate
from watcher.model import FieldUse, Finding, Plan, Query, Rule, Severity
from watcher.ports import IndexFacts
from watcher.settings import Source
from watcher.taxonomy.logsources import Scope, scope
from watcher.translate.bounds import EVERYTHING, Bounds, both, letters
from watcher.translate.routes import field_paths
from watcher.translate.split import MOST_LETTERS, Parts, Size, split
from watcher.translate.typed import CODES
from watcher.translate.walk import CHANNEL, Ground, Walk, rule_fields

__all__ = ["Translator", "field_paths", "paths_of", "predicate", "rule_fields", "rule_paths", "translate", "view"]

_SUBFIELDS = ("keyword", "text")
_CLAUSE_SHARE = 0.8  # of the engine's limit; the rest is for the window and what the engine makes of a clause
_MOST_PARTS = 32  # searches of one rule; a rule that needs more is narrowed more coarsely
_MOST_LETTERS = 4 * MOST_LETTERS  # of all its patterns: to build more automata costs more than to read a million events
_COARSER = (None, 500, 100, 20, 1)  # the most values of one item before its field alone is asked for


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates rules for one source, as its indices are mapped at the moment."""

    source: Source
    facts: IndexFacts
    _ground: list[Ground] = field(default_factory=list, compare=False, repr=False)

    @property
    def ground(self) -> Ground:
        """Give the log sources as the indices are mapped."""
        if not self._ground:
            self._ground.append(Ground.of(self.source, self.facts))
        return self._ground[0]

    def bounds(self, rule: Rule) -> Bounds:
        """Build the upper and the lower bound of a rule, whatever the engine's limit of clauses."""
        return self._bounds(rule, None)

    def _bounds(self, rule: Rule, most: int | None) -> Bounds:
        where = self._where(rule)
        return both((self.ground.scope(where), Walk(self.ground, where, most).bounds(rule.node)))

    def _where(self, rule: Rule) -> Scope:
        return scope(rule.logsource, self.source.logsources)

    def parts(self, rule: Rule) -> tuple[Bounds, Parts]:
        """Build the bounds of a rule, and the queries that return its upper bound, none too large for the engine."""
        largest = Size(int(self.facts.max_clauses * _CLAUSE_SHARE), MOST_LETTERS)
        for most in _COARSER:
            bounds = self._bounds(rule, most)
            parts = split(bounds.upper, largest, self.ground.grams)
            if len(parts.queries) <= _MOST_PARTS and letters(bounds.upper) <= _MOST_LETTERS:
                break
        return bounds, parts

    def scope(self, rule: Rule) -> Query:
        """Build the query for every event of a rule's log source."""
        return self.ground.scope(self._where(rule)).upper

    def fields(self, rule: Rule) -> tuple[FieldUse, ...]:
        """Tell how each field of a rule meets the indices."""
        where = self._where(rule)
        uses = []
        for name in rule_fields(rule.node):
            paths = field_paths(name, where, self.source)
            mapped = tuple(path for path in paths if self.facts.fields.get(path)) or paths[:1]
            types = tuple(self.ground.atlas.mapped(path).described for path in mapped)
            computed = tuple(path for path in mapped if any(one.computed for one in self.facts.fields.get(path, ())))
            uses.append(FieldUse(field=name, paths=mapped, types=types, computed=computed))
        return tuple(uses)


def rule_paths(rule: Rule, source: Source) -> frozenset[str]:
    """Give every path whose mapping the translation of a rule asks for, sub-fields too."""
    where = scope(rule.logsource, source.logsources)
    paths = {CHANNEL, *CODES}
    for name in rule_fields(rule.node):
        paths.update(field_paths(name, where, source))
    return frozenset((*paths, *(f"{path}.{sub}" for path in paths for sub in _SUBFIELDS)))


def paths_of(rules: Iterable[Rule], source: Source) -> tuple[str, ...]:
    """Give every path whose mapping the translation of these rules asks for."""
    return tuple(sorted(frozenset((CHANNEL, *CODES)).union(*(rule_paths(rule, source) for rule in rules))))


def predicate(rule: Rule, source: Source) -> Predicate:
    """Compile the predicate of a rule for a source."""
    return Predicate(rule.node, scope(rule.logsource, source.logsources))


def view(event: Mapping[str, object], source: Source) -> EventView:
    """Look at an event with the field mappings of a source."""
    return EventView(event, source.fields)


def translate(rule: Rule, translator: Translator) -> Plan:
    """Make the plan of a rule, without what selectors set."""
    bounds, parts = translator.parts(rule)
    return Plan(
        rule=rule,
        source=translator.source.name,
        query=bounds.upper,
        exact=bounds.exact and parts.same,
        parts=parts.queries if parts.queries != (bounds.upper,) else (),
        fields=translator.fields(rule),
        findings=tuple(_findings(rule, translator)),
    )


def _findings(rule: Rule, translator: Translator) -> Iterator[Finding]:
    where = scope(rule.logsource, translator.source.logsources)
    place = rule.logsource.place or rule.place
    if where.unknown:
        yield Finding(
            code="unknown-logsource",
            severity=Severity.WARNING,
            place=place,
            message=f"no table knows the log source {', '.join(f'`{name}`' for name in where.unknown)}",
            fix="add it under `logsources` of the source in settings; until then it narrows nothing",
        )
    foreign = any(one.foreign for one in where.wheres)
    if not where.unknown and not foreign and rule.logsource.product and translator.scope(rule) == EVERYTHING:
        yield Finding(
            code="no-channel",
            severity=Severity.INFO,
            place=place,
            message="the log source names neither category nor service, so every event is looked at",
            fix="add one",
        )
    yield from _unseen(rule, translator)


def _unseen(rule: Rule, translator: Translator) -> Iterator[Finding]:
    """Say what no search of this rule can see."""
    facts = translator.facts
    if facts.sourceless:
        yield Finding(
            code="no-source",
            severity=Severity.WARNING,
            place=rule.place,
            message=f"`_source` is not kept whole in {_named(facts.sourceless)}: what it lacks matches no rule",
            fix="keep `_source`, and reindex",
        )
    for use in translator.fields(rule):
        if use.computed:
            yield Finding(
                code="computed-field",
                severity=Severity.INFO,
                place=rule.place,
                message=f"`{use.field}` is looked for at {_named(use.computed)}, which each search computes anew",
                fix="index the field, so that the cluster need not",
            )


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
