"""Indices that cannot be searched: the others alert, the bad ones are reported, and searched once they can be."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.sandbox import IIS, Sandbox

SMALL = {"number_of_shards": 1, "number_of_replicas": 0}
BAD = ("blocked", "closed", "keyword", "red")


def name_of(sandbox: Sandbox, kind: str) -> str:
    return f"winlogbeat-{sandbox.name}-{kind}"


def spoil(sandbox: Sandbox) -> None:
    """Create an index of each bad kind, with an attack in each but the last, whose shard is on no node."""
    keyword = {"settings": SMALL, "mappings": {"properties": {"@timestamp": {"type": "keyword"}}}}
    sandbox.ask("PUT", f"/{name_of(sandbox, 'keyword')}", keyword)
    for kind in BAD[:-1]:
        feed(sandbox, kind)
    sandbox.ask("PUT", f"/{name_of(sandbox, 'blocked')}/_settings", {"index.blocks.read": True})
    sandbox.ask("POST", f"/{name_of(sandbox, 'closed')}/_close")
    red = {"settings": {**SMALL, "index.routing.allocation.require.box": "nowhere"}}
    sandbox.ask("PUT", f"/{name_of(sandbox, 'red')}?wait_for_active_shards=0", red)


def feed(sandbox: Sandbox, kind: str) -> None:
    """Index an attack that is older than what the next live search reads."""
    sandbox.feed([attack_on(kind, kind)], index=name_of(sandbox, kind), ago=timedelta(minutes=20))


def mend(sandbox: Sandbox) -> None:
    """Make all of them searchable; the wrong mapping is replaced by a new index of the same name."""
    sandbox.ask("PUT", f"/{name_of(sandbox, 'blocked')}/_settings", {"index.blocks.read": None})
    sandbox.ask("POST", f"/{name_of(sandbox, 'closed')}/_open?wait_for_active_shards=1")
    sandbox.ask("PUT", f"/{name_of(sandbox, 'red')}/_settings", {"index.routing.allocation.require.box": None})
    sandbox.ask("GET", f"/_cluster/health/{name_of(sandbox, 'red')}?wait_for_status=green&timeout=30s")
    sandbox.ask("DELETE", f"/{name_of(sandbox, 'keyword')}")
    for kind in ("keyword", "red"):
        feed(sandbox, kind)


def unsearchable(sandbox: Sandbox) -> dict[str, str]:
    """Return the unsearchable indices of `status`, with their reasons."""
    done = sandbox.call("status", "--json")
    (source,) = json.loads(done.stdout)["sources"]
    listed = {entry["index"].rpartition("-")[2]: entry["reason"] for entry in source["unsearchable"]}
    assert done.returncode == int(bool(listed or source["gaps"])), done.stdout
    return listed


def test_the_others_alert_and_the_bad_ones_are_reported_until_they_can_be_searched(
    opensearch_sandbox: Sandbox,
) -> None:
    assert_reported_and_healed(opensearch_sandbox)


@pytest.mark.slow
def test_bad_indices_of_elasticsearch_are_reported_until_they_can_be_searched(secured_sandbox: Sandbox) -> None:
    assert_reported_and_healed(secured_sandbox)


def assert_reported_and_healed(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    start = (sandbox.admin.events().now() - timedelta(minutes=40)).isoformat()
    sandbox.source(start=start, overlap="1m")
    sandbox.feed([attack_on("well", "well")], index=name_of(sandbox, "well"))
    spoil(sandbox)

    done = sandbox.call("run", "--once")
    assert (done.returncode, "index.unsearchable" in done.stderr) == (1, True), done.stderr
    assert set(expected_deliveries(sandbox).alerts) == {"well"}
    assert {index.rpartition("-")[2] for gap in sandbox.gaps() for index in gap["indices"]} == {*BAD}
    reasons = unsearchable(sandbox)
    assert reasons.keys() == {*BAD}
    assert "allocation/explain" in reasons["red"]
    assert "index read" in reasons["blocked"]
    assert "closed" in reasons["closed"]
    assert "non-numeric" in reasons["keyword"]

    checked = sandbox.call("check", "--live")
    assert checked.returncode == 1
    assert all(name_of(sandbox, kind) in checked.stdout.replace("\n", "") for kind in BAD), checked.stdout
    preview = json.loads(sandbox.call("preview", str(IIS), "--days", "1", "--json").stdout)
    assert (preview["hits"], len(preview["unsearchable"])) == (1, 4)
    backfill = sandbox.call("backfill", "--from", start, "--notify", "none", "--workers", "1", "--json")
    (report,) = json.loads(backfill.stdout)
    assert (backfill.returncode, report["finished"], len(report["unsearchable"])) == (1, True, 4)

    mend(sandbox)
    sandbox.hasten_gaps()
    sandbox.once()
    assert set(expected_deliveries(sandbox).alerts) == {"well", *BAD}
    assert not expected_deliveries(sandbox).doubled()
    assert sandbox.gaps() == []
    assert unsearchable(sandbox) == {}


@pytest.mark.parametrize("strategy", ["scan", "query"])
def test_an_index_whose_script_fails_in_every_search_is_left_out(opensearch_sandbox: Sandbox, strategy: str) -> None:
    sandbox = opensearch_sandbox
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.source(search=strategy, fields={"CommandLine": ["winlog.event_data.CommandLine", "scripted"]})
    script = {"type": "keyword", "script": {"source": "emit(doc['no.such.field'].value)"}}
    mappings = {"derived": {"scripted": script}}
    sandbox.ask("PUT", f"/{name_of(sandbox, 'script')}", {"settings": SMALL, "mappings": mappings})
    for kind in ("well", "script"):
        sandbox.feed([attack_on(kind, kind)], index=name_of(sandbox, kind))
    done = sandbox.call("run", "--once")
    assert (done.returncode, "index.failed" in done.stderr) == (1, True), done.stderr
    assert set(expected_deliveries(sandbox).alerts) == {"well"}
    (gap,) = sandbox.gaps()
    assert gap["indices"] == [name_of(sandbox, "script")]
    assert "no.such.field" in gap["reason"]
