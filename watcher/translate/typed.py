"""A path in the indices that map it in one way: what its index knows of a value, and what it hides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

from watcher.match.matchers import MAX_NUMBER_LENGTH
from watcher.model import Query, SigmaNumber, SigmaRegex, SigmaString, SigmaValue, Wildcard
from watcher.ports import FieldType, IndexMapping
from watcher.translate import patterns as pattern
from watcher.translate.bounds import EVERYTHING, NOTHING, UNKNOWN, Bounds, all_of, any_of, at_least, none_of

CODES = ("event.code", "winlog.event_id")
"""Where an event's code stands, in the order in which it is read."""
KEYWORDS = ("keyword", "wildcard", "constant_keyword")
TEXTS = ("text", "match_only_text")
INTEGERS = ("long", "integer", "short", "byte", "unsigned_long")
NUMBERS = (*INTEGERS, "double", "float", "half_float", "scaled_float")
DATES = ("date", "date_nanos")

_LONGEST_TOKEN = 255  # the standard analyzer cuts longer ones
_KNOWN_ANALYZERS = (None, "standard", "winlogbeat_powershell_script_analyzer")
_BEYOND_BMP = ".*[\U00010000-\U0010ffff].*"
_REMEMBERED = 1024
_SHORTEST_RUN = 3
_MOST_RUNS = 3


@dataclass(frozen=True, slots=True)
class TypedField:
    """A path in the indices that map it in one way."""

    path: str
    type: FieldType
    mapping: IndexMapping
    elsewhere: Query = field(default_factory=lambda: EVERYTHING)  # where OpenSearch may hide a value of this path

    @property
    def is_plain(self) -> bool:
        """Tell whether the index holds each value as it stands in `_source`, and no other."""
        return not self.type.adds and self.type.normalizer is None

    def exists(self) -> Bounds:
        """Build the clause that says there is a value."""
        if not self.type.searchable or self.type.computed:
            return UNKNOWN
        there: Query = {"exists": {"field": self.path}}
        if self.type.type != "keyword" or not self.is_plain:
            return at_least(self.or_hidden(there))
        # an empty text is in the index, and no value to Sigma
        return Bounds(self.or_hidden(there), all_of((there, none_of({"term": {self.path: ""}}))))

    def or_hidden(self, query: Query, test: SigmaValue | None = None) -> Query:
        """Widen a clause by the events whose value is not in the index: too long for it, or malformed."""
        if query == EVERYTHING or not self._hides(test):
            return query
        if self.mapping.server.engine == "elasticsearch":
            return any_of((query, {"term": {"_ignored": self.type.path or self.path}}))
        # OpenSearch does not tell, and an array may hold a short value beside the long one
        text = f"{self.path}.text"
        analyzed = self.mapping.fields.get(text, ())
        if test is not None and len(analyzed) == 1 and analyzed[0].type in TEXTS and not analyzed[0].indices:
            return by_tokens(TypedField(text, analyzed[0], self.mapping), test)  # of short values it knows as much
        return any_of((query, self.elsewhere))

    def _hides(self, test: SigmaValue | None) -> bool:
        """Tell whether a value that passes the test may be missing in the index."""
        if self.type.ignore_malformed:
            return True
        limit = self.type.ignore_above
        return limit is not None and (test is None or longest(test) > limit)


def longest(test: SigmaValue) -> float:
    """Give the length of the longest value that a test can accept, as Java counts it."""
    if isinstance(test, SigmaNumber):
        return max(MAX_NUMBER_LENGTH, len(str(test.value)))
    if isinstance(test, SigmaString) and Wildcard.ANY not in test.parts:
        return sum(
            len(part.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(part, str) else 2 for part in test.parts
        )
    return math.inf


def by_tokens(typed: TypedField, test: SigmaValue) -> Query:
    """Ask a text for the tokens that every matching value has, whatever its length."""
    there: Query = {"exists": {"field": typed.path}}
    if not typed.type.searchable or typed.type.computed:
        return EVERYTHING
    if typed.type.analyzer not in _KNOWN_ANALYZERS:
        return there
    found: tuple[str, ...] = ()
    if isinstance(test, SigmaString):
        found = pattern.runs(test)
    elif isinstance(test, SigmaRegex) and "i" not in test.flags:
        found = tuple(run for one in pattern.factors(test) for run in pattern.runs(SigmaString((one,))))
    wanted = [run for run in found if _SHORTEST_RUN <= len(run) < _LONGEST_TOKEN][:_MOST_RUNS]
    if not wanted:
        return there
    tokens = all_of({"wildcard": {typed.path: {"value": f"*{run}*", "case_insensitive": True}}} for run in wanted)
    return any_of((tokens, _cut(typed.path)))


@lru_cache(maxsize=_REMEMBERED)
def _cut(path: str) -> Query:
    """Ask for the tokens that may be a piece of a longer one, cut inside what is looked for.

    They are as long as the analyzer allows, in halves of surrogate pairs; expressions count whole characters. Built
    once for each path, so that it stands in a list of values once: the engines take long over it.
    """
    return any_of({"regexp": {path: {"value": value}}} for value in (f".{{{_LONGEST_TOKEN}}}", _BEYOND_BMP))


def lessened(typed: TypedField, bounds: Bounds) -> Bounds:
    """Take back what is surely meant, where the index holds what `_source` does not."""
    return bounds if typed.is_plain else Bounds(bounds.upper, NOTHING)
