"""A state that is blocked, deleted or of an older version: nothing is lost or sent without a record."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import killed_runs
from support.sandbox import Sandbox, wait_until

from watcher.state.index_templates import VERSION, templates

Break = Callable[[Sandbox], None]


def block(sandbox: Sandbox) -> None:
    """Block writes as Elasticsearch does above the flood-stage watermark."""
    sandbox.ask("PUT", f"/{sandbox.prefix}-*/_settings", {"index.blocks.read_only_allow_delete": True})


def unblock(sandbox: Sandbox) -> None:
    sandbox.ask("PUT", f"/{sandbox.prefix}-*/_settings", {"index.blocks.read_only_allow_delete": None})


def close(sandbox: Sandbox) -> None:
    for index in sandbox.admin.state().indices(f"{sandbox.prefix}-*"):
        sandbox.ask("POST", f"/{index}/_close")


def reopen(sandbox: Sandbox) -> None:
    for index in sandbox.ask("GET", f"/{sandbox.prefix}-*/_settings?expand_wildcards=all"):
        sandbox.ask("POST", f"/{index}/_open?wait_for_active_shards=1")


@pytest.mark.parametrize(("break_state", "repair"), [(block, unblock), (close, reopen)], ids=["blocked", "closed"])
def test_a_blocked_or_closed_state_delivers_nothing_until_it_recovers(
    sandbox: Sandbox, break_state: Break, repair: Break
) -> None:
    alert_each_host_once(sandbox)
    this_month(sandbox)
    sandbox.template()
    sandbox.feed([attack_on("before", "before")])
    with killed_runs(sandbox) as runs:
        runs.run()
        watermark = sandbox.live()["watermark"]
        break_state(sandbox)
        sandbox.feed([attack_on("during", "during")], ago=timedelta(seconds=2))
        assert runs.run()["status"] == 3
        assert (len(sandbox.slack.requests), len(sandbox.smtp.messages)) == (1, 1)
        repair(sandbox)
        assert sandbox.live()["watermark"] == watermark
        runs.run()
    deliveries = expected_deliveries(sandbox)
    assert deliveries.lost(["before", "during"], ["before", "during"]) == []
    assert not deliveries.doubled()


def test_a_sidecar_with_a_blocked_state_notifies_operators_and_recovers(
    opensearch_sandbox: Sandbox,
) -> None:
    sandbox = operated(opensearch_sandbox)
    with sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        block(sandbox)
        sandbox.feed([attack_on("during", "during")], ago=timedelta(seconds=1))
        wait_until(lambda: "cannot be written" in notices(sandbox), what="a notice", shown=loop.log_text)
        assert set(expected_deliveries(sandbox).alerts) == {"before"}
        unblock(sandbox)
        wait_until(lambda: "over: the state" in notices(sandbox), what="a second notice", shown=loop.log_text)
        wait_until(
            lambda: len(expected_deliveries(sandbox).mails) == 2 and "during" in notices(sandbox),
            what="messages",
            shown=loop.log_text,
        )
        assert loop.stop(signal.SIGTERM) == 0
    assert expected_deliveries(sandbox).lost(["during"], ["during"]) == []
    assert not expected_deliveries(sandbox).doubled()


def test_a_sidecar_that_starts_with_a_blocked_state_waits(opensearch_sandbox: Sandbox) -> None:
    sandbox = operated(opensearch_sandbox)
    block(sandbox)
    sandbox.feed([attack_on("during", "during")], ago=timedelta(seconds=1))
    with sandbox.loop() as loop:
        wait_until(lambda: "cannot be written" in notices(sandbox), what="a notice", shown=loop.log_text)
        unblock(sandbox)
        wait_until(
            lambda: len(expected_deliveries(sandbox).mails) == 2 and "during" in notices(sandbox),
            what="messages",
            shown=loop.log_text,
        )
        assert loop.stop(signal.SIGTERM) == 0
    assert expected_deliveries(sandbox).lost(["during"], ["during"]) == []


def operated(sandbox: Sandbox) -> Sandbox:
    """Send operator messages to Slack too, with a short lease."""
    alert_each_host_once(sandbox)
    this_month(sandbox)
    sandbox.template()
    sandbox.feed([attack_on("before", "before")])
    channels = json.loads(sandbox.settings().read_text(encoding="utf-8"))["channels"]
    channels["slack"]["operator"] = True
    sandbox.changes |= {"channels": channels, "lease": "2s"}
    sandbox.once()
    return sandbox


def this_month(sandbox: Sandbox) -> None:
    """Keep new alerts in the index that already exists and is blocked."""
    sandbox.changes["rules"]["select"] = [{"set": {"quiet_period": "1h"}}]


def notices(sandbox: Sandbox) -> str:
    """Return the bodies of all Slack messages."""
    return " ".join(request.body.decode() for request in list(sandbox.slack.requests))


@contextmanager
def delivering_sidecar(sandbox: Sandbox) -> Iterator[Any]:
    """Run a sidecar that has delivered an alert, and stop it."""
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.changes["lease"] = "2s"
    sandbox.feed([attack_on("before", "before")], ago=timedelta(seconds=1))
    with sandbox.loop() as loop:
        loop.wait_for_deliveries()
        yield loop
        assert loop.stop(signal.SIGTERM) == 0


def history_is_missing(log: str) -> bool:
    """Whether the log reports, as an error, that a checkpoint was created anew."""
    return any("checkpoint.created" in line and "level=error" in line for line in log.splitlines())


def test_a_state_deleted_while_a_sidecar_runs_is_recreated_and_reported(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    with delivering_sidecar(sandbox) as loop:
        sandbox.ask("DELETE", f"/{sandbox.prefix}-state")
        wait_until(
            lambda: history_is_missing(loop.log_text()), what="`checkpoint.created` as an error", shown=loop.log_text
        )
        sandbox.feed([attack_on("after", "after")], ago=timedelta(seconds=1))
        wait_until(
            lambda: len(sandbox.smtp.messages) == len(sandbox.slack.requests) == 2,
            what="a message of each channel",
            shown=loop.log_text,
        )
    assert expected_deliveries(sandbox).lost(["before", "after"], ["before", "after"]) == []
    assert not expected_deliveries(sandbox).doubled()


def test_without_index_templates_nothing_is_created_or_delivered(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    with delivering_sidecar(sandbox) as loop:
        (index,) = sandbox.admin.state().indices(f"{sandbox.prefix}-alerts-*")
        for kind in ("alerts", "hits", "state"):
            sandbox.ask("DELETE", f"/_index_template/{sandbox.prefix}-{kind}")
        for kind in ("alerts", "hits"):
            sandbox.ask("DELETE", f"/{sandbox.prefix}-{kind}-*")
        sandbox.feed([attack_on("during", "during")], ago=timedelta(seconds=1))
        loop.wait_for_log("watcher setup")
        assert sandbox.admin.state().indices(f"{sandbox.prefix}-alerts-*") == []
        # as a sidecar that records a delivery now: the engine creates the index without a mapping
        sandbox.ask("PUT", f"/{index}")
        assert len(sandbox.slack.requests) == 1
        for name, template in templates(sandbox.prefix).items():  # as if `setup` had been killed halfway
            sandbox.admin.state().put_template(name, template)
        loop.wait_for_log("was created without its index template")
        assert sandbox.call("setup").returncode == 0
        wait_until(
            lambda: len(expected_deliveries(sandbox).mails) == 2 and "during" in notices(sandbox),
            what="a message of each channel",
            shown=loop.log_text,
        )
    assert expected_deliveries(sandbox).lost(["during"], ["during"]) == []
    indices = sandbox.admin.state().indices(f"{sandbox.prefix}-alerts-*")  # each host has slots, and months, of its own
    assert index in indices
    assert sandbox.admin.state().strict(f"{sandbox.prefix}-alerts-*") == indices


def test_a_document_that_the_state_refuses_is_stored_as_text_and_delivered(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    with killed_runs(sandbox) as runs:
        runs.run()
        for kind in ("alerts", "hits"):  # as with a custom mapping of event fields
            stored = templates(sandbox.prefix)[f"{sandbox.prefix}-{kind}"]
            properties = {**stored["template"]["mappings"]["properties"], "process": {"type": "long"}}
            mappings = {**stored["template"]["mappings"], "properties": properties}
            template = {**stored, "template": {**stored["template"], "mappings": mappings}}
            sandbox.admin.state().put_template(f"{sandbox.prefix}-{kind}", template)
        sandbox.feed([attack_on("a", "a")])
        runs.run()
    (alert,), (hit,) = sandbox.documents("alerts"), sandbox.documents("hits")
    for document in (alert.document, hit.document):
        assert "process" not in document
        assert json.loads(document["event"]["original"])["host"]["name"] == "a"
    assert (len(sandbox.slack.requests), len(sandbox.smtp.messages)) == (1, 1)
    assert "module /name:MyNativeModule" in sandbox.smtp.messages[0].part("text/plain")


def test_a_state_of_an_older_version_is_upgraded(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    for name, template in older(sandbox.prefix).items():
        sandbox.admin.state().put_template(name, template)
    month = f"{sandbox.admin.events().now():%Y.%m}"
    for kind in ("alerts", "hits"):
        sandbox.ask("PUT", f"/{sandbox.prefix}-{kind}-{month}")
    sandbox.ask("PUT", f"/{sandbox.prefix}-state")
    now = sandbox.admin.events().now()
    note = {"kind": "live", "source": "windows", "changed": now.isoformat(), "version": 1}
    edge = {"body": {"until": (now - timedelta(minutes=20)).isoformat()}}
    sandbox.ask("PUT", f"/{sandbox.prefix}-state/_doc/live-windows?refresh=true", note | edge)
    sandbox.feed([attack_on("missed", "missed")], ago=timedelta(minutes=15))
    sandbox.feed([attack_on("late", "late")], ago=timedelta(minutes=25))
    sandbox.feed([attack_on("a", "a")])
    sandbox.once()
    assert expected_deliveries(sandbox).lost(["a", "missed", "late"], ["a", "missed", "late"]) == []
    for name, template in templates(sandbox.prefix).items():
        assert sandbox.admin.state().template_version(name) == VERSION, template
    mapping = sandbox.ask("GET", f"/{sandbox.prefix}-alerts-{month}/_mapping")
    deliveries = mapping[f"{sandbox.prefix}-alerts-{month}"]["mappings"]["properties"]["watcher"]["properties"][
        "deliveries"
    ]
    assert "digest_id" in deliveries["properties"]


def older(prefix: str) -> dict[str, Any]:
    """Return the templates of version 1."""
    earlier = json.loads(json.dumps(templates(prefix)))
    for template in earlier.values():
        template["version"] = 1
    own = earlier[f"{prefix}-alerts"]["template"]["mappings"]["properties"]["watcher"]["properties"]
    del own["deliveries"]["properties"]["digest_id"]
    return dict(earlier)
