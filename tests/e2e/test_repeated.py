"""The same window searched by several processes: delivered once."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from support.sandbox import IIS, RuleEvent, Sandbox, rule_events

ATTACK, *_ = [case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name]


def messages(sandbox: Sandbox) -> tuple[int, int, int]:
    """Count alerts, mails and Slack messages."""
    return len(sandbox.documents("alerts")), len(sandbox.smtp.messages), len(sandbox.slack.requests)


def test_repeated_runs_over_the_same_window_deliver_an_alert_once(sandbox: Sandbox) -> None:
    sandbox.feed([ATTACK])
    # fewer runs on Elasticsearch: the code is the same, and a process takes more than a second
    for number in range(10 if sandbox.admin.server.engine == "opensearch" else 4):
        if number % 3 == 2:  # some runs begin without a state
            sandbox.admin.transport.request("DELETE", f"/{sandbox.prefix}-state")
        sandbox.once()
        assert messages(sandbox) == (1, 1, 1)
    assert len(sandbox.documents("hits")) == 1


def test_a_hit_that_joins_an_open_alert_delivers_nothing_again(opensearch_sandbox: Sandbox) -> None:
    select = [{"set": {"quiet_period": "10000d"}}]
    opensearch_sandbox.changes["rules"] = {"folders": [{"name": "own", "path": str(IIS.parent)}], "select": select}
    opensearch_sandbox.feed([ATTACK])
    opensearch_sandbox.once()
    later = RuleEvent(rule=ATTACK.rule, expect="hit", name="", event=ATTACK.event, id="another")
    opensearch_sandbox.feed([later], ago=timedelta(minutes=1))
    opensearch_sandbox.once()
    assert messages(opensearch_sandbox) == (1, 1, 1)
    (alert,) = opensearch_sandbox.documents("alerts")
    hits = opensearch_sandbox.documents("hits")
    assert [hit.document["watcher"]["alert"]["id"] for hit in hits] == [alert.id, alert.id]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sidecar_delivers_stops_on_a_signal_and_a_second_sidecar_delivers_nothing_again(
    opensearch_sandbox: Sandbox, number: int
) -> None:
    with opensearch_sandbox.loop() as loop:
        loop.wait_for_log("sidecar.started")
        opensearch_sandbox.feed([ATTACK], ago=timedelta(seconds=1))
        loop.wait_for_deliveries()
        assert loop.stop(number) == 0
        assert "sidecar.stopped" in loop.log_text()
    assert messages(opensearch_sandbox) == (1, 1, 1)
    with opensearch_sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        assert loop.stop(number) == 0
    opensearch_sandbox.once()
    assert messages(opensearch_sandbox) == (1, 1, 1)
