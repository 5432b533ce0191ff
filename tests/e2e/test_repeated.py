"""The same window again and again, in processes that know nothing of each other: told once."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from support.sandbox import IIS, RuleEvent, Sandbox, rule_events

ATTACK, *_ = [case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name]


def messages(sandbox: Sandbox) -> tuple[int, int, int]:
    """Count alerts, mails and Slack messages."""
    return len(sandbox.documents("alerts")), len(sandbox.smtp.messages), len(sandbox.slack.requests)


def test_process_after_process_over_the_same_window_tell_one_alert_once(sandbox: Sandbox) -> None:
    sandbox.feed([ATTACK])
    # ten on the one, fewer on the other: the ledger is the same, a process costs a second and more
    for number in range(10 if sandbox.admin.server.engine == "opensearch" else 4):
        if number % 3 == 2:  # some begin as on the first day
            sandbox.admin.transport.request("DELETE", f"/{sandbox.prefix}-state")
        sandbox.once()
        assert messages(sandbox) == (1, 1, 1)
    assert len(sandbox.documents("hits")) == 1


def test_a_hit_that_joins_an_open_alert_tells_nothing_again(opensearch_sandbox: Sandbox) -> None:
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
def test_a_running_sidecar_tells_what_comes_ends_on_a_signal_and_a_second_one_tells_nothing_again(
    opensearch_sandbox: Sandbox, number: int
) -> None:
    with opensearch_sandbox.loop() as loop:
        loop.until_said("sidecar.started")
        opensearch_sandbox.feed([ATTACK], ago=timedelta(seconds=1))
        loop.until_said("channel=slack")
        assert loop.stop(number) == 0
        assert "sidecar.stopped" in loop.said()
    assert messages(opensearch_sandbox) == (1, 1, 1)
    with opensearch_sandbox.loop() as loop:
        loop.until_said("window.searched")
        assert loop.stop(number) == 0
    opensearch_sandbox.once()
    assert messages(opensearch_sandbox) == (1, 1, 1)
