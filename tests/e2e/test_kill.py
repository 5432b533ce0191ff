"""Killed anywhere, again and again: every alert once, every hit once, every channel told."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from support.expected_deliveries import assert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import killed_runs
from support.sandbox import Sandbox


def killed_again_and_again(sandbox: Sandbox, kills: int, seed: int) -> None:
    """Kill runs at random steps and moments while attacks come in, then hold the state and the channels to it."""
    assert_each_host_once(sandbox)
    sandbox.template()
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    hosts, events, allowed = [], [], Counter[str]()
    with killed_runs(sandbox) as runs:
        whole = runs.run()
        for number in range(kills):
            host = f"host-{number}"
            fed = [attack_on(f"{number}-{hit}", host) for hit in range(3)]
            if number:
                fed.append(attack_on(f"{number}-again", chance.choice(hosts)))
            hosts.append(host)
            events += [one.id for one in fed]
            sandbox.feed(fed, ago=timedelta(seconds=5))
            if chance.random() < 0.7:
                ended = runs.run(at=chance.randint(1, whole["steps"] + 14))
            else:
                ended = runs.run(after=chance.uniform(0.05, 0.6))
            allowed[ended["unstruck"]] += ended["status"] == -9
            if chance.random() < 0.3:
                sandbox.hasten()  # claims of the dead run out
        for _ in range(2):
            sandbox.hasten()
            runs.run()
    del allowed[""]
    found = expected_deliveries(sandbox)
    doubled = found.doubled()
    print(f"{kills} kills, {len(hosts)} alerts, {len(events)} hits, {2 * len(hosts)} messages:", end=" ")  # noqa: T201
    print(f"{len(found.lost(hosts, events))} lost, {doubled.total()} doubled,", end=" ")  # noqa: T201
    print(f"{allowed.total()} killed between send and strike-off")  # noqa: T201
    assert found.lost(hosts, events) == []
    assert (found.alerts.total(), found.hits.total()) == (len(hosts), len(events))
    assert doubled - allowed == Counter()
    assert set(found.mails) | set(found.slacks) == set(found.hosts)


def test_fifteen_kills_lose_nothing_and_double_nothing(opensearch_sandbox: Sandbox) -> None:
    killed_again_and_again(opensearch_sandbox, 15, seed=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_kills_lose_nothing_and_double_nothing(sandbox: Sandbox, seed: int) -> None:
    killed_again_and_again(sandbox, 220, seed)
