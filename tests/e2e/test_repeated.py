"""The same window again and again, in processes that know nothing of each other: told once."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from house import IIS, Case, House, cases

ATTACK, *_ = [case for case in cases(IIS) if case.expect == "hit" and "(raw)" in case.name]


def messages(house: House) -> tuple[int, int, int]:
    """Count alerts, mails and Slack messages."""
    return len(house.documents("alerts")), len(house.smtp.messages), len(house.slack.requests)


def test_process_after_process_over_the_same_window_tell_one_alert_once(house: House) -> None:
    house.feed([ATTACK])
    # ten on the one, fewer on the other: the ledger is the same, a process costs a second and more
    for number in range(10 if house.admin.server.engine == "opensearch" else 4):
        if number % 3 == 2:  # some begin as on the first day
            house.admin.transport.request("DELETE", f"/{house.prefix}-state")
        house.once()
        assert messages(house) == (1, 1, 1)
    assert len(house.documents("hits")) == 1


def test_a_hit_that_joins_an_open_alert_tells_nothing_again(open_house: House) -> None:
    select = [{"set": {"quiet_period": "10000d"}}]
    open_house.changes["rules"] = {"folders": [{"name": "own", "path": str(IIS.parent)}], "select": select}
    open_house.feed([ATTACK])
    open_house.once()
    later = Case(rule=ATTACK.rule, expect="hit", name="", event=ATTACK.event, id="another")
    open_house.feed([later], ago=timedelta(minutes=1))
    open_house.once()
    assert messages(open_house) == (1, 1, 1)
    (alert,) = open_house.documents("alerts")
    hits = open_house.documents("hits")
    assert [hit.document["watcher"]["alert"]["id"] for hit in hits] == [alert.id, alert.id]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_sidecar_tells_what_comes_ends_on_a_signal_and_a_second_one_tells_nothing_again(
    open_house: House, number: int
) -> None:
    with open_house.loop() as loop:
        loop.until_said("sidecar.started")
        open_house.feed([ATTACK], ago=timedelta(seconds=1))
        loop.until_said("channel=slack")
        assert loop.stop(number) == 0
        assert "sidecar.stopped" in loop.said()
    assert messages(open_house) == (1, 1, 1)
    with open_house.loop() as loop:
        loop.until_said("window.searched")
        assert loop.stop(number) == 0
    open_house.once()
    assert messages(open_house) == (1, 1, 1)
