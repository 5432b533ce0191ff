"""Events that come late, or are dated ahead: found, and told once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

from house import SMALL_TEMPLATE, Case, House
from mortals import mortals
from told import attack, each_host_once, told


def ingested(event: Case, house: House) -> Case:
    """Let an event say that it was ingested now, whenever it happened."""
    inner = {**event.event["event"], "ingested": (house.admin.events().now() - timedelta(seconds=2)).isoformat()}
    return Case(rule="", expect="hit", name="", id=event.id, event={**event.event, "event": inner})


def test_events_within_the_overlap_before_it_and_dated_ahead_are_told_once(house: House) -> None:
    each_host_once(house)
    house.template()
    start = house.admin.events().now() - timedelta(hours=6)
    house.source(overlap="1m", start=start.isoformat())
    with mortals(house) as runs:
        for _ in range(2):
            runs.run()
            house.hasten_gaps()
        late = {
            "overlap": timedelta(seconds=30),
            "sweep": timedelta(hours=2),
            "ahead": timedelta(hours=-3),
            "edge": timedelta(hours=5, minutes=59),
        }
        for host, ago in late.items():
            house.feed([attack(host, host)], ago=ago)
        for _ in range(3):
            house.hasten_gaps()
            runs.run()
    found = told(house)
    assert found.lost([*late], [*late]) == []
    assert not found.doubled()


def test_with_event_ingested_as_time_field_old_events_are_found_when_they_arrive(open_house: House) -> None:
    each_host_once(open_house)
    mapped = {**SMALL_TEMPLATE["template"]["mappings"]["properties"]}
    mapped["event"] = {"properties": {"ingested": {"type": "date"}}}
    whole = {**SMALL_TEMPLATE["template"]["mappings"], "properties": mapped}
    open_house.template({"template": {**SMALL_TEMPLATE["template"], "mappings": whole}})
    open_house.source(time_field="event.ingested")
    now = open_house.admin.events().now()
    with mortals(open_house) as runs:
        runs.run()
        old = ingested(attack("old", "old"), open_house)
        document = {**old.event, "@timestamp": (now - timedelta(days=300)).isoformat()}
        open_house.ask("PUT", f"/{open_house.index}/_create/old?refresh=true", document)
        runs.run()
        runs.run()
    found = told(open_house)
    assert found.lost(["old"], ["old"]) == []
    assert not found.doubled()
    (hit,) = open_house.documents("hits")
    assert hit.index.endswith(f"{now - timedelta(days=300):%Y.%m}")  # the event's own month


def test_live_ticks_at_random_times_open_what_one_search_over_everything_opens(open_house: House) -> None:
    """Same past, same alerts: also for quiet periods that end and begin in between."""
    house = open_house
    each_host_once(house)
    house.changes["rules"]["select"] = [{"set": {"quiet_period": "7m"}}]
    house.changes["channels"] = None
    house.template()
    start = house.admin.events().now() - timedelta(hours=2)
    house.source(overlap="1m", start=start.isoformat(), slice="20m")
    chance = random.Random(7)  # noqa: S311 - a test, not a secret
    with mortals(house) as runs:
        for number in range(12):
            for hit in range(chance.randint(1, 4)):
                ago = timedelta(seconds=chance.randint(0, 7000))
                house.feed([attack(f"{number}-{hit}", f"host-{number % 3}")], ago=ago)
            runs.run()
            if chance.random() < 0.5:
                house.hasten_gaps()
        for _ in range(8):
            house.hasten_gaps()
            runs.run()
        live = opened(house)
        for kind in ("alerts", "hits", "state"):
            house.ask("DELETE", f"/{house.prefix}-{kind}*")
        house.source(overlap="3h")
    with mortals(house) as runs:
        runs.run()
    assert opened(house) == live
    assert len(live) > 3


def opened(house: House) -> Counter[tuple[str, ...]]:
    """Tell which alerts there are, each with its hits."""
    hits: dict[str, list[str]] = {}
    for hit in house.documents("hits"):
        hits.setdefault(hit.document["watcher"]["alert"]["id"], []).append(hit.id)
    assert {alert.id for alert in house.documents("alerts")} == set(hits)
    return Counter((name, *sorted(own)) for name, own in hits.items())
