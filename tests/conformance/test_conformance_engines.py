"""All cases on real engines: their events are indexed once per mapping, their rules searched by queries."""

from __future__ import annotations

import pytest
from case_files import ENGINES, SuiteMapping, all_cases, cases_of, shared_mappings
from suite import NOTHING, faults_on
from support.engines import Running


def mappings() -> list[SuiteMapping]:
    """Return the shared mappings, and those that files of cases bring."""
    own = {case.mapping.name: case.mapping for case in all_cases() if case.mapping is not None}
    return [*shared_mappings(), *own.values()]


def matrix() -> list[tuple[str, SuiteMapping]]:
    """Return each engine with each mapping that it has the field types for."""
    return [(engine, mapping) for engine in ENGINES for mapping in mappings() if engine in mapping.engines]


@pytest.mark.parametrize(
    ("engine", "mapping"),
    matrix(),
    indirect=["engine"],
    ids=[f"{engine}-{mapping.name}" for engine, mapping in matrix()],
)
def test_an_engine_agrees_with_every_case_on_a_mapping(engine: Running, mapping: SuiteMapping) -> None:
    """The query returns at least the expected events; what is confirmed are exactly those."""
    cases = cases_of(mapping, "elasticsearch" if engine.ca else "opensearch")
    assert cases
    faults = faults_on(engine, mapping, cases)
    assert faults == [], "\n".join(faults)


def test_a_query_that_returns_nothing_is_noticed_in_every_case(opensearch: Running) -> None:
    mapping = shared_mappings()[0]
    cases = [case for case in cases_of(mapping, "opensearch") if not case.query_faults][::5]
    faults = faults_on(opensearch, mapping, cases, lambda _: NOTHING)
    hits = [(case, number) for case in cases for number, event in enumerate(case.events) if event.hit]
    assert faults == [f"{case.id}: the query loses event {number}" for case, number in hits]
