"""Rule, its log source and the mapping → Plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from watcher.match.event import EventView
from watcher.match.predicate import Predicate
from watcher.model import (
    All,
    AnyOf,
    Empty,
    Exists,
    FieldRef,
    FieldUse,
    Finding,
    Item,
    Node,
    Not,
    Number,
    Plan,
    Query,
    Rule,
    Severity,
    Test,
    Text,
)
from watcher.ports import IndexFacts
from watcher.settings import Source
from watcher.taxonomy.fields import DATA, certain, reading
from watcher.taxonomy.logsources import Scope, Where, scope
from watcher.translate.bounds import (
    EVERYTHING,
    NEVER,
    UNKNOWN,
    Bounds,
    all_of,
    any_of,
    at_least,
    both,
    clauses,
    either,
    exactly,
    neither,
    none_of,
)
from watcher.translate.clause import Mapped, numbers

Build = Callable[[Mapped], Bounds]

CHANNEL = "winlog.channel"
CODES = ("event.code", "winlog.event_id")
_UNNAMED = tuple(f"winlog.event_data.param{number}" for number in range(1, 65))
_SUBFIELDS = ("keyword", "text")
_CLAUSE_SHARE = 0.8  # of the engine's limit; the rest is for the window and the log source
_COARSER = (None, 500, 100, 20, 1)  # the most values of one item before it is narrowed by `exists` alone


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates rules for one source, as its indices are mapped at the moment."""

    source: Source
    facts: IndexFacts

    def bounds(self, rule: Rule) -> Bounds:
        """Build the upper and the lower bound of a rule, within the engine's limit of clauses."""
        where = scope(rule.logsource, self.source.logsources)
        limit = int(self.facts.max_clauses * _CLAUSE_SHARE)
        made = UNKNOWN
        for most in _COARSER:
            made = both((self._scope(where), _Walk(self, where, most).node(rule.node)))
            if clauses(made.upper) <= limit:
                break
        return made

    def scope(self, rule: Rule) -> Query:
        """Build the query for every event of a rule's log source."""
        return self._scope(scope(rule.logsource, self.source.logsources)).upper

    def fields(self, rule: Rule) -> tuple[FieldUse, ...]:
        """Tell how each field of a rule meets the indices."""
        where = scope(rule.logsource, self.source.logsources)
        uses = []
        for name in rule_fields(rule.node):
            paths = field_paths(name, where, self.source)
            mapped = tuple(path for path in paths if self.facts.fields.get(path)) or paths[:1]
            types = tuple(Mapped(path, self.facts).described for path in mapped)
            uses.append(FieldUse(field=name, paths=mapped, types=types))
        return tuple(uses)

    def _scope(self, scope: Scope) -> Bounds:
        return either(self.where(where) for where in scope.wheres)

    def where(self, where: Where) -> Bounds:
        """Build the clause for the events of one channel and its codes."""
        parts = []
        if where.channel is not None:
            parts.append(self.mapped(CHANNEL).test(Text((where.channel,))))
        if where.codes:
            parts.append(either(self.codes(path, where.codes) for path in CODES))
        return both(parts)

    def codes(self, path: str, codes: Iterable[str]) -> Bounds:
        """Build the clause for event codes: one `terms` where the mapping is plain."""
        tests = tuple(Number(int(code)) if code.isdigit() else Text((code,), cased=True) for code in codes)
        types = self.facts.fields.get(path, ())
        if len(types) == 1 and types[0].type == "keyword" and types[0].searchable and not self.facts.unindexed:
            together = numbers(path, tests)
            if together is not None:
                return exactly(together)
        return either(self.mapped(path).test(test) for test in tests)

    def mapped(self, path: str, cut: Query = EVERYTHING) -> Mapped:
        """Bring a path together with the mapping."""
        return Mapped(path, self.facts, cut)


