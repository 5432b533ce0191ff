"""Routes on real engines, with a real mail server and HTTP receivers: who gets an alert, when, and once."""

from __future__ import annotations

from collections import Counter

import pytest
from support.killed_runs import killed_runs
from support.routed_sandbox import MINUTE, OUTCOMES, RoutedSandbox, routed
from support.sandbox import Sandbox


def check_routes(sandbox: Sandbox) -> None:
    """Let alerts pass all stages: limit, digest, inhibition, escalation, acknowledgement and fallback."""
    with routed(sandbox) as routes, killed_runs(sandbox) as runs:
        routes.attack()
        runs.run()
        kinds = Counter(message["watcher"]["kind"] for message in routes.posted("/pager"))
        assert kinds == {"alert": 3, "digest": 1}  # `rate_limit.messages`, and one digest of the other two
        (limited,) = (message for message in routes.posted("/pager") if message["watcher"]["kind"] == "digest")
        assert limited["watcher"]["digest"]["count"] == 2
        routes.acknowledge()

        routes.pass_time(20 * MINUTE)  # the desk is down for long enough
        for _ in range(2):  # the fallback gets deliveries, then they are sent
            runs.run()
        assert routes.posted("/boss") == []
        routes.repair_desk()
        for _ in range(2):  # escalations, and the digests of the full hour
            routes.pass_time(40 * MINUTE)
            runs.run()
        runs.run()
    check(routes)


def check(routes: RoutedSandbox, allowed: Counter[str] | None = None) -> None:
    """Compare the state with the expected outcomes, and the messages with the state."""
    assert routes.outcomes() == OUTCOMES
    messages, expected = routes.messages(), routes.expected_messages()
    assert {channel for key, channel in expected.items() if key not in messages} == set()
    surplus = Counter({key: count - (key in expected) for key, count in messages.items()})
    assert +surplus - (allowed or Counter()) == Counter()


def test_routes_limits_digests_inhibition_escalation_and_fallback(opensearch_sandbox: Sandbox) -> None:
    check_routes(opensearch_sandbox)


@pytest.mark.slow
def test_routes_on_elasticsearch(secured_sandbox: Sandbox) -> None:
    check_routes(secured_sandbox)


@pytest.mark.parametrize("every", [89, pytest.param(3, marks=pytest.mark.slow)])
def test_each_channel_gets_an_alert_once_although_runs_are_killed(opensearch_sandbox: Sandbox, every: int) -> None:
    """Kill runs at every so many steps; the time that passes between them makes escalations and digests due."""
    allowed = Counter[str]()
    with routed(opensearch_sandbox) as routes, killed_runs(opensearch_sandbox) as runs:
        routes.attack()
        step, ended = 1, runs.run(at=1)
        while ended["status"] == -9:
            allowed.update(ended["unrecorded"])
            routes.acknowledge()
            routes.pass_time(3 * MINUTE)  # claims of killed runs expire
            step += every
            ended = runs.run(at=step)
        routes.acknowledge()
        routes.pass_time(6 * MINUTE)
        for _ in range(2):  # the fallback of the desk, then its messages
            runs.run()
        routes.repair_desk()
        for _ in range(3):
            routes.pass_time(40 * MINUTE)
            runs.run()
    check(routes, allowed)
