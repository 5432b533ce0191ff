"""What was told stays told: across months, under other settings and rules, and under another index's name."""

from __future__ import annotations

from datetime import timedelta

from house import IIS, House
from mortals import mortals
from told import attack, each_host_once, told

from watcher.ports import NewDocument, StateQuery


def test_a_slot_across_a_month_s_edge_opens_one_alert(house: House) -> None:
    each_host_once(house)
    house.template()
    now = house.admin.events().now()
    edge = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    house.source(start=(edge - timedelta(minutes=10)).isoformat(), slice="40d")
    before = house.index.replace("2026.11", "before")
    house.feed([attack("before", "one")], index=before, ago=now - edge + timedelta(seconds=20))
    house.feed([attack("after", "one")], ago=now - edge - timedelta(seconds=20))
    with mortals(house) as runs:
        for _ in range(3):
            runs.run()
            house.hasten_gaps()
        assert house.live()["holes"] == []
    found = told(house)
    assert found.lost(["one"], ["before", "after"]) == []
    assert not found.doubled()
    months = {hit.document["watcher"]["hit"]["id"]: hit.index[-7:] for hit in house.documents("hits")}
    assert months == {"before": f"{edge - timedelta(days=1):%Y.%m}", "after": f"{edge:%Y.%m}"}
    assert len({hit.document["watcher"]["alert"]["id"] for hit in house.documents("hits")}) == 1


def test_other_quiet_periods_groups_channels_and_texts_of_rules_tell_nothing_again(house: House) -> None:
    house.template()
    text = IIS.read_text(encoding="utf-8").replace("status:", "id: 0f5e2e0a-2f0d-4a2e-9a0c-2f6d8f3f4b12\nstatus:")
    file = house.rule(text)
    house.feed([attack("a", "one"), attack("b", "two")])
    house.once()
    once = (len(house.documents("alerts")), len(house.smtp.messages), len(house.slack.requests))
    assert once == (2, 2, 2)
    whole = dict(house.changes["rules"])
    for changed in (
        {"quiet_period": "2d"},
        {"group_by": ["user.name"]},
        {"group_by": "event", "quiet_period": "1m"},
        {"channels": ["slack"]},
    ):
        house.changes["rules"] = {**whole, "select": [{"set": changed}]}
        house.once()
    file.write_text(
        text.replace("title: ", "title: Another ").replace("- install", "- install\n      - module"), "utf-8"
    )
    house.once()
    assert (len(house.documents("alerts")), len(house.smtp.messages), len(house.slack.requests)) == once
    assert len(house.documents("hits")) == 2


def test_events_under_another_index_s_name_tell_nothing_again(house: House) -> None:
    each_host_once(house)
    house.template()
    house.feed([attack("a", "one"), attack("b", "two")])
    house.once()
    state = house.admin.state()
    kept = state.search(StateQuery(index=house.index, query={"match_all": {}}, size=10))
    other = f"{house.index}-shrunk"
    assert all(
        made.new for made in state.create([NewDocument(index=other, id=one.id, document=one.document) for one in kept])
    )
    state.refresh(other)
    house.once()
    house.ask("DELETE", f"/{house.index}")
    house.once()
    found = told(house)
    assert found.lost(["one", "two"], ["a", "b"]) == []
    assert not found.doubled()


def test_an_alert_tells_the_hash_and_the_version_of_its_rule(open_house: House) -> None:
    text = IIS.read_text(encoding="utf-8").replace("status:", "date: 2022/12/01\nmodified: 2025-06-30\nstatus:")
    open_house.rule(text)
    open_house.feed([attack("a", "one")])
    open_house.once()
    (alert,) = open_house.documents("alerts")
    assert alert.document["rule"]["version"] == "2025-06-30"
    assert len(alert.document["watcher"]["rule"]["hash"]) == 64