@dataclass(slots=True)
class _Walk:
    """Walks one rule's condition tree."""

    to: Translator
    scope: Scope
    most: int | None  # values of one item
    _built: dict[tuple[str, str], Bounds] = field(default_factory=dict)  # of the test in hand, by path and cut

    def node(self, node: Node) -> Bounds:
        match node:
            case All(of=branches):
                return both(map(self.node, branches))
            case AnyOf(of=branches):
                return either(map(self.node, branches))
            case Not(of=branch):
                return neither(self.node(branch))
            case Item():
                return self.item(node)

    def item(self, item: Item) -> Bounds:
        if not item.tests:
            return NEVER
        if item.field is None or item.field == "EventData":
            return UNKNOWN
        if self.most is not None and len(item.tests) > self.most:
            return at_least(self.present(item.field).upper)
        plain = self._codes(item)
        if plain is not None:
            return plain
        tests = (self.test(item.field, test) for test in item.tests)
        return both(tests) if item.every else either(tests)

    def _codes(self, item: Item) -> Bounds | None:
        """Write many event codes as one clause."""
        if item.field != "EventID" or item.every or not all(isinstance(test, Number) for test in item.tests):
            return None
        if any(self.to.facts.fields.get(f"{prefix}EventID") for prefix in DATA) or self.to.facts.unindexed:
            return None
        codes = tuple(str(test.value) for test in item.tests if isinstance(test, Number))
        return either(self.to.codes(path, codes) for path in CODES)

    def test(self, name: str, test: Test) -> Bounds:
        match test:
            case Empty():
                return neither(self.present(name))
            case Exists(expected=expected):
                return self.present(name) if expected else neither(self.present(name))
            case FieldRef(field=other):
                return at_least(all_of((self.present(name).upper, self.present(other).upper)))
        return self._over_paths(name, lambda mapped: mapped.test(test))

    def present(self, name: str) -> Bounds:
        """Build the clause that says the field holds a value."""
        return self._over_paths(name, lambda mapped: mapped.exists())

    def _over_paths(self, name: str, build: Build) -> Bounds:
        self._built.clear()
        parts = [self._reading(name, where, build) for where in self.scope.wheres]
        if len(parts) == 1:
            return parts[0]
        # what holds in one part of the log source is surely meant only there
        return either(
            Bounds(part.upper, all_of((part.lower, self.to.where(where).lower)) if part.lower != shared else part.lower)
            for part, where, shared in zip(parts, self.scope.wheres, _shared(parts), strict=True)
        )

    def _reading(self, name: str, where: Where, build: Build) -> Bounds:
        there = reading(name, where)
        added = self.to.source.fields.get(name, ())
        direct = (*there.direct, *added)
        elsewhere = self._unless_in_data(there.direct)
        parts = []
        for path in direct:
            cut = EVERYTHING if path.startswith(DATA) or path in added else elsewhere
            bounds = self._once(path, cut, build)
            sure = path in added or certain(name, path, where)
            parts.append(bounds if sure else at_least(bounds.upper))
        fallback = either(self._once(path, EVERYTHING, build) for path in there.fallback)
        if fallback != NEVER:  # read only where the direct paths hold nothing
            present = either(self.to.mapped(path).exists() for path in direct)
            parts.append(Bounds(fallback.upper, both((fallback, neither(present))).lower))
        parts.extend(
            at_least(either(self.to.mapped(path, elsewhere).exists() for path in built.paths).upper)
            for built in there.built
        )
        if name == "Data":
            parts.extend(at_least(build(self.to.mapped(path)).upper) for path in _UNNAMED)
        return either(parts)

    def _once(self, path: str, cut: Query, build: Build) -> Bounds:
        """Build a clause once for all parts of the log source, so that it is seen to be the same."""
        key = (path, repr(cut))
        if key not in self._built:
            self._built[key] = build(self.to.mapped(path, cut))
        return self._built[key]

    def _unless_in_data(self, direct: Iterable[str]) -> Query:
        """Build the clause for the events whose data do not hold the value by its own name.

        A module moves a value away or leaves it: where it is left, what was too long elsewhere is found there.
        """
        left = [path for path in direct if path.startswith(DATA) and self.to.facts.fields.get(path)]
        if any(one.ignore_above is not None for path in left for one in self.to.facts.fields[path]):
            return EVERYTHING
        return none_of(any_of(self.to.mapped(path).exists().upper for path in left))


def _shared(parts: list[Bounds]) -> Iterator[Query | None]:
    """Give each part's lower bound where all parts have the same."""
    same = all(part.lower == parts[0].lower for part in parts)
    for part in parts:
        yield part.lower if same else None


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


def field_paths(name: str, scope: Scope, source: Source) -> tuple[str, ...]:
    """Give every path where the values of a field, or parts of them, may stand."""
    paths = list(source.fields.get(name, ()))
    for where in scope.wheres:
        there = reading(name, where)
        paths.extend((*there.direct, *there.fallback, *(path for built in there.built for path in built.paths)))
    if name == "Data":
        paths.extend(_UNNAMED)
    return tuple(dict.fromkeys(paths))


def paths_of(rules: Iterable[Rule], source: Source) -> tuple[str, ...]:
    """Give every path whose mapping the translation of these rules asks for, sub-fields too."""
    paths = {CHANNEL, *CODES}
    for rule in rules:
        where = scope(rule.logsource, source.logsources)
        for name in rule_fields(rule.node):
            paths.update(field_paths(name, where, source))
    return tuple(sorted({*paths, *(f"{path}.{sub}" for path in paths for sub in _SUBFIELDS)}))


def predicate(rule: Rule, source: Source) -> Predicate:
    """Compile the predicate of a rule for a source."""
    return Predicate(rule.node, scope(rule.logsource, source.logsources))


def view(event: Mapping[str, object], source: Source) -> EventView:
    """Look at an event with the field mappings of a source."""
    return EventView(event, source.fields)


def translate(rule: Rule, translator: Translator) -> Plan:
    """Make the plan of a rule, without what selectors set."""
    bounds = translator.bounds(rule)
    findings = tuple(_findings(rule, translator))
    return Plan(
        rule=rule,
        source=translator.source.name,
        query=bounds.upper,
        exact=bounds.exact,
        fields=translator.fields(rule),
        findings=findings,
    )


def _findings(rule: Rule, translator: Translator) -> Iterator[Finding]:
    where = scope(rule.logsource, translator.source.logsources)
    if where.unknown:
        yield Finding(
            code="unknown-logsource",
            severity=Severity.WARNING,
            place=rule.logsource.place or rule.place,
            message=f"no table knows the log source {', '.join(f'`{name}`' for name in where.unknown)}",
            fix="add it under `logsources` of the source in settings; until then it narrows nothing",
        )
    if translator.scope(rule) == EVERYTHING and not where.unknown and rule.logsource.product:
        yield Finding(
            code="no-channel",
            severity=Severity.INFO,
            place=rule.logsource.place or rule.place,
            message="the log source names neither category nor service, so every event is looked at",
            fix="add one",
        )
