"""Rule tests on real engines: each rule's query returns the events that the rule matches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.engines import Running

from watcher.cluster.connections import Connection, connect
from watcher.errors import InputError
from watcher.local_engine.winlogbeat import TEMPLATE
from watcher.ports import Page, SearchRequest
from watcher.ruletests import cluster_run as proving
from watcher.ruletests.cluster_run import run_on_cluster
from watcher.ruletests.suites import RuleTestSuites, suites_of_rules
from watcher.settings import Source
from watcher.sigma.rule_folders import read_folder

SHIPPED = Path(__file__).resolve().parents[2] / "rules"


@pytest.fixture
def cluster(engine: Running) -> Iterator[Connection]:
    """Yield an engine with an empty index of tests."""
    with closing(connect(engine.admin())) as connection:
        connection.transport.request("DELETE", f"/{proving.INDEX}")
        connection.state().put_template("winlogbeat-tests", TEMPLATE)
        yield connection
        connection.transport.request("DELETE", f"/{proving.INDEX}")


def suites(folder: Path, selection: str, tests: str) -> RuleTestSuites:
    rule = (
        "title: T\nlogsource: {product: windows, category: process_creation}\n"
        f"detection: {{s: {{{selection}}}, condition: s}}\n"
    )
    (folder / "x.yml").write_text(rule, encoding="utf-8")
    (folder / "x.test.yml").write_text(tests, encoding="utf-8")
    return suites_of_rules(read_folder("own", folder).rules)


def test_the_tests_of_the_shipped_rules_pass(cluster: Connection) -> None:
    test_suites = suites_of_rules(read_folder("shipped", SHIPPED).rules)
    outcomes = run_on_cluster(test_suites.suites, Source(), events=cluster.events(), documents=cluster.state())
    assert [(result.rule.title, result.test.name, result.reason) for result in outcomes if not result.passed] == []
    assert len(outcomes) == sum(len(suite.tests) for suite in test_suites.suites) >= 150


def test_a_test_that_fails_in_memory_fails_here_too(cluster: Connection, tmp_path: Path) -> None:
    tests = "hit: [{name: a, data: {Image: x}}, {name: b, data: {Image: y}}]\nmiss: [{name: c, data: {Image: x}}]"
    test_suites = suites(tmp_path, "Image: x", tests)
    outcomes = run_on_cluster(test_suites.suites, Source(), events=cluster.events(), documents=cluster.state())
    assert {result.test.name: result.passed for result in outcomes} == {"a": True, "b": False, "c": False}


def test_an_event_that_the_engine_rejects_fails_only_its_test(cluster: Connection, tmp_path: Path) -> None:
    winlog = "{channel: Microsoft-Windows-Sysmon/Operational, event_data: {Image: %s}}"
    document = f'{{"@timestamp": "2026-01-01T00:00:00Z", event: {{code: "1"}}, winlog: {winlog}}}'
    tests = f"hit: [{{name: a, event: {document % 'x'}}}, {{name: b, event: {document % '{deep: er}'}}}]"
    test_suites = suites(tmp_path, "Image: x", tests)
    good, refused = run_on_cluster(test_suites.suites, Source(), events=cluster.events(), documents=cluster.state())
    assert good.passed
    assert refused.reason.startswith("the engine rejected the event: ")


@dataclass(frozen=True)
class Forgetful:
    """A snapshot without hits."""

    def search(self, requests: list[SearchRequest]) -> list[Page]:
        return [Page(documents=(), total=0, after=None) for _ in requests]


def test_a_query_that_loses_an_event_fails_the_test(
    cluster: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real event source whose searches return nothing."""
    searched = proving.search_by_query
    monkeypatch.setattr(proving, "search_by_query", lambda _, plans: searched(Forgetful(), plans))
    test_suites = suites(tmp_path, "Image: x", "hit: [{data: {Image: x}}]\nmiss: [{data: {Image: y}}]")
    lost, fine = run_on_cluster(test_suites.suites, Source(), events=cluster.events(), documents=cluster.state())
    assert not lost.passed
    assert lost.reason.startswith("the rule matches the event, but its query does not return it")
    assert fine.passed


def test_a_time_field_of_settings_that_the_events_lack_does_not_matter(cluster: Connection, tmp_path: Path) -> None:
    test_suites = suites(tmp_path, "Image: x", "hit: [{data: {Image: x}}]")
    source = replace(Source(), time_field="event.ingested")
    (outcome,) = run_on_cluster(test_suites.suites, source, events=cluster.events(), documents=cluster.state())
    assert outcome.passed


def test_a_run_without_tests_is_rejected(cluster: Connection, tmp_path: Path) -> None:
    test_suites = suites(tmp_path, "Image: x", "hit: [{data: {Image: x}}]")
    bare = [replace(suite, tests=()) for suite in test_suites.suites]
    with pytest.raises(InputError, match="there is no test to run"):
        run_on_cluster(bare, Source(), events=cluster.events(), documents=cluster.state())
