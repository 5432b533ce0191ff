"""Condition tree → upper and lower bound, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from watcher.model import All, AnyOf, Empty, Exists, FieldRef, Item, Node, Not, Number, Query, Test, Text
from watcher.ports import IndexFacts
from watcher.settings import Source
from watcher.taxonomy.fields import DATA
from watcher.taxonomy.logsources import Scope, Where
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
from watcher.translate.clause import together
from watcher.translate.routes import Atlas, Build
from watcher.translate.typed import CODES

CHANNEL = "winlog.channel"
CODE = CODES[0]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The log sources of one source's events, as its indices are mapped."""

    atlas: Atlas
    grams: frozenset[str]  # the paths that some index maps as `wildcard`
    _wheres: dict[Where, Bounds] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, source: Source, facts: IndexFacts) -> Ground:
        """Bring a source and its mapping together."""
        grams = (path for path, types in facts.fields.items() if any(one.type == "wildcard" for one in types))
        return cls(Atlas(source, facts), frozenset(grams))

    def scope(self, scope: Scope) -> Bounds:
        """Build the clause for every event of a log source."""
        return either(self.where(where) for where in scope.wheres)

    def where(self, where: Where) -> Bounds:
        """Build the clause for the events of one channel and its codes."""
        found = self._wheres.get(where)
        if found is None:
            parts = [self._codes(where.codes)] if where.codes else []
            if where.channel is not None:
                parts.insert(0, self.atlas.mapped(CHANNEL).test(Text((where.channel,))))
            if where.foreign:
                parts.append(neither(self.atlas.mapped(CHANNEL).exists()))
            found = self._wheres[where] = both(parts)
        return found

    def _codes(self, codes: Iterable[str]) -> Bounds:
        tests = tuple(Number(int(code)) if code.isdecimal() else Text((code,), cased=True) for code in codes)
        first, second = (self.any_code(path, tests) for path in CODES)
        # the second path counts only where the first holds nothing
        absent = none_of(self.atlas.mapped(CODE).exists().upper)
        return Bounds(
            any_of((first.upper, second.upper)),
            any_of((first.lower, all_of((second.lower, absent)))),
        )

    def any_code(self, path: str, tests: tuple[Test, ...]) -> Bounds:
        """Build the clause for event codes: one `terms` where the mapping is plain."""
        facts = self.atlas.facts
        types = facts.fields.get(path, ())
        plain = len(types) == 1 and types[0].type == "keyword" and types[0].searchable and types[0].normalizer is None
        terms = together(path, tests) if plain and not types[0].adds and not facts.unindexed else None
        if terms is not None:
            return exactly(terms)
        return either(self.atlas.mapped(path).test(test) for test in tests)


@dataclass(frozen=True, slots=True)
class Walk:
    """Walks the condition tree of a rule for one log source."""

    ground: Ground
    scope: Scope
    most: int | None = None  # tests of one item, beyond which only the field is asked for

    def bounds(self, node: Node) -> Bounds:
        """Build the bounds of a condition tree, without the log source."""
        match node:
            case All(of=branches):
                return both(map(self.bounds, branches))
            case AnyOf(of=branches):
                return either(map(self.bounds, branches))
            case Not(of=branch):
                return neither(self.bounds(branch))
            case Item():
                return self._item(node)

    def _item(self, item: Item) -> Bounds:
        if not item.tests:
            return NEVER
        if item.field is None or item.field == "EventData":
            return UNKNOWN
        if self.most is not None and len(item.tests) > self.most:
            return at_least(self._loosely(item.field, item.tests))
        plain = self._codes(item)
        if plain is not None:
            return plain
        tests = (self._test(item.field, test) for test in item.tests)
        return both(tests) if item.every else either(tests)

    def _loosely(self, name: str, tests: Iterable[Test]) -> Query:
        """Ask for the field alone, unless one of the tests is for its absence."""
        absent = any(isinstance(test, Empty | Exists) for test in tests)
        return UNKNOWN.upper if absent else self._present(name).upper

    def _codes(self, item: Item) -> Bounds | None:
        """Write many event codes as one clause, where an event's data have no such field."""
        if item.field != "EventID" or item.every or not all(isinstance(test, Number) for test in item.tests):
            return None
        facts, source = self.ground.atlas.facts, self.ground.atlas.source
        if facts.unindexed or "EventID" in source.fields or any(facts.fields.get(f"{data}EventID") for data in DATA):
            return None
        return either(self.ground.any_code(path, item.tests) for path in CODES)

    def _test(self, name: str, test: Test) -> Bounds:
        match test:
            case Empty():
                return neither(self._present(name))
            case Exists(expected=expected):
                return self._present(name) if expected else neither(self._present(name))
            case FieldRef(field=other):
                return at_least(all_of((self._present(name).upper, self._present(other).upper)))
        return self._over(name, lambda mapped: mapped.test(test))

    def _present(self, name: str) -> Bounds:
        """Build the clause that says the field holds a value."""
        return self._over(name, lambda mapped: mapped.exists())

    def _over(self, name: str, build: Build) -> Bounds:
        """Ask for a field in every part of the log source."""
        routes = [self.ground.atlas.routes(name, where) for where in self.scope.wheres]
        built = {one: one.bounds(build) for one in dict.fromkeys(routes)}
        parts = [built[one] for one in routes]
        if all(part.lower == parts[0].lower for part in parts):
            return Bounds(any_of(part.upper for part in parts), parts[0].lower)
        # what holds in one part of the log source is surely meant only there
        lowers = [
            all_of((part.lower, self.ground.where(where).lower))
            for part, where in zip(parts, self.scope.wheres, strict=True)
        ]
        return Bounds(any_of(part.upper for part in parts), any_of(lowers))


def rule_fields(node: Node) -> tuple[str, ...]:
    """Give the Sigma fields of a condition tree, in order, each once; keywords are not fields."""
    return tuple(dict.fromkeys(_fields(node)))


def _fields(node: Node) -> Iterator[str]:
    match node:
        case All(of=branches) | AnyOf(of=branches):
            for branch in branches:
                yield from _fields(branch)
        case Not(of=branch):
            yield from _fields(branch)
        case Item(field=name, tests=tests):
            if name is not None:
                yield name
            yield from (test.field for test in tests if isinstance(test, FieldRef))
