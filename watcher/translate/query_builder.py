"""Condition tree → upper and lower bound, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

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
    SigmaString,
    SigmaValue,
)
from watcher.ports import IndexMapping
from watcher.settings import Source
from watcher.taxonomy.field_locations import DATA
from watcher.taxonomy.logsources import EventClass, LogSourceEvents
from watcher.translate.bounds import (
    NEVER,
    UNKNOWN,
    Bounds,
    all_of,
    any_of,
    at_least,
    both,
    either,
    exactly,
    neither,
    none_of,
)
from watcher.translate.clauses import together
from watcher.translate.field_resolver import ClauseBuilder, FieldResolver
from watcher.translate.typed import CODES

CHANNEL = "winlog.channel"
CODE = CODES[0]


@dataclass(frozen=True, slots=True, eq=False)
class LogSourceClauses:
    """The log sources of one source's events, as its indices are mapped."""

    field_resolver: FieldResolver
    grams: frozenset[str]  # the paths that some index maps as `wildcard`
    _wheres: dict[EventClass, Bounds] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, source: Source, mapping: IndexMapping) -> LogSourceClauses:
        """Bring a source and its mapping together."""
        grams = (path for path, types in mapping.fields.items() if any(one.type == "wildcard" for one in types))
        return cls(FieldResolver(source, mapping), frozenset(grams))

    def scope(self, scope: LogSourceEvents) -> Bounds:
        """Build the clause for every event of a log source."""
        return either(self.where(where) for where in scope.event_classes)

    def where(self, where: EventClass) -> Bounds:
        """Build the clause for the events of one channel and its codes."""
        found = self._wheres.get(where)
        if found is None:
            parts = [self._codes(where.codes)] if where.codes else []
            if where.channel is not None:
                parts.insert(0, self.field_resolver.mapped(CHANNEL).test(SigmaString((where.channel,))))
            if where.non_windows:
                parts.append(neither(self.field_resolver.mapped(CHANNEL).exists()))
            found = self._wheres[where] = both(parts)
        return found

    def _codes(self, codes: Iterable[str]) -> Bounds:
        tests = tuple(
            SigmaNumber(int(code)) if code.isdecimal() else SigmaString((code,), cased=True) for code in codes
        )
        first, second = (self.any_code(path, tests) for path in CODES)
        # the second path counts only where the first holds nothing
        absent = none_of(self.field_resolver.mapped(CODE).exists().upper)
        return Bounds(
            any_of((first.upper, second.upper)),
            any_of((first.lower, all_of((second.lower, absent)))),
        )

    def any_code(self, path: str, tests: tuple[SigmaValue, ...]) -> Bounds:
        """Build the clause for event codes: one `terms` where the mapping is plain."""
        mapping = self.field_resolver.mapping
        types = mapping.fields.get(path, ())
        plain = len(types) == 1 and types[0].type == "keyword" and types[0].searchable and types[0].normalizer is None
        terms = together(path, tests) if plain and not types[0].adds and not mapping.unindexed else None
        if terms is not None:
            return exactly(terms)
        return either(self.field_resolver.mapped(path).test(test) for test in tests)


@dataclass(frozen=True, slots=True)
class QueryBuilder:
    """Walks the condition tree of a rule for one log source."""

    ground: LogSourceClauses
    scope: LogSourceEvents
    most: int | None = None  # tests of one item, beyond which only the field is asked for

    def bounds(self, node: ConditionNode) -> Bounds:
        """Build the bounds of a condition tree, without the log source."""
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
        if item.field is None or item.field == "EventData":
            return UNKNOWN
        if self.most is not None and len(item.values) > self.most:
            return at_least(self._loosely(item.field, item.values))
        plain = self._codes(item)
        if plain is not None:
            return plain
        tests = (self._test(item.field, test) for test in item.values)
        return both(tests) if item.match_all else either(tests)

    def _loosely(self, name: str, tests: Iterable[SigmaValue]) -> Query:
        """Ask for the field alone, unless one of the tests is for its absence."""
        absent = any(isinstance(test, SigmaNull | SigmaExists) for test in tests)
        return UNKNOWN.upper if absent else self._present(name).upper

    def _codes(self, item: DetectionItem) -> Bounds | None:
        """Write many event codes as one clause, where an event's data have no such field."""
        if item.field != "EventID" or item.match_all or not all(isinstance(test, SigmaNumber) for test in item.values):
            return None
        mapping, source = self.ground.field_resolver.mapping, self.ground.field_resolver.source
        if (
            mapping.unindexed
            or "EventID" in source.fields
            or any(mapping.fields.get(f"{data}EventID") for data in DATA)
        ):
            return None
        return either(self.ground.any_code(path, item.values) for path in CODES)

    def _test(self, name: str, test: SigmaValue) -> Bounds:
        match test:
            case SigmaNull():
                return neither(self._present(name))
            case SigmaExists(expected=expected):
                return self._present(name) if expected else neither(self._present(name))
            case SigmaFieldReference(field=other):
                return at_least(all_of((self._present(name).upper, self._present(other).upper)))
        return self._over(name, lambda mapped: mapped.test(test))

    def _present(self, name: str) -> Bounds:
        """Build the clause that says the field holds a value."""
        return self._over(name, lambda mapped: mapped.exists())

    def _over(self, name: str, build: ClauseBuilder) -> Bounds:
        """Ask for a field in every part of the log source."""
        field_paths = [self.ground.field_resolver.field_paths(name, where) for where in self.scope.event_classes]
        built = {one: one.bounds(build) for one in dict.fromkeys(field_paths)}
        parts = [built[one] for one in field_paths]
        if all(part.lower == parts[0].lower for part in parts):
            return Bounds(any_of(part.upper for part in parts), parts[0].lower)
        # what holds in one part of the log source is surely meant only there
        lowers = [
            all_of((part.lower, self.ground.where(where).lower))
            for part, where in zip(parts, self.scope.event_classes, strict=True)
        ]
        return Bounds(any_of(part.upper for part in parts), any_of(lowers))


def rule_fields(node: ConditionNode) -> tuple[str, ...]:
    """Give the Sigma fields of a condition tree, in order, each once; keywords are not fields."""
    return tuple(dict.fromkeys(_fields(node)))


def _fields(node: ConditionNode) -> Iterator[str]:
    match node:
        case And(of=branches) | Or(of=branches):
            for branch in branches:
                yield from _fields(branch)
        case Not(of=branch):
            yield from _fields(branch)
        case DetectionItem(field=name, values=tests):
            if name is not None:
                yield name
            yield from (test.field for test in tests if isinstance(test, SigmaFieldReference))
