"""Killed anywhere, again and again: every alert once, every hit once, every channel told."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from house import House
from mortals import mortals
from told import attack, each_host_once, told


def killed_again_and_again(house: House, kills: int, seed: int) -> None:
    """Kill runs at random steps and moments while attacks come in, then hold the state and the channels to it."""
    each_host_once(house)
    house.template()
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    hosts, events, allowed = [], [], Counter[str]()
    with mortals(house) as runs:
        whole = runs.run()
        for number in range(kills):
            host = f"host-{number}"
            fed = [attack(f"{number}-{hit}", host) for hit in range(3)]
            if number:
                fed.append(attack(f"{number}-again", chance.choice(hosts)))
            hosts.append(host)
            events += [one.id for one in fed]
            house.feed(fed, ago=timedelta(seconds=5))
            if chance.random() < 0.7:
                ended = runs.run(at=chance.randint(1, whole["steps"] + 14))
            else:
                ended = runs.run(after=chance.uniform(0.05, 0.6))
            allowed[ended["unstruck"]] += ended["status"] == -9
            if chance.random() < 0.3:
                house.hasten()  # claims of the dead run out
        for _ in range(2):
            house.hasten()
            runs.run()
    del allowed[""]
    found = told(house)
    doubled = found.doubled()
    print(f"{kills} kills, {len(hosts)} alerts, {len(events)} hits, {2 * len(hosts)} messages:", end=" ")  # noqa: T201
    print(f"{len(found.lost(hosts, events))} lost, {doubled.total()} doubled,", end=" ")  # noqa: T201
    print(f"{allowed.total()} killed between send and strike-off")  # noqa: T201
    assert found.lost(hosts, events) == []
    assert (found.alerts.total(), found.hits.total()) == (len(hosts), len(events))
    assert doubled - allowed == Counter()
    assert set(found.mails) | set(found.slacks) == set(found.hosts)


def test_fifteen_kills_lose_nothing_and_double_nothing(open_house: House) -> None:
    killed_again_and_again(open_house, 15, seed=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_kills_lose_nothing_and_double_nothing(house: House, seed: int) -> None:
    killed_again_and_again(house, 220, seed)
