"""Runs killed at random steps: every alert and hit is stored once, every channel gets its message."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import killed_runs
from support.sandbox import Sandbox


def check_killed_runs(sandbox: Sandbox, kills: int, seed: int) -> None:
    """Kill runs at random steps while attacks arrive, then compare the state and the channels."""
    alert_each_host_once(sandbox)
    sandbox.template()
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    hosts, events, allowed = [], [], Counter[str]()
    with killed_runs(sandbox) as runs:
        complete = runs.run()
        for number in range(kills):
            host = f"host-{number}"
            fed = [attack_on(f"{number}-{hit}", host) for hit in range(3)]
            if number:
                fed.append(attack_on(f"{number}-again", chance.choice(hosts)))
            hosts.append(host)
            events += [event.id for event in fed]
            sandbox.feed(fed, ago=timedelta(seconds=5))
            if chance.random() < 0.7:
                ended = runs.run(at=chance.randint(1, complete["steps"] + 14))
            else:
                ended = runs.run(after=chance.uniform(0.05, 0.6))
            if ended["status"] == -9:
                allowed.update(ended["unrecorded"])
            if chance.random() < 0.3:
                sandbox.hasten()  # claims of killed runs expire
        for _ in range(2):
            sandbox.hasten()
            runs.run()
    deliveries = expected_deliveries(sandbox)
    doubled = deliveries.doubled()
    print(f"{kills} kills, {len(hosts)} alerts, {len(events)} hits, {2 * len(hosts)} messages:", end=" ")  # noqa: T201
    print(f"{len(deliveries.lost(hosts, events))} lost, {doubled.total()} doubled,", end=" ")  # noqa: T201
    print(f"{allowed.total()} killed between sending and recording")  # noqa: T201
    assert deliveries.lost(hosts, events) == []
    assert (deliveries.alerts.total(), deliveries.hits.total()) == (len(hosts), len(events))
    assert doubled - allowed == Counter()
    assert set(deliveries.mails) | set(deliveries.slacks) == set(deliveries.hosts)


def test_fifteen_kills_lose_and_duplicate_nothing(opensearch_sandbox: Sandbox) -> None:
    check_killed_runs(opensearch_sandbox, 15, seed=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_kills_lose_and_duplicate_nothing(sandbox: Sandbox, seed: int) -> None:
    check_killed_runs(sandbox, 220, seed)
