"""Errors of engines: no unconfirmed alert is delivered, nothing is lost, nothing is delivered twice."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from support.answering_proxy import AnsweringProxy, Answers, Call, Reply
from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import KilledRuns, killed_runs
from support.sandbox import Sandbox

from watcher.timestamps import read_timestamp


@pytest.fixture
def behind_proxy(opensearch_sandbox: Sandbox) -> Iterator[tuple[Sandbox, AnsweringProxy]]:
    """Yield a sandbox whose engine is behind a proxy that can answer in its place."""
    alert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.source(budget="1s")  # how long to wait for a busy cluster
    opensearch_sandbox.template()
    with AnsweringProxy(target=opensearch_sandbox.running.url) as proxy:
        opensearch_sandbox.url = proxy.url
        yield opensearch_sandbox, proxy


def assert_delivered_once(sandbox: Sandbox, runs: KilledRuns, hosts: list[str]) -> None:
    """Run without faults and check that every host has exactly one alert and message per channel."""
    sandbox.hasten()
    assert runs.run()["status"] == 0
    deliveries = expected_deliveries(sandbox)
    assert deliveries.lost(hosts, []) == []
    assert not deliveries.doubled()
    assert set(deliveries.alerts) == set(hosts)


# --------------------------------------------------------------------------- answers of the proxy instead of the engine

TEMPORARY_FAULTS = {
    "429": Reply.of(429, "es_rejected_execution_exception"),
    "503": Reply.of(503, "no_shard_available_action_exception"),
    "circuit breaker": Reply.of(429, "circuit_breaking_exception"),
    "500": Reply.of(500, "null_pointer_exception"),
}
REQUEST_KINDS = ("_search", "_msearch", "_field_caps", "_mget", "_bulk", "_doc", "_cat")


def each_kind_with(count: int) -> Iterator[tuple[str, str]]:
    """Yield every kind of request with `count` of the faults, in turn."""
    for number, kind in enumerate(REQUEST_KINDS):
        for step in range(count):
            yield kind, list(TEMPORARY_FAULTS)[(number + step) % len(TEMPORARY_FAULTS)]


def always(kind: str, reply: Reply) -> Answers:
    return lambda call, _engine: reply if call.kind == kind else None


@pytest.mark.parametrize("names", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_temporarily_refused_request_is_repeated_and_its_alert_delivered_once(
    behind_proxy: tuple[Sandbox, AnsweringProxy], names: int
) -> None:
    sandbox, proxy = behind_proxy
    hosts: list[str] = []
    with killed_runs(sandbox) as runs:
        runs.run()
        for kind, name in each_kind_with(names):
            hosts.append(f"{kind} {name}")
            sandbox.feed([attack_on(hosts[-1], hosts[-1])], ago=timedelta(seconds=2))
            proxy.answers = always(kind, TEMPORARY_FAULTS[name])
            seen = len(proxy.calls)
            runs.run()
            assert kind in {call.kind for call in proxy.calls[seen:]}
            if kind in ("_msearch", "_field_caps", "_mget", "_bulk", "_cat"):
                assert hosts[-1] not in expected_deliveries(sandbox).hosts.values(), hosts[-1]
            proxy.pass_through()
            assert_delivered_once(sandbox, runs, hosts)
    print(f"{len(hosts)} faults: 0 lost, 0 doubled")  # noqa: T201


def changed(change: Callable[[dict[str, Any]], None]) -> Answers:
    """Return answers that change the engine's reply to each search with hits."""

    def answer(call: Call, engine: Callable[[], Reply]) -> Reply | None:
        if call.kind != "_msearch":
            return None
        reply = engine()
        for search_reply in reply.body["responses"]:
            if search_reply.get("hits", {}).get("hits"):
                change(search_reply)
        return reply

    return answer


def part_of_the_shards(answer: dict[str, Any]) -> None:
    answer["hits"] |= {"hits": [], "total": {"value": 0, "relation": "eq"}}
    why = {"type": "node_disconnected_exception", "reason": "injected by a test"}
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
    answer |= {"status": 429, "error": {"type": "circuit_breaking_exception", "reason": "injected by a test"}}


