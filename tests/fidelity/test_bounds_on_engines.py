"""For any rule and event: the upper bound returns every match, and the lower bound returns only matches."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
import sample_mappings
from hypothesis import HealthCheck, Phase, given, settings
from strategies import FIELDS, LOG_SOURCES, SOURCE, GeneratedCase, cases, set_value
from strategies import rule as rule_of
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running

from watcher.cluster.connections import Connection
from watcher.match.predicate import Predicate
from watcher.model import And, DetectionItem, EventDocument, Query, Rule, SigmaExists
from watcher.translate.field_resolver import UNNAMED_DATA
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, rule_predicate

EVERY_FIELD = tuple(
    rule_of(And(tuple(DetectionItem(field=name, values=(SigmaExists(True),)) for name in FIELDS)), source)
    for source in LOG_SOURCES
)
PATHS = paths_of(EVERY_FIELD, SOURCE)


@dataclass(frozen=True, slots=True)
class TranslatedSet:
    """Indices, and how rules are translated for them."""

    index_set: sample_mappings.IndexSet
    translator: Translator
    event_reader: EventReader


@dataclass(frozen=True, slots=True)
class IndexedEngine:
    """An engine with all sample mappings; its fields have no repr, as Hypothesis prints it for every case."""

    admin: Indices = field(repr=False)
    connection: Connection = field(repr=False)
    index_sets: tuple[sample_mappings.IndexSet, ...] = field(repr=False)
    stages: list[TranslatedSet] = field(repr=False)
    refused: set[str] = field(repr=False)  # errors of documents that the engine did not accept

    def prepare(self) -> None:
        """Map every path that events of these tests may hold, and read the mapping."""
        document: dict[str, Any] = {}
        for path in PATHS:
            if path.endswith((".keyword", ".text")) or path == "own.alias" or "data.process" in path:
                continue
            if path in UNNAMED_DATA and not path.endswith((".param1", ".param2", ".param3")):
                continue
            set_value(document, path, "true", 0)
        filled = self.fill({"first": [document] * 10})
        assert {key: len(documents) for key, documents in filled.items()} == dict.fromkeys(filled, 10), self.refused
        for index_set in self.index_sets:
            mapping = self.connection.events().mapping(index_set.pattern, PATHS)
            self.stages.append(TranslatedSet(index_set, Translator(SOURCE, mapping), EventReader(SOURCE, mapping)))

    def fill(self, batches: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[tuple[str, str], list[EventDocument]]:
        """Index batches of events in every sample mapping; return those that the engine accepted, by mapping and batch.

        Every refresh costs time in each index, so all batches share it.
        """
        accepted: dict[tuple[str, str], list[EventDocument]] = {}
        lines: list[Mapping[str, Any]] = []
        written: list[tuple[str, str, EventDocument]] = []
        for index_set, batch in product(self.index_sets, batches):
            accepted[index_set.name, batch] = []
            for number, event in enumerate(batches[batch]):
                index = index_set.indices[number % len(index_set.indices)]
                lines += [{"create": {"_index": index, "_id": f"{batch}-{number}"}}, {**event, "batch": batch}]
                document = EventDocument(index=index, id=f"{batch}-{number}", event=event)
                written.append((index_set.name, batch, document))
        answer = self.admin.transport.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)
        for (name, batch, document), item in zip(written, answer.body["items"], strict=True):
            if item["create"]["status"] == 201:
                accepted[name, batch].append(document)
            else:
                self.refused.add(json.dumps(item["create"]["error"]))
        return accepted

    def search(self, batch: str, queries: Sequence[tuple[str, Query]]) -> list[set[str]]:
        """Return the ids of a batch that each query of an index pattern returns; equal queries are sent once."""
        different = {json.dumps(entry, sort_keys=True): entry for entry in queries}
        lines: list[Mapping[str, Any]] = []
        for pattern, query in different.values():
            only = {"bool": {"filter": [{"term": {"batch": batch}}, query]}}
            lines += [{"index": pattern}, {"query": only, "size": 1000, "_source": False}]
        answer = self.connection.transport.request("POST", "/_msearch", body=lines)
        returned: dict[str, set[str]] = {}
        for (key, (_, query)), response in zip(different.items(), answer.body["responses"], strict=True):
            assert "error" not in response, (query, response)
            assert not response["_shards"]["failed"], (query, response)
            returned[key] = {hit["_id"] for hit in response["hits"]["hits"]}
        return [returned[json.dumps(entry, sort_keys=True)] for entry in queries]


@pytest.fixture(scope="module")
def bench(engine: Running) -> Iterator[IndexedEngine]:
    index_sets = (
        sample_mappings.BOTH_ENGINES if engine.ca else (*sample_mappings.BOTH_ENGINES, *sample_mappings.OPENSEARCH_ONLY)
    )
    with indices(engine.admin()) as admin, connections(engine.cluster()) as connection:
        for index_set in index_sets:
            for index, mapping in zip(index_set.indices, index_set.mappings, strict=True):
                admin.make(index, mapping, **index_set.settings)
        indexed = IndexedEngine(admin, connection, index_sets, [], set())
        indexed.prepare()
        yield indexed


def describe_difference(index_set: sample_mappings.IndexSet, rule: Rule, query: Query, document: EventDocument) -> str:
    """Return all that is needed to repeat a difference between query and predicate."""
    dumped = json.dumps({"event": document.event, "query": query}, ensure_ascii=False, default=str)
    return f"{index_set.name} ({document.index}): {rule.logsource}: {rule.node}\n{dumped}"


def assert_bounds(bench: IndexedEngine, drawn: Sequence[GeneratedCase]) -> None:
    """Compare the bounds with the predicate in every sample mapping, for each of the cases."""
    batches = {uuid.uuid4().hex: case for case in drawn}
    written = bench.fill({batch: case.events for batch, case in batches.items()})
    for batch, case in batches.items():
        assert_bounds_of_case(
            bench, batch, case, {stage.index_set.name: written[stage.index_set.name, batch] for stage in bench.stages}
        )


def assert_bounds_of_case(
    bench: IndexedEngine, batch: str, case: GeneratedCase, written: Mapping[str, Sequence[EventDocument]]
) -> None:
    """Compare the bounds with the predicate for the rules of a case, whose events are indexed as a batch."""
    queries: list[tuple[str, Query]] = []
    expected: list[tuple[sample_mappings.IndexSet, Rule, set[str]]] = []
    compiled: list[tuple[Rule, Predicate]] = [(rule, rule_predicate(rule, SOURCE)) for rule in case.rules]
    for stage in bench.stages:
        views = {document.id: stage.event_reader.view(document) for document in written[stage.index_set.name]}
        for rule, predicate in compiled:
            bounds = stage.translator.bounds(rule)
            expected.append((stage.index_set, rule, {number for number, view in views.items() if predicate(view)}))
            queries += [(stage.index_set.pattern, bounds.upper), (stage.index_set.pattern, bounds.lower)]
    returned = zip(queries, bench.search(batch, queries), strict=True)
    for index_set, rule, matching in expected:
        ((_, upper_query), upper), ((_, lower_query), lower) = next(returned), next(returned)
        documents = {document.id: document for document in written[index_set.name]}
        for number in matching - upper:
            pytest.fail(
                f"the upper bound misses: {describe_difference(index_set, rule, upper_query, documents[number])}"
            )
        for number in lower - matching:
            difference = describe_difference(index_set, rule, lower_query, documents[number])
            pytest.fail(f"the lower bound adds: {difference}")


FEW_EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def draw_cases() -> Sequence[GeneratedCase]:
    """Draw the same cases each time."""
    drawn: list[GeneratedCase] = []

    @FEW_EXAMPLES
    @given(case=cases())
    def draw(case: GeneratedCase) -> None:
        drawn.append(case)

    draw()
    return drawn


def test_the_bounds_enclose_what_the_predicate_matches(bench: IndexedEngine) -> None:
    drawn = draw_cases()
    assert len(drawn) >= FEW_EXAMPLES.max_examples
    assert_bounds(bench, drawn)


@pytest.mark.slow
@settings(FEW_EXAMPLES, max_examples=500, derandomize=False)
@given(case=cases())
def test_the_bounds_enclose_what_the_predicate_matches_in_500_cases(bench: IndexedEngine, case: GeneratedCase) -> None:
    assert_bounds(bench, [case])
