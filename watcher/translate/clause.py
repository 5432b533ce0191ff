"""One path, one test → upper and lower clause, by the way the path is mapped.

What is not in the index although it stands in `_source` (longer than `ignore_above`, unindexed) widens the upper
bound; what the index may hold although `_source` says otherwise (numbers cut to whole ones, addresses brought to
one form) empties the lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from watcher.model import (
    Cidr,
    Compare,
    Exists,
    Number,
    Query,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
)
from watcher.ports import FieldType, IndexFacts
from watcher.translate import pattern
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
    exactly,
    none_of,
)

_KEYWORDS = ("keyword", "wildcard", "constant_keyword", "version")
_TEXTS = ("text", "match_only_text")
_WHOLE = ("long", "integer", "short", "byte", "unsigned_long")
_NUMBERS = (*_WHOLE, "double", "float", "half_float", "scaled_float")
_LONGEST_TOKEN = 255  # the standard analyzer cuts longer ones
_KNOWN_ANALYZERS = (None, "standard", "winlogbeat_powershell_script_analyzer")
_SHORTEST_RUN = 3
_MOST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Mapped:
    """A path of the events and how the indices of a pattern map it."""

    path: str
    facts: IndexFacts
    cut: Query = field(
        default_factory=lambda: EVERYTHING
    )  # where OpenSearch may hold a value here that was too long for its index

    @property
    def types(self) -> tuple[FieldType, ...]:
        """Give the ways in which the path is mapped, none where no index has it."""
        return self.facts.fields.get(self.path, ())

    @property
    def described(self) -> str:
        """Name the types, with the limit above which values are not indexed."""
        if not self.types:
            return "unindexed" if self.facts.unindexed else "unmapped"
        return ", ".join(
            f"{one.type}{f' (ignore_above {one.ignore_above})' if one.ignore_above else ''}" for one in self.types
        )

    def test(self, test: Test) -> Bounds:
        """Build the clause of a test on the values at the path."""
        return self._over_types(lambda one: _test(one, test)) if self.types or self.facts.unindexed else NEVER

    def exists(self) -> Bounds:
        """Build the clause that says the path holds a value."""
        return self._over_types(lambda one: one.exists())

    def _over_types(self, build: Any) -> Bounds:
        parts = [self._guarded(one, build(_Typed(self.path, one, self.facts, self.cut))) for one in self.types]
        if self.facts.unindexed:  # there the value may stand in `_source` alone
            mapped = {name for one in self.types for name in one.indices}
            blind = [name for name in self.facts.unindexed if name not in mapped or not self.types]
            if blind and not (self.types and any(not one.indices for one in self.types)):
                parts.append(at_least({"terms": {"_index": blind}}))
        return either(parts) if parts else NEVER

    def _guarded(self, one: FieldType, bounds: Bounds) -> Bounds:
        """Keep a clause to the indices that map the path so: elsewhere it would be an error or a lie."""
        if not one.indices or (len(self.types) == 1 and not self.facts.unindexed):
            return bounds
        guard: Query = {"terms": {"_index": list(one.indices)}}
        return Bounds(all_of((guard, bounds.upper)), all_of((guard, bounds.lower)))


@dataclass(frozen=True, slots=True)
class _Typed:
    """A path in the indices that map it in one way."""

    path: str
    type: FieldType
    facts: IndexFacts
    cut: Query = field(default_factory=lambda: EVERYTHING)

    @property
    def is_whole(self) -> bool:
        """Tell whether every value is in the index as it stands in `_source`."""
        return self.type.ignore_above is None

    def exists(self) -> Bounds:
        """Build the clause that says there is a value."""
        if not self.type.searchable:
            return UNKNOWN
        there: Query = {"exists": {"field": self.path}}
        if self.type.type in _KEYWORDS:
            # an empty text is in the index, and no value to Sigma
            lower = all_of((there, none_of({"term": {self.path: ""}}))) if self.type.type == "keyword" else there
            return Bounds(self.or_cut(there), lower if self.type.type == "keyword" else NOTHING)
        return (
            at_least(there)
            if self.type.type in _NUMBERS or self.type.type in ("ip", "date")
            else Bounds(there, NOTHING)
        )

    def or_cut(self, query: Query, test: Test | None = None) -> Query:
        """Widen a clause by the events whose value was too long for the index."""
        limit = self.type.ignore_above
        if limit is None or query == EVERYTHING or (test is not None and _longest(test) <= limit):
            return query
        if self.facts.server.engine == "elasticsearch":
            return any_of((query, {"term": {"_ignored": self.path}}))
        # OpenSearch does not tell, and an array may hold a short value beside the long one
        text = f"{self.path}.text"
        analyzed = self.facts.fields.get(text, ())
        if test is not None and len(analyzed) == 1 and analyzed[0].type in _TEXTS and not analyzed[0].indices:
            return any_of((query, _by_tokens(_Typed(text, analyzed[0], self.facts), test)))
        return any_of((query, self.cut))


def _longest(test: Test) -> float:
    """Give the length of the longest value that a test can accept."""
    if isinstance(test, Number):
        return len(str(test.value))
    if isinstance(test, Text) and Wildcard.ANY not in test.parts:
        return sum(len(part) if isinstance(part, str) else 1 for part in test.parts)
    return math.inf


def _test(typed: _Typed, test: Test) -> Bounds:
    if not typed.type.searchable:
        return UNKNOWN
    kind = typed.type.type
    if kind in _KEYWORDS:
        return _on_keyword(typed, test)
    if kind in _TEXTS:
        return _on_text_field(typed, test)
    if kind in _NUMBERS:
        return _on_number(typed, test)
    if kind == "ip":
        return _on_address(typed, test)
    if kind == "boolean":
        return _on_boolean(typed, test)
    return typed.exists() if kind in ("date", "date_nanos") else UNKNOWN


# --------------------------------------------------------------------------- keyword and wildcard


def _on_keyword(typed: _Typed, test: Test) -> Bounds:
    bounds = _keyword(typed.path, test)
    return Bounds(typed.or_cut(bounds.upper, test), bounds.lower)


def _keyword(path: str, test: Test) -> Bounds:
    match test:
        case Text():
            variants = pattern.variants(test)
            return _text(path, test) if variants == (test,) else either(_text(path, one) for one in variants)
        case Number(value=value):
            whole = isinstance(value, float) and value.is_integer()
            return exactly({"term": {path: {"value": str(int(value) if whole else value)}}})
        case Regex():
            found = pattern.factors(test)[:_MOST_RUNS]
            if not found:
                return at_least({"exists": {"field": path}})
            return at_least(all_of(_text(path, pattern.factor_pattern(one, test)).upper for one in found))
        case Exists() | Compare() | Cidr() | TimePart() | _:
            return at_least({"exists": {"field": path}})


def _text(path: str, text: Text) -> Bounds:
    whole = pattern.literal(text)
    folding: dict[str, Any] = {} if text.cased else {"case_insensitive": True}
    if whole is not None:
        return exactly({"term": {path: {"value": whole, **folding}}})
    if text.parts == (Wildcard.ANY,):
        return Bounds({"exists": {"field": path}}, NOTHING)
    made: Query
    if _is_prefix(text):
        made = {"prefix": {path: {"value": text.parts[0], **folding}}}
    else:
        made = {"wildcard": {path: {"value": pattern.pattern(text), **folding}}}
    return at_least(made) if pattern.loose(text) else exactly(made)


def _is_prefix(text: Text) -> bool:
    return (
        len(text.parts) == 2
        and isinstance(text.parts[0], str)
        and text.parts[1] is Wildcard.ANY
        and (text.cased or not any(map(pattern.has_case, text.parts[0])))
    )


# --------------------------------------------------------------------------- text


def _on_text_field(typed: _Typed, test: Test) -> Bounds:
    """Narrow by the tokens of a text, or ask its keyword sub-field where that knows more."""
    sub = f"{typed.path}.keyword"
    keyword = next((one for one in typed.facts.fields.get(sub, ()) if one.type in _KEYWORDS and one.searchable), None)
    if keyword is not None and (not keyword.indices or set(typed.type.indices) <= set(keyword.indices)):
        inner = _keyword(sub, test)
        upper = _Typed(sub, keyword, typed.facts).or_cut(inner.upper, test)
        return Bounds(upper if upper != EVERYTHING else _by_tokens(typed, test), inner.lower)
    return at_least(_by_tokens(typed, test))


def _by_tokens(typed: _Typed, test: Test) -> Query:
    """Ask for the tokens that every matching value has, whatever its length."""
    there: Query = {"exists": {"field": typed.path}}
    if typed.type.analyzer not in _KNOWN_ANALYZERS:
        return there
    found: tuple[str, ...] = ()
    if isinstance(test, Text):
        found = pattern.runs(test)
    elif isinstance(test, Regex) and "i" not in test.flags:
        found = tuple(run for one in pattern.factors(test) for run in pattern.runs(Text((one,))))
    wanted = [run for run in found if _SHORTEST_RUN <= len(run) < _LONGEST_TOKEN][:_MOST_RUNS]
    if not wanted:
        return there
    tokens = all_of({"wildcard": {typed.path: {"value": f"*{run}*", "case_insensitive": True}}} for run in wanted)
    # a token as long as the analyzer allows may be a piece of a longer one, cut inside what is looked for
    return any_of((tokens, {"regexp": {typed.path: {"value": f".{{{_LONGEST_TOKEN}}}"}}}))


# --------------------------------------------------------------------------- numbers, addresses, booleans


def _on_number(typed: _Typed, test: Test) -> Bounds:
    path = typed.path
    match test:
        case Number(value=value):
            return at_least(_number_term(typed, value))
        case Text():
            whole = pattern.literal(test)
            try:
                return at_least(_number_term(typed, float(whole) if whole is not None else math.nan))
            except ValueError:
                return UNKNOWN
        case Compare(operator=operator, bound=bound):
            # fractions may have been cut off in the index
            edge = math.floor(bound) if operator.startswith("g") else math.ceil(bound)
            return at_least({"range": {path: {f"{operator[0]}te": edge}}})
        case _:
            return typed.exists()


def _number_term(typed: _Typed, value: float) -> Query:
    if math.isnan(value) or math.isinf(value):
        return EVERYTHING
    if typed.type.type in _WHOLE:
        if abs(value) >= 2**63:
            return EVERYTHING
        return {"term": {typed.path: {"value": int(value)}}}
    return {"exists": {"field": typed.path}}


def _on_address(typed: _Typed, test: Test) -> Bounds:
    match test:
        case Cidr(network=network):
            made: Query = {"term": {typed.path: {"value": str(network)}}}
            return exactly(made) if network.version == 4 else at_least(made)
        case Text():
            whole = pattern.literal(test)
            try:
                return at_least({"term": {typed.path: {"value": str(ip_address(whole or ""))}}})
            except ValueError:
                return UNKNOWN if whole is not None else typed.exists()
        case _:
            return typed.exists()


def _on_boolean(typed: _Typed, test: Test) -> Bounds:
    whole = pattern.literal(test) if isinstance(test, Text) else None
    if whole is not None and whole.lower() in ("true", "false"):
        return at_least({"term": {typed.path: {"value": whole.lower() == "true"}}})
    return typed.exists()


def numbers(path: str, tests: Iterable[Test]) -> Query | None:
    """Bring tests for plain numbers on a keyword into one `terms` clause; None where they are others."""
    values = []
    for test in tests:
        if not isinstance(test, Number):
            return None
        values.append(_keyword(path, test).upper["term"][path]["value"])
    return {"terms": {path: values}}