def test_an_incomplete_answer_leaves_a_gap_that_is_searched_again(
    behind_proxy: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = behind_proxy
    hosts: list[str] = []
    partly = (part_of_the_shards, out_of_time, fewer_than_counted, a_cluster_skipped, one_search_of_the_batch)
    with killed_runs(sandbox) as runs:
        for change in partly:
            hosts.append(change.__name__)
            sandbox.feed([attack_on(hosts[-1], hosts[-1])], ago=timedelta(seconds=2))
            proxy.answers = changed(change)
            runs.run()
            assert hosts[-1] not in expected_deliveries(sandbox).hosts.values()
            assert len(sandbox.gaps()) == 1
            proxy.pass_through()
            sandbox.hasten_gaps()  # the next window may begin a slice later
            assert_delivered_once(sandbox, runs, hosts)
            assert sandbox.gaps() == []


def test_a_failing_first_search_over_past_hours_loses_no_event(
    behind_proxy: tuple[Sandbox, AnsweringProxy],
) -> None:
    """ElastAlert2 skips the window after such a start."""
    sandbox, proxy = behind_proxy
    now = sandbox.admin.events().now()
    sandbox.source(budget="1s", overlap="1m", start=(now - timedelta(hours=5)).isoformat())
    hosts = [f"host-{number}" for number in range(5)]
    for number, host in enumerate(hosts):
        sandbox.feed([attack_on(host, host)], ago=timedelta(minutes=60 * number + 5))
    proxy.answers = always("_msearch", TEMPORARY_FAULTS["503"])
    with killed_runs(sandbox) as runs:
        runs.run()
        runs.run()
        assert read_timestamp(sandbox.gaps()[0]["end"]) <= sandbox.admin.events().now()  # no gap ends in the future
        proxy.pass_through()
        for _ in range(8):
            sandbox.hasten_gaps()
            runs.run()
        assert_delivered_once(sandbox, runs, hosts)
    assert sandbox.gaps() == []


def test_a_failed_clean_up_of_snapshots_loses_no_alert(behind_proxy: tuple[Sandbox, AnsweringProxy]) -> None:
    sandbox, proxy = behind_proxy
    sandbox.feed([attack_on("a", "a")])
    proxy.answers = lambda call, _engine: TEMPORARY_FAULTS["503"] if call.method == "DELETE" else None
    with killed_runs(sandbox) as runs:
        assert_delivered_once(sandbox, runs, ["a"])
    assert "DELETE" in {call.method for call in proxy.calls}


def test_an_index_deleted_between_two_pages_loses_only_its_own_events(
    behind_proxy: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = behind_proxy
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
        assert len(sandbox.gaps()) == 1
        sandbox.hasten_gaps()
        runs.run()  # searches the gap; what the deleted index held is lost unless it was read before
        assert_delivered_once(sandbox, runs, [*{"here", *expected_deliveries(sandbox).alerts}])
    assert sandbox.gaps() == []
    hits = expected_deliveries(sandbox).hits
    assert sum(hits[f"here-{number}"] for number in range(600)) == 600


# --------------------------------------------------------------------------- faults of the engine itself


def test_a_red_index_leaves_a_gap_of_its_own_that_closes_when_the_index_recovers(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    red = sandbox.index.replace("2026.11", "red")  # no date, so that it may hold events of any time
    nowhere = {"index.routing.allocation.require._name": "nowhere", "index.number_of_replicas": 0}
    answer = sandbox.admin.transport.request("PUT", f"/{red}", params={"timeout": "1s"}, body={"settings": nowhere})
    assert answer.status == 200
    sandbox.feed([attack_on("a", "a")])
    with killed_runs(sandbox) as runs:
        runs.run()
        assert set(expected_deliveries(sandbox).alerts) == {"a"}
        assert [gap["indices"] for gap in sandbox.gaps()] == [[red]]
        sandbox.ask("PUT", f"/{red}/_settings", {"index.routing.allocation.require._name": None})
        sandbox.admin.transport.request("GET", f"/_cluster/health/{red}", params={"wait_for_status": "yellow"})
        sandbox.hasten_gaps()
        assert_delivered_once(sandbox, runs, ["a"])
    assert sandbox.gaps() == []


def test_indices_with_different_mappings_of_a_field_are_all_searched(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    kinds = {"2026.07": "text", "2026.08": "wildcard", "2026.09": "match_only_text", "2026.10": "keyword"}
    if sandbox.admin.server.engine == "elasticsearch":  # the small Elasticsearch of the tests lacks the modules
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
        assert_delivered_once(sandbox, runs, hosts)


def test_the_same_id_in_two_indices_at_two_times_is_two_hits(opensearch_sandbox: Sandbox) -> None:
    alert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.template()
    opensearch_sandbox.feed([attack_on("same", "one")], ago=timedelta(minutes=3))
    opensearch_sandbox.feed([attack_on("same", "two")], index=opensearch_sandbox.index + "-b", ago=timedelta(minutes=2))
    with killed_runs(opensearch_sandbox) as runs:
        opensearch_sandbox.hasten()
        runs.run()
    deliveries = expected_deliveries(opensearch_sandbox)
    assert (deliveries.hits["same"], deliveries.alerts) == (2, {"one": 1, "two": 1})


def test_five_matches_open_five_alerts_and_a_failing_channel_delays_no_other_channel(
    opensearch_sandbox: Sandbox,
) -> None:
    alert_each_host_once(opensearch_sandbox)
    opensearch_sandbox.template()
    hosts = [f"host-{number}" for number in range(5)]
    opensearch_sandbox.feed([attack_on(host, host) for host in hosts])
    with killed_runs(opensearch_sandbox) as runs:
        runs.run(breaks="mail")
        assert (len(opensearch_sandbox.smtp.messages), len(opensearch_sandbox.slack.requests)) == (0, 5)
        assert_delivered_once(opensearch_sandbox, runs, hosts)
    assert (len(opensearch_sandbox.smtp.messages), len(opensearch_sandbox.slack.requests)) == (5, 5)


# --------------------------------------------------------------------------- many hits


def test_more_hits_of_a_rule_than_a_search_may_return_are_recorded_and_delivered_in_few_messages(
    opensearch_sandbox: Sandbox,
) -> None:
    limit_searches_of_alerts(opensearch_sandbox, 1_000)
    deliver_in_digests(opensearch_sandbox, 1_300)
    alerts = f"/{opensearch_sandbox.prefix}-alerts-*"
    assert opensearch_sandbox.admin.transport.request("GET", f"{alerts}/_search", body={"size": 1_001}).status == 400


@pytest.mark.slow
def test_over_a_hundred_thousand_hits_of_a_rule_are_recorded_and_delivered_in_few_messages(sandbox: Sandbox) -> None:
    deliver_in_digests(sandbox, 101_000)


def limit_searches_of_alerts(sandbox: Sandbox, documents: int) -> None:
    """Lower the limit of a search of the alerts, 10,000 documents by default: fewer alerts go beyond it."""
    assert sandbox.call("setup").returncode == 0
    installed = sandbox.ask("GET", f"/_index_template/{sandbox.prefix}-*")["index_templates"]
    (own,) = (
        entry["index_template"]
        for entry in installed
        if entry["index_template"]["index_patterns"] == [f"{sandbox.prefix}-alerts-*"]
    )
    settings = {**own["template"]["settings"], "index.max_result_window": documents}
    limited = {**own, "template": {**own["template"], "settings": settings}, "priority": own["priority"] + 1}
    sandbox.admin.state().put_template(f"{sandbox.prefix}-limited", limited)


def deliver_in_digests(sandbox: Sandbox, count: int) -> None:
    """Open an alert for each of many events, and check hits, alerts, digests and memory."""
    alert_each_host_once(sandbox)
    sandbox.changes["rules"]["select"] = [{"set": {"group_by": "event"}}]
    sandbox.changes["rate_limit"] = None
    sandbox.template()
    for start in range(0, count, 5000):
        numbers = range(start, min(start + 5000, count))
        sandbox.feed([attack_on(str(number), "host") for number in numbers], ago=timedelta(minutes=9))
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
    in_digests = [int(match[1].replace(",", "")) for match in further if match is not None]
    assert sum(in_digests) == count - 20, in_digests
    assert max(in_digests) < 100_000 + 500, in_digests  # a message is full at the end of a page of 500
    sent = sandbox.admin.state().count(f"{sandbox.prefix}-alerts-*", {"term": {"watcher.deliveries.state": "sent"}})
    assert sent == count
    print(f"{count} alerts of one rule: {len(bodies)} messages a channel, {memory} MB")  # noqa: T201
    assert memory < 400
    assert json.loads(bodies[20])


# --------------------------------------------------------------------------- answers that no engine sends

FOREIGN = {
    "{}": Reply(status=200, body={}),
    "HTML": Reply(status=200, body=None, raw=b"<html>Bad gateway</html>", content_type="text/html"),
    "empty": Reply(status=200, body=None, raw=b""),
    "cut": Reply(status=200, body=None, raw=b'{"took": 1, "resp'),
}


def test_an_answer_that_no_engine_sends_is_reported_and_its_window_searched_again(
    behind_proxy: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = behind_proxy
    hosts: list[str] = []
    sandbox.once()
    for number, kind in enumerate(("_field_caps", "_msearch", "_search", "_mget", "_bulk", "_cat", "_mapping")):
        name = list(FOREIGN)[number % len(FOREIGN)]
        hosts.append(f"{kind} {name}")
        sandbox.feed([attack_on(hosts[-1], hosts[-1])], ago=timedelta(seconds=2))
        proxy.answers = always(kind, FOREIGN[name])
        done = sandbox.call("run", "--once")
        assert (done.returncode, "Traceback" in done.stderr) == (3, False), (hosts[-1], done.stderr)
        assert hosts[-1] not in expected_deliveries(sandbox).hosts.values(), hosts[-1]
        proxy.pass_through()
    with killed_runs(sandbox) as runs:
        sandbox.hasten_gaps()
        assert_delivered_once(sandbox, runs, hosts)


def test_commands_report_an_answer_that_no_engine_sends_in_a_sentence(
    behind_proxy: tuple[Sandbox, AnsweringProxy],
) -> None:
    sandbox, proxy = behind_proxy
    sandbox.feed([attack_on("a", "a")])
    sandbox.once()
    commands = (("status",), ("alerts",), ("check", "--live"), ("backfill", "--from", "2026-11-01", "--notify", "none"))
    for command, (name, reply) in zip(commands, FOREIGN.items(), strict=True):
        proxy.answers = lambda call, _engine, reply=reply: None if call.kind == "/" else reply
        done = sandbox.call(*command)
        assert done.returncode == 3, (name, command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr + done.stdout, (name, command)


def test_a_sidecar_outlives_answers_that_no_engine_sends(behind_proxy: tuple[Sandbox, AnsweringProxy]) -> None:
    sandbox, proxy = behind_proxy
    sandbox.feed([attack_on("a", "a")], ago=timedelta(seconds=20))
    proxy.answers = lambda _call, _engine: FOREIGN["{}"]
    with sandbox.loop() as sidecar:
        sidecar.wait_for_log("cluster.unreachable")
        proxy.pass_through()
        sidecar.wait_for_log("alert.opened")
        proxy.answers = lambda _call, _engine: FOREIGN["HTML"]
        sidecar.wait_for_log("cluster.failed")
        assert sidecar.stop(signal.SIGTERM) == 0
        assert "Traceback" not in sidecar.log_text()
