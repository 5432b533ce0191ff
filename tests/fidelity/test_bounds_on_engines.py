"""Whatever a rule and an event say: the query never loses, and what it negates it never takes too much of."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import worlds
from drawn import FIELDS, LOG_SOURCES, SOURCE, Drawn, cases, put, rule
from hypothesis import HealthCheck, Phase, given, settings
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running

from watcher.cluster.connections import Connection
from watcher.match.predicate import Predicate
from watcher.model import And, DetectionItem, EventDocument, Query, Rule, SigmaExists
from watcher.translate.field_resolver import UNNAMED_DATA
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, rule_predicate

EVERY_FIELD = tuple(
    rule(And(tuple(DetectionItem(field=name, values=(SigmaExists(True),)) for name in FIELDS)), source)
    for source in LOG_SOURCES
)
PATHS = paths_of(EVERY_FIELD, SOURCE)


@dataclass(frozen=True, slots=True)
class Stage:
    """A world, and how rules are translated there."""

    world: worlds.World
    translator: Translator
    event_reader: EventReader


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine with an index of every kind; Hypothesis prints it for every case, so it says little of itself."""

    admin: Indices = field(repr=False)
    connection: Connection = field(repr=False)
    worlds: tuple[worlds.World, ...] = field(repr=False)
    stages: list[Stage] = field(repr=False)
    refused: set[str] = field(repr=False)  # what the engine said of documents that it did not take

    def prepare(self) -> None:
        """Map every path that the events of these tests may hold, and read the mapping."""
        whole: dict[str, Any] = {}
        for path in PATHS:
            if path.endswith((".keyword", ".text")) or path == "own.alias" or "data.process" in path:
                continue
            if path in UNNAMED_DATA and not path.endswith((".param1", ".param2", ".param3")):
                continue
            put(whole, path, "true", 0)
        filled = self.fill("first", [whole] * 10)
        assert {name: len(found) for name, found in filled.items()} == dict.fromkeys(filled, 10), self.refused
        for world in self.worlds:
            mapping = self.connection.events().mapping(world.pattern, PATHS)
            self.stages.append(Stage(world, Translator(SOURCE, mapping), EventReader(SOURCE, mapping)))

    def fill(self, batch: str, events: Sequence[Mapping[str, Any]]) -> dict[str, list[EventDocument]]:
        """Write the events into every world; what an engine refuses is no part of that world."""
        lines: list[Mapping[str, Any]] = []
        written: list[tuple[str, EventDocument]] = []
        for world in self.worlds:
            for number, event in enumerate(events):
                index = world.indices[number % len(world.indices)]
                lines += [{"create": {"_index": index, "_id": f"{batch}-{number}"}}, {**event, "batch": batch}]
                written.append((world.name, EventDocument(index=index, id=f"{batch}-{number}", event=event)))
        answer = self.admin.transport.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)
        found: dict[str, list[EventDocument]] = {world.name: [] for world in self.worlds}
        for (name, one), told in zip(written, answer.body["items"], strict=True):
            if told["create"]["status"] == 201:
                found[name].append(one)
            else:
                self.refused.add(json.dumps(told["create"]["error"]))
        return found

    def ask(self, batch: str, asked: Sequence[tuple[str, Query]]) -> list[set[str]]:
        """Ask for the ids of a batch that queries return."""
        lines: list[Mapping[str, Any]] = []
        for pattern, query in asked:
            only = {"bool": {"filter": [{"term": {"batch": batch}}, query]}}
            lines += [{"index": pattern}, {"query": only, "size": 1000, "_source": False}]
        answer = self.connection.transport.request("POST", "/_msearch", body=lines)
        found = []
        for (_, query), told in zip(asked, answer.body["responses"], strict=True):
            assert "error" not in told, (query, told)
            assert not told["_shards"]["failed"], (query, told)
            found.append({hit["_id"] for hit in told["hits"]["hits"]})
        return found


@pytest.fixture(scope="module")
def bench(engine: Running) -> Iterator[Bench]:
    has = worlds.EVERYWHERE if engine.ca else (*worlds.EVERYWHERE, *worlds.OPENSEARCH)
    with indices(engine.admin()) as admin, connections(engine.cluster()) as connection:
        for world in has:
            for index, mapping in zip(world.indices, world.mappings, strict=True):
                admin.make(index, mapping, **world.settings)
        made = Bench(admin, connection, has, [], set())
        made.prepare()
        yield made


def told(world: worlds.World, rule: Rule, query: Query, found: EventDocument) -> str:
    """Tell everything about a disagreement."""
    dumped = json.dumps({"event": found.event, "query": query}, ensure_ascii=False, default=str)
    return f"{world.name} ({found.index}): {rule.logsource}: {rule.node}\n{dumped}"


def hold_together(bench: Bench, case: Drawn) -> None:
    """Hold query and predicate together in every world."""
    batch = uuid.uuid4().hex
    written = bench.fill(batch, case.events)
    asked: list[tuple[str, Query]] = []
    seen: list[tuple[worlds.World, Rule, set[str]]] = []
    compiled: list[tuple[Rule, Predicate]] = [(one, rule_predicate(one, SOURCE)) for one in case.rules]
    for stage in bench.stages:
        views = {one.id: stage.event_reader.view(one) for one in written[stage.world.name]}
        for one, holds in compiled:
            bounds = stage.translator.bounds(one)
            seen.append((stage.world, one, {number for number, view in views.items() if holds(view)}))
            asked += [(stage.world.pattern, bounds.upper), (stage.world.pattern, bounds.lower)]
    answers = iter(bench.ask(batch, asked))
    queries = iter(asked)
    for world, one, meant in seen:
        upper, lower = next(answers), next(answers)
        (_, above), (_, below) = next(queries), next(queries)
        events = {found.id: found for found in written[world.name]}
        for lost in meant - upper:
            pytest.fail(f"the query loses: {told(world, one, above, events[lost])}")
        for taken in lower - meant:
            pytest.fail(f"surely meant, and not: {told(world, one, below, events[taken])}")


FEW = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(case=cases())
def test_the_query_returns_at_least_what_the_predicate_confirms(bench: Bench, case: Drawn) -> None:
    hold_together(bench, case)


@pytest.mark.slow
@settings(FEW, max_examples=500, derandomize=False)
@given(case=cases())
def test_the_same_five_hundred_times(bench: Bench, case: Drawn) -> None:
    hold_together(bench, case)
