"""What was given up becomes pending again, once, and the state records it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.failed_deliveries import Resender, ResendFilter, count_by_channel
from watcher.delivery.outbox import Outbox
from watcher.ports import PartialUpdate, StoredDocument
from watcher.state.state_documents import StateDocuments


def given_up(hosts: int = 3, state: MemoryDocuments | None = None) -> MemoryDocuments:
    """Create alerts whose mails failed and whose Slack messages were sent; one is opened each hour."""
    state, settings = state or MemoryDocuments(), effective(channels=("mail", "slack"))
    grouped = [grouped_hit(rule(), settings, event_document(number, host=f"H{number}")) for number in range(hosts)]
    for number, alert in enumerate(alerts_of_hits(rule(), settings, grouped, origin="live")):
        AlertStore(state).record([alert], [], now=NOW - timedelta(hours=number))
    outbox, queries = Outbox(state), DeliveryQueries(state)
    for channel in ("mail", "slack"):
        for delivery in queries.due(channel, now=NOW):
            claim = outbox.claim(delivery, now=NOW)
            assert claim is not None
            if channel == "mail":
                outbox.fail(claim, "answered 404", now=NOW)
            else:
                outbox.mark_sent(claim, now=NOW)
    return state


def resender(state: MemoryDocuments) -> Resender:
    """Create the parts that send again."""
    return Resender(state, StateDocuments(state))


def alert_ids(state: MemoryDocuments) -> list[str]:
    """Return the ids of the alerts, the newest first."""
    alerts = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return [stored.id for stored in sorted(alerts, key=lambda each: each.document["event"]["created"], reverse=True)]


@pytest.mark.parametrize(
    ("selected", "count"),
    [
        (ResendFilter(), 3),
        (ResendFilter(channel="mail"), 3),
        (ResendFilter(channel="slack"), 0),  # they were sent
        (ResendFilter(since=NOW - timedelta(minutes=90)), 2),
        (ResendFilter(since=NOW + timedelta(minutes=1)), 0),
    ],
)
def test_failed_deliveries_are_selected_by_channel_and_time(selected: ResendFilter, count: int) -> None:
    assert len(resender(given_up()).failed(selected)) == count


def test_failed_deliveries_are_selected_by_the_ids_of_alerts() -> None:
    state = given_up()
    newest, *_ = alert_ids(state)
    (failed,) = resender(state).failed(ResendFilter(alerts=(newest,)))
    assert (failed.stored.id, failed.channel, failed.error) == (newest, "mail", "answered 404")
    assert count_by_channel((failed, failed)) == {("mail", "answered 404"): 2}


def test_what_is_sent_again_is_due_at_once_and_recorded_with_who_did_it() -> None:
    state = given_up()
    resent = resender(state).resend(resender(state).failed(ResendFilter()), by="me@here", now=NOW)
    assert len(resent) == 3
    due = DeliveryQueries(state).due("mail", now=NOW)
    assert [delivery.attempts for delivery in due] == [0, 0, 0]
    assert DeliveryQueries(state).due("slack", now=NOW) == ()
    assert "error" not in due[0].alerts[0].document["watcher"]["deliveries"][0]
    (record,) = [stored.document for stored in state.documents.values() if stored.document.get("kind") == "resend"]
    assert (record["body"]["by"], record["body"]["channels"]) == ("me@here", {"mail": 3})
    assert (record["body"]["time"], record["body"]["errors"]) == ("2026-11-23T12:00:00.000Z", ["answered 404"])
    assert record["body"]["alerts"] == sorted(alert_ids(state))


def test_what_was_sent_again_already_is_not_sent_again_twice() -> None:
    state = given_up()
    first = resender(state).failed(ResendFilter())
    second = resender(state).failed(ResendFilter())
    assert len(resender(state).resend(first, by="a", now=NOW)) == 3
    assert resender(state).resend(second, by="b", now=NOW) == ()
    assert resender(state).failed(ResendFilter()) == ()


@dataclass
class Contested(MemoryDocuments):
    """A state where another process writes to every alert just before the first change."""

    rivals: int = 0

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        if self.rivals:
            self.rivals -= 1
            for change in changes:
                current = self.documents[change.stored.index, change.stored.id]
                super().update([PartialUpdate(stored=current, part={"event": {"kind": "alert"}})])
        return super().update(changes)


def test_another_write_to_the_alert_does_not_lose_a_message() -> None:
    state = given_up(state=Contested())
    assert isinstance(state, Contested)
    failed = resender(state).failed(ResendFilter())
    state.rivals = 1
    assert len(resender(state).resend(failed, by="me", now=NOW)) == 3
