"""What engines answer on bad days: nothing is told that is not sure, nothing is lost, nothing is told twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from support.answering_proxy import AnsweringProxy, Answers, Call, Reply
from support.expected_deliveries import assert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import KilledRuns, killed_runs
from support.sandbox import Sandbox


@pytest.fixture
def stood_before(opensearch_sandbox: Sandbox) -> Iterator[tuple[Sandbox, AnsweringProxy]]:
    """Give a house whose engine lies behind a proxy that may answer in its place."""
    assert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.source(budget="1s")  # how long a busy cluster is waited for
    opensearch_sandbox.template()
    with AnsweringProxy(target=opensearch_sandbox.running.url) as proxy:
        opensearch_sandbox.url = proxy.url
        yield opensearch_sandbox, proxy


def told_once_after(sandbox: Sandbox, runs: KilledRuns, hosts: list[str]) -> None:
    """Run on a good day: every host's alert and message is there, once."""
    sandbox.hasten()
    assert runs.run()["status"] == 0
    found = expected_deliveries(sandbox)
    assert found.lost(hosts, []) == []
    assert not found.doubled()
    assert set(found.alerts) == set(hosts)


# --------------------------------------------------------------------------- answers made in the engine's place

NOT_NOW = {
    "429": Reply.of(429, "es_rejected_execution_exception"),
    "503": Reply.of(503, "no_shard_available_action_exception"),
    "circuit breaker": Reply.of(429, "circuit_breaking_exception"),
    "500": Reply.of(500, "null_pointer_exception"),
}
ASKED = ("_search", "_msearch", "_field_caps", "_mget", "_bulk", "_doc", "_cat")


def each_kind_and(count: int) -> Iterator[tuple[str, str]]:
    """Give every kind of request with so many of the faults, in turn."""
    for number, kind in enumerate(ASKED):
        for step in range(count):
            yield kind, list(NOT_NOW)[(number + step) % len(NOT_NOW)]


def always(kind: str, reply: Reply) -> Answers:
    return lambda call, _engine: reply if call.kind == kind else None


