"""Whatever a rule and an event say: the query never loses, and what it negates it never takes too much of."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import worlds
from drawn import SOURCE, Drawn, drawn
from engines import Running
from hypothesis import HealthCheck, Phase, given, settings
from indices import Indices, connected, indices

from watcher.cluster.connect import Connection
from watcher.model import Found, Query, Rule
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator, paths_of, predicate


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine with an index of every kind."""

    admin: Indices
    connection: Connection
    worlds: tuple[worlds.World, ...]

    def fill(self, batch: str, events: Sequence[Mapping[str, Any]]) -> dict[str, list[Found]]:
        """Write the events into every world; what an engine refuses is no part of that world."""
        lines: list[Mapping[str, Any]] = []
        written: list[tuple[str, Found]] = []
        for world in self.worlds:
            for number, event in enumerate(events):
                index = world.indices[number % len(world.indices)]
                lines += [{"create": {"_index": index, "_id": f"{batch}-{number}"}}, {**event, "batch": batch}]
                written.append((world.name, Found(index=index, id=f"{batch}-{number}", event=event)))
        answer = self.admin.wire.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)
        found: dict[str, list[Found]] = {world.name: [] for world in self.worlds}
        for (name, one), told in zip(written, answer.body["items"], strict=True):
            if told["create"]["status"] == 201:
                found[name].append(one)
        return found

    def ask(self, batch: str, asked: Sequence[tuple[str, Query]]) -> list[set[str]]:
        """Ask for the ids of a batch that queries return."""
        lines: list[Mapping[str, Any]] = []
        for pattern, query in asked:
            only = {"bool": {"filter": [{"term": {"batch": batch}}, query]}}
            lines += [{"index": pattern}, {"query": only, "size": 1000, "_source": False}]
        answer = self.connection.wire.request("POST", "/_msearch", body=lines)
        found = []
        for (_, query), told in zip(asked, answer.body["responses"], strict=True):
            assert "error" not in told, (query, told)
            assert not told["_shards"]["failed"], (query, told)
            found.append({hit["_id"] for hit in told["hits"]["hits"]})
        return found


@pytest.fixture(scope="module")
def bench(engine: Running) -> Iterator[Bench]:
    has = worlds.EVERYWHERE if engine.ca else (*worlds.EVERYWHERE, *worlds.OPENSEARCH)
    with indices(engine.admin()) as admin, connected(engine.cluster()) as connection:
        for world in has:
            for index, mapping in zip(world.indices, world.mappings, strict=True):
                admin.make(index, mapping, **world.settings)
        yield Bench(admin, connection, has)


def told(world: worlds.World, rule: Rule, query: Query, found: Found) -> str:
    """Tell everything about a disagreement."""
    dumped = json.dumps({"query": query, "event": found.event}, ensure_ascii=False, default=str)
    return f"{world.name} ({found.index}): {rule.logsource}: {rule.node}\n{dumped}"


def hold_together(bench: Bench, case: Drawn) -> None:
    """Hold query and predicate together in every world."""
    batch = uuid.uuid4().hex
    written = bench.fill(batch, case.events)
    asked: list[tuple[str, Query]] = []
    seen: list[tuple[worlds.World, Rule, set[str]]] = []
    for world in bench.worlds:
        facts = bench.connection.events().facts(world.pattern, paths_of(case.rules, SOURCE))
        translator, lens = Translator(SOURCE, facts), Lens(SOURCE, facts)
        views = {one.id: lens.view(one) for one in written[world.name]}
        for rule in case.rules:
            holds, bounds = predicate(rule, SOURCE), translator.bounds(rule)
            seen.append((world, rule, {id_ for id_, view in views.items() if holds(view)}))
            asked += [(world.pattern, bounds.upper), (world.pattern, bounds.lower)]
    answers = iter(bench.ask(batch, asked))
    queries = iter(asked)
    for world, rule, meant in seen:
        upper, lower = next(answers), next(answers)
        (_, above), (_, below) = next(queries), next(queries)
        by_id = {one.id: one for one in written[world.name]}
        for lost in meant - upper:
            pytest.fail(f"the query loses: {told(world, rule, above, by_id[lost])}")
        for taken in lower - meant:
            pytest.fail(f"surely meant, and not: {told(world, rule, below, by_id[taken])}")


FEW = settings(
    max_examples=5,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(case=drawn)
def test_the_query_returns_at_least_what_the_predicate_confirms(bench: Bench, case: Drawn) -> None:
    hold_together(bench, case)


@pytest.mark.slow
@settings(FEW, max_examples=1000, derandomize=False)
@given(case=drawn)
def test_the_same_a_thousand_times(bench: Bench, case: Drawn) -> None:
    hold_together(bench, case)
