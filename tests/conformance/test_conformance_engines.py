"""All cases on real engines: their events are indexed once per mapping, their rules searched by queries."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet
from case_files import ENGINES, SuiteMapping, all_cases, cases_of, shared_mappings
from suite import NOTHING, faults_on
from support.engines import Running


def mappings() -> list[SuiteMapping]:
    """Return the shared mappings, and those that files of cases bring."""
    own = {case.mapping.name: case.mapping for case in all_cases() if case.mapping is not None}
    return [*shared_mappings(), *own.values()]


def matrix() -> list[ParameterSet]:
    """Return each engine with each mapping that it has the field types for.

    The first shared mapping has all cases; the others repeat most of them, so they wait for `make test-all`.
    """
    repeated = {mapping.name for mapping in shared_mappings()[1:]}
    return [
        pytest.param(
            engine,
            mapping,
            id=f"{engine}-{mapping.name}",
            marks=[pytest.mark.slow] if mapping.name in repeated else [],
        )
        for engine in ENGINES
        for mapping in mappings()
        if engine in mapping.engines
    ]


@pytest.mark.parametrize(("engine", "mapping"), matrix(), indirect=["engine"])
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