@pytest.mark.parametrize("names", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_whatever_is_answered_with_not_now_is_asked_again_and_told_once(
    stood_before: tuple[Sandbox, AnsweringProxy], names: int
) -> None:
    sandbox, proxy = stood_before
    hosts: list[str] = []
    with killed_runs(sandbox) as runs:
        runs.run()
        for kind, name in each_kind_and(names):
            hosts.append(f"{kind} {name}")
            sandbox.feed([attack_on(hosts[-1], hosts[-1])], ago=timedelta(seconds=2))
            proxy.answers = always(kind, NOT_NOW[name])
            seen = len(proxy.calls)
            runs.run()
            assert kind in {call.kind for call in proxy.calls[seen:]}
            if kind in ("_msearch", "_field_caps", "_mget", "_bulk", "_cat"):
                assert hosts[-1] not in expected_deliveries(sandbox).hosts.values(), hosts[-1]
            proxy.calm()
            told_once_after(sandbox, runs, hosts)
    print(f"{len(hosts)} faults: 0 lost, 0 doubled")  # noqa: T201


def changed(change: Callable[[dict[str, Any]], None]) -> Answers:
    """Change what the engine answers to each search of a batch that found something."""

    def answer(call: Call, engine: Callable[[], Reply]) -> Reply | None:
        if call.kind != "_msearch":
            return None
        reply = engine()
        for told_ in reply.body["responses"]:
            if told_.get("hits", {}).get("hits"):
                change(told_)
        return reply

    return answer


def part_of_the_shards(answer: dict[str, Any]) -> None:
    answer["hits"] |= {"hits": [], "total": {"value": 0, "relation": "eq"}}
    why = {"type": "node_disconnected_exception", "reason": "made by a test"}
    answer["_shards"] |= {"failed": 1, "failures": [{"shard": 0, "index": "x", "reason": why}]}


def out_of_time(answer: dict[str, Any]) -> None:
    answer["hits"] |= {"hits": [], "total": {"value": 0, "relation": "eq"}}
    answer["timed_out"] = True


def fewer_than_counted(answer: dict[str, Any]) -> None:
    answer["hits"]["hits"] = []


def a_cluster_skipped(answer: dict[str, Any]) -> None:
    answer["hits"] |= {"hits": [], "total": {"value": 0, "relation": "eq"}}
    answer["_clusters"] = {"total": 2, "successful": 1, "skipped": 1}


def one_search_of_the_batch(answer: dict[str, Any]) -> None:
    answer.clear()
    answer |= {"status": 429, "error": {"type": "circuit_breaking_exception", "reason": "made by a test"}}


def test_an_answer_that_is_not_whole_leaves_a_hole_and_is_asked_for_again(
    stood_before: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = stood_before
    hosts: list[str] = []
    partly = (part_of_the_shards, out_of_time, fewer_than_counted, a_cluster_skipped, one_search_of_the_batch)
    with killed_runs(sandbox) as runs:
        for change in partly:
            hosts.append(change.__name__)
            sandbox.feed([attack_on(hosts[-1], hosts[-1])], ago=timedelta(seconds=2))
            proxy.answers = changed(change)
            runs.run()
            assert hosts[-1] not in expected_deliveries(sandbox).hosts.values()
            assert len(sandbox.live()["gaps"]) == 1
            proxy.calm()
            sandbox.hasten_gaps()  # the next window may begin a slice later
            told_once_after(sandbox, runs, hosts)
            assert sandbox.live()["gaps"] == []


def test_hours_behind_with_a_failing_first_query_everything_is_found(
    stood_before: tuple[Sandbox, AnsweringProxy],
) -> None:
    """ElastAlert2 moves on after such a start, and never looks back."""
    sandbox, proxy = stood_before
    now = sandbox.admin.events().now()
    sandbox.source(budget="1s", overlap="1m", start=(now - timedelta(hours=5)).isoformat())
    hosts = [f"host-{number}" for number in range(5)]
    for number, host in enumerate(hosts):
        sandbox.feed([attack_on(host, host)], ago=timedelta(minutes=60 * number + 5))
    proxy.answers = always("_msearch", NOT_NOW["503"])
    with killed_runs(sandbox) as runs:
        runs.run()
        runs.run()
        assert not sandbox.live()["gaps"][0]["end"] > now.isoformat()
        proxy.calm()
        for _ in range(8):
            sandbox.hasten_gaps()
            runs.run()
        told_once_after(sandbox, runs, hosts)
    assert sandbox.live()["gaps"] == []


def test_a_clean_up_that_fails_costs_nothing(stood_before: tuple[Sandbox, AnsweringProxy]) -> None:
    sandbox, proxy = stood_before
    sandbox.feed([attack_on("a", "a")])
    proxy.answers = lambda call, _engine: NOT_NOW["503"] if call.method == "DELETE" else None
    with killed_runs(sandbox) as runs:
        told_once_after(sandbox, runs, ["a"])
    assert "DELETE" in {call.method for call in proxy.calls}


def test_an_index_deleted_between_two_pages_takes_only_its_own_events_with_it(
    stood_before: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = stood_before
    other = sandbox.index.replace("2026.11", "2026.10")
    sandbox.feed([attack_on(f"here-{number}", "here") for number in range(600)], ago=timedelta(minutes=3))
    sandbox.feed(
        [attack_on(f"there-{number}", "there") for number in range(600)], index=other, ago=timedelta(minutes=2)
    )
    pages = []

    def answer(call: Call, _engine: Callable[[], Reply]) -> None:
        if call.kind == "_msearch":
            pages.append(call)
            if len(pages) == 2:
                sandbox.ask("DELETE", f"/{other}")

    proxy.answers = answer
    with killed_runs(sandbox) as runs:
        runs.run()
        assert len(sandbox.live()["gaps"]) == 1
        sandbox.hasten_gaps()
        told_once_after(
            sandbox, runs, [host for host in ("here", "there") if host in expected_deliveries(sandbox).alerts]
        )
    assert sandbox.live()["gaps"] == []
    hits = expected_deliveries(sandbox).hits
    assert sum(hits[f"here-{number}"] for number in range(600)) == 600


# --------------------------------------------------------------------------- the engine's own


def test_a_red_index_leaves_a_hole_that_closes_when_it_is_back(sandbox: Sandbox) -> None:
    assert_each_host_once(sandbox)
    sandbox.template()
    red = sandbox.index.replace("2026.11", "2026.10")
    nowhere = {"index.routing.allocation.require._name": "nowhere", "index.number_of_replicas": 0}
    answer = sandbox.admin.transport.request("PUT", f"/{red}", params={"timeout": "1s"}, body={"settings": nowhere})
    assert answer.status == 200
    sandbox.feed([attack_on("a", "a")])
    with killed_runs(sandbox) as runs:
        runs.run()
        assert expected_deliveries(sandbox).hosts == {}
        sandbox.ask("PUT", f"/{red}/_settings", {"index.routing.allocation.require._name": None})
        sandbox.admin.transport.request("GET", f"/_cluster/health/{red}", params={"wait_for_status": "yellow"})
        sandbox.hasten_gaps()
        told_once_after(sandbox, runs, ["a"])
    assert sandbox.live()["gaps"] == []


def test_indices_that_map_a_field_in_other_ways_are_all_searched(sandbox: Sandbox) -> None:
    assert_each_host_once(sandbox)
    sandbox.template()
    kinds = {"2026.07": "text", "2026.08": "wildcard", "2026.09": "match_only_text", "2026.10": "keyword"}
    if sandbox.admin.server.engine == "elasticsearch":  # the small one of the tests lacks the modules
        kinds = {"2026.07": "text", "2026.10": "keyword"}
    hosts = ["dynamic"]
    sandbox.feed([attack_on("dynamic", "dynamic")])
    for month, kind in kinds.items():
        index = sandbox.index.replace("2026.11", month)
        where = {"event_data": {"properties": {"CommandLine": {"type": kind}, "NewProcessName": {"type": kind}}}}
        sandbox.ask("PUT", f"/{index}", {"mappings": {"properties": {"winlog": {"properties": where}}}})
        sandbox.feed([attack_on(month, month)], index=index)
        hosts.append(month)
    broken = sandbox.index.replace("2026.11", "2026.06")
    numbers = {"event_data": {"properties": {"CommandLine": {"type": "long"}}}}
    sandbox.ask("PUT", f"/{broken}", {"mappings": {"properties": {"winlog": {"properties": numbers}}}})
    with killed_runs(sandbox) as runs:
        told_once_after(sandbox, runs, hosts)


def test_one_id_in_two_indices_at_two_times_is_two_hits(opensearch_sandbox: Sandbox) -> None:
    assert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.template()
    opensearch_sandbox.feed([attack_on("same", "one")], ago=timedelta(minutes=3))
    opensearch_sandbox.feed([attack_on("same", "two")], index=opensearch_sandbox.index + "-b", ago=timedelta(minutes=2))
    with killed_runs(opensearch_sandbox) as runs:
        opensearch_sandbox.hasten()
        runs.run()
    found = expected_deliveries(opensearch_sandbox)
    assert (found.hits["same"], found.alerts) == (2, {"one": 1, "two": 1})


def test_five_matches_in_one_run_are_five_alerts_and_a_channel_that_raises_hides_no_other(
    opensearch_sandbox: Sandbox,
) -> None:
    assert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.template()
    hosts = [f"host-{number}" for number in range(5)]
    opensearch_sandbox.feed([attack_on(host, host) for host in hosts])
    with killed_runs(opensearch_sandbox) as runs:
        runs.run(breaks="mail")
        assert (len(opensearch_sandbox.smtp.messages), len(opensearch_sandbox.slack.requests)) == (0, 5)
        told_once_after(opensearch_sandbox, runs, hosts)
    assert (len(opensearch_sandbox.smtp.messages), len(opensearch_sandbox.slack.requests)) == (5, 5)


# --------------------------------------------------------------------------- very many


def test_more_than_ten_thousand_hits_of_one_rule_are_all_kept_and_told_in_few_messages(
    opensearch_sandbox: Sandbox,
) -> None:
    storm(opensearch_sandbox, 10_500)


@pytest.mark.slow
def test_more_than_a_hundred_thousand_hits_of_one_rule_are_all_kept_and_told_in_few_messages(sandbox: Sandbox) -> None:
    storm(sandbox, 101_000)


def storm(sandbox: Sandbox, count: int) -> None:
    """Let every one of many events be an alert."""
    assert_each_host_once(sandbox)
    sandbox.changes["rules"]["select"] = [{"set": {"group_by": "event"}}]
    sandbox.changes["rate_limit"] = None
    sandbox.template()
    for start in range(0, count, 5000):
        some = range(start, min(start + 5000, count))
        sandbox.feed([attack_on(str(number), "host") for number in some], ago=timedelta(minutes=9))
    with killed_runs(sandbox) as runs:
        memory = runs.run()["memory"]
    counted = {
        kind: sandbox.admin.state().count(f"{sandbox.prefix}-{kind}-*", {"match_all": {}})
        for kind in ("alerts", "hits")
        if sandbox.admin.state().refresh(f"{sandbox.prefix}-{kind}-*") is None
    }
    assert counted == {"alerts": count, "hits": count}
    bodies = [request.body.decode() for request in sandbox.slack.requests]
    assert len(bodies) == len(sandbox.smtp.messages) == 21 + (count > 100_020)
    further = [re.search(r"([\d,]+) further alerts", body) for body in bodies]
    told_together = [int(one[1].replace(",", "")) for one in further if one is not None]
    assert sum(told_together) == count - 20, told_together
    assert max(told_together) < 100_000 + 500, told_together  # a message is full at the end of a page of 500
    sent = sandbox.admin.state().count(f"{sandbox.prefix}-alerts-*", {"term": {"watcher.deliveries.state": "sent"}})
    assert sent == count
    print(f"{count} alerts of one rule: {len(bodies)} messages a channel, {memory} MB")  # noqa: T201
    assert memory < 400
    assert json.loads(bodies[20])
