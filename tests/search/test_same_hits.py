"""Whichever way a window is searched, the same is found: all shared rules on real engines, in both shapes.

What the truth table says of these events is held against every way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support import truth_table as shared
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running
from support.truth_table import NOT_IN_THE_TABLE, Place

from watcher.cluster.connections import Connection
from watcher.match.compiled_rule import CompiledRule
from watcher.model import Event, QueryPlan, Rule, Window
from watcher.search.searcher import MatchedPage, SearchContext, Searcher
from watcher.settings import Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

SMALL = ("mdecrevoisier", "sbousseaden", "sigmahq-regression")
EVER = Window(start=datetime(1990, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))

Pair = tuple[str, Place]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Events that an engine holds, and what the table says of them."""

    connection: Connection
    pattern: str
    expected: set[Pair]


@cache
def effective(folder: Path, part: int) -> tuple[Event, ...]:
    """Return one event of so many, the same each time; those that some rule matches more often."""
    hit = {location for locations in shared.expected(folder).values() for location in locations}
    built = []
    for name in SMALL:
        for location, event in shared.events(folder, name):
            among = zlib.crc32(repr(location).encode()) % part
            if among == 0 or (location in hit and among == 1):
                built.append(event)
    return tuple(built)


@contextmanager
def corpus(engine: Running, folder: Path, shape: str, part: int) -> Iterator[Corpus]:
    """Lend three indices of several shards with the events dealt out to them."""
    convert = shared.as_modules(folder) if shape == "modules" else shared.unchanged
    with indices(engine.admin()) as lent, connections(engine.cluster()) as connection:
        events = [convert(event) for event in effective(folder, part)]
        template = shared.template(folder, plain=engine.ca is not None)
        seen: set[Place] = set()
        for number in range(3):
            name = f"winlogbeat-same-{shape}-{number}"
            lent.make(name, template["mappings"], **{**template["settings"], "number_of_shards": number + 1})
            seen.update(put(lent, name, events[number::3]))
        expected = {
            (path, location) for path, locations in shared.expected(folder).items() for location in locations & seen
        }
        yield Corpus(connection, f"winlogbeat-same-{shape}-*", expected)


def put(lent: Indices, name: str, events: list[Event]) -> Iterator[Place]:
    """Write events; what the engine refuses is no part of the corpus."""
    for start in range(0, len(events), 1_000):
        lines: list[Any] = []
        some = events[start : start + 1_000]
        for event in some:
            lines += [{"create": {"_index": name}}, event]
        answer = lent.transport.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)
        for event, explain_rule in zip(some, answer.body["items"], strict=True):
            if explain_rule["create"]["status"] == 201:
                yield location(event)


def location(event: Event) -> Place:
    """Name an event as the table does."""
    return event["labels"]["file"], int(event["labels"]["n"])


def result(there: Corpus, rules: Sequence[Rule], way: str, fetch: str) -> set[Pair]:
    """Search everything by some rules, and confirm it as the pipeline does."""
    source = Source(index=there.pattern, search=way, fetch=fetch, budget=timedelta(hours=1))
    book = PlanCache(source, rules)
    holds = {entry.id: rule_predicate(entry, source) for entry in rules}
    searcher = Searcher(source, [CompiledRule(entry, holds[entry.id]) for entry in rules])
    pairs: set[Pair] = set()
    events = there.connection.events()
    with events.open(there.pattern, EVER, time_field=source.time_field) as snapshot:
        mapping = events.mapping(there.pattern, book.paths)
        event_reader = EventReader(source, mapping)
        plans = (
            book.plans(mapping)
            if way == "query"
            else [QueryPlan(rule=entry, source="", query={}, exact=False) for entry in rules]
        )
        for outcome in searcher.search(
            SearchContext(snapshot=snapshot, translator=book.translator_for(mapping), event_reader=event_reader), plans
        ):
            assert isinstance(outcome, MatchedPage), outcome.plan.rule.path
            rule = outcome.plan.rule
            confirmed = (entry for entry in outcome.documents if holds[rule.id](event_reader.view(entry)))
            pairs.update((rule.path, location(entry.event)) for entry in confirmed)
    return pairs


def hold_together(there: Corpus, rules: Sequence[Rule], *ways: tuple[str, str]) -> None:
    """Hold ways of searching against the table."""
    names = {entry.path for entry in rules}
    expected = {pair for pair in there.expected if pair[0] in names}
    for way, fetch in ways:
        pairs = {pair for pair in result(there, rules, way, fetch) if pair[0] not in NOT_IN_THE_TABLE}
        assert len(expected) > 20
        assert sorted(pairs - expected) == [], (way, fetch)
        assert sorted(expected - pairs) == [], (way, fetch)


@pytest.mark.parametrize(("name", "shape"), [("opensearch", "raw"), ("elasticsearch", "modules")])
def test_every_way_finds_what_the_table_says_of_a_part(
    request: pytest.FixtureRequest, shared_data: Path, name: str, shape: str
) -> None:
    """By a pass for the rules that find something and some others, and by queries for some of those that find."""
    with corpus(request.getfixturevalue(name), shared_data, shape, 30) as there:
        finding = {path for path, _ in there.expected}
        rules = shared.rules(shared_data)
        searched = [entry for number, entry in enumerate(rules) if entry.path in finding or number % 6 == 0]
        hold_together(there, searched, ("scan", "whole"), ("scan", "needed"))
        hold_together(there, [entry for entry in rules if entry.path in finding][::8], ("query", "whole"))


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["raw", "modules"])
def test_every_way_finds_what_the_table_says_of_all(engine: Running, shared_data: Path, shape: str) -> None:
    with corpus(engine, shared_data, shape, 1) as there:
        hold_together(there, shared.rules(shared_data), ("scan", "whole"), ("scan", "needed"), ("query", "whole"))
