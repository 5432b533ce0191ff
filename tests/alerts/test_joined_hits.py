"""Hits that join an alert are counted once, and a new user, process, parent or agent is worth one more message."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments, MemoryState

from watcher.alerts.alert_documents import monthly_index
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.alerts.joining import LISTED, MAX_UPDATES
from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.stage_outcomes import Proceed
from watcher.delivery.stages import Render
from watcher.errors import Refused
from watcher.model import EventDocument, Hit, Notification
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.ports import CreateResult, NewDocument, PartialUpdate, StoredDocument

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))


def of(number: int, user: str = "alice", **data: str) -> EventDocument:
    """Return an event of a user; the later ones have higher numbers."""
    time = f"2026-11-23T11:59:{number:02}.000Z" if number < 60 else f"2026-11-23T12:{number // 60:02}:00.000Z"
    return event_document(number, time=time, SubjectUserName=user, **data)


def record(state: MemoryDocuments, *documents: EventDocument, origin: str = "live", channels: Any = ("mail",)) -> None:
    """Record a page as a search does: what is recorded already opens and joins nothing."""
    settings = effective(channels=channels, quiet_period=timedelta(days=400))
    grouped = [grouped_hit(rule(), settings, entry) for entry in documents]
    store = AlertStore(state)
    unknown = {hit.id for hit in store.unknown([entry.hit for entry in grouped])}
    grouped = [entry for entry in grouped if entry.hit.id in unknown]
    store.record(alerts_of_hits(rule(), settings, grouped, origin=origin), [entry.hit for entry in grouped], now=NOW)


def alert(state: MemoryDocuments) -> StoredDocument:
    """Return the only alert."""
    (stored,) = [entry for (index, _), entry in state.documents.items() if "alerts" in index]
    return stored


def joined(state: MemoryDocuments) -> dict[str, Any]:
    """Return what the only alert knows of its hits."""
    values: dict[str, Any] = alert(state).document["watcher"]["joined"]
    return values


def send(state: MemoryDocuments) -> Notification | None:
    """Send what is due by mail; None where nothing is."""
    due = DeliveryQueries(state).due("mail", now=NOW)
    if not due:
        return None
    claim = Outbox(state).claim(due[0], now=NOW)
    assert claim is not None
    message = notification(claim)
    Outbox(state).mark_sent(claim, now=NOW)
    return message


def notification(claim: Delivery) -> Notification:
    """Return the message of a claimed delivery."""
    outcome = Render({"mail": (MAIL, None)}, Renderer(), Links(), lambda: NOW)(claim)  # type: ignore[dict-item]
    assert isinstance(outcome, Proceed)
    assert outcome.delivery.notification is not None
    return outcome.delivery.notification


# --------------------------------------------------------------------------- counting


def test_an_alert_counts_its_hits_and_lists_whom_they_are_about() -> None:
    state = MemoryDocuments()
    record(state, of(2), of(1))
    record(state, of(3, "bob", NewProcessName="C:\\cmd.exe", ParentProcessName="C:\\explorer.exe"))
    values = joined(state)
    assert (values["count"], values["users"], values["processes"], values["parents"], values["hosts"]) == (
        3,
        ["alice", "bob"],
        ["a shell", "C:\\cmd.exe"],
        ["C:\\explorer.exe"],
        ["WEB01"],
    )
    assert (values["first"], values["last"]) == ("2026-11-23T11:59:01.000Z", "2026-11-23T11:59:03.000Z")


def test_names_that_differ_in_case_are_one_value() -> None:
    state = MemoryDocuments()
    record(state, of(1, "Alice"), of(2, "ALICE"))
    assert (joined(state)["users"], joined(state)["updates"]) == (["Alice"], 0)


def test_lists_have_an_end_and_further_values_are_counted() -> None:
    state = MemoryDocuments()
    record(state, *[of(number, f"u{number}") for number in range(LISTED + 7)])
    values = joined(state)
    assert (len(values["users"]), values["unlisted"], values["count"]) == (LISTED, 7, LISTED + 7)
    assert (values["updates"], values["further"]) == (MAX_UPDATES, LISTED + 7 - 1 - MAX_UPDATES)


@pytest.mark.parametrize("seed", range(40))
def test_crashes_replays_and_other_pages_count_each_hit_once_and_change_no_update_twice(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    documents = [of(number, chance.choice("abcd")) for number in range(1, 13)]
    state = Crashing(chance=chance)
    for _ in range(30):
        page = chance.sample(documents, chance.randint(1, len(documents)))
        try:
            record(state, *page)
        except Crash:
            continue
    state.chance = None
    record(state, *documents)
    values = joined(state)
    assert (values["count"], sorted(values["users"])) == (12, sorted({document_user(entry) for entry in documents}))
    news = [entry["value"] for update in alert(state).document["watcher"]["updates"] for entry in update["news"]]
    assert sorted(news) == sorted(set(values["users"]) - {values["users"][0]})


def document_user(document: EventDocument) -> str:
    """Return the user of an event."""
    return str(document.event["winlog"]["event_data"]["SubjectUserName"])


class Crash(Exception):  # noqa: N818 - what it is
    """The process ends."""


class Crashing(MemoryDocuments):
    """A state whose writer is killed before or after some of its writes."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance: random.Random | None = chance

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        self._maybe_crash()
        written = super().create(drafts)
        self._maybe_crash()
        return written

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        self._maybe_crash()
        written = super().update(changes)
        self._maybe_crash()
        return written

    def _maybe_crash(self) -> None:
        if self.chance is not None and self.chance.random() < 0.3:
            raise Crash


class Overtaken(MemoryDocuments):
    """A state in which another sidecar joins the same hits between the reading and the writing of this one."""

    other: Sequence[EventDocument] = ()

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        documents, self.other = self.other, ()
        if documents:
            record(self, *documents)
        return super().update(changes)


def test_a_second_sidecar_that_joins_the_same_hits_counts_them_once() -> None:
    state = Overtaken()
    record(state, of(1))
    state.other = (of(2, "bob"), of(3, "carol"))
    record(state, of(2, "bob"))
    assert (joined(state)["count"], joined(state)["updates"]) == (3, 2)
    record(state, of(4))
    assert joined(state)["recent"] == [f"2026.11/{hit_id(state, 'e4')}"]


class OvertakenBefore(MemoryDocuments):
    """A state in which another sidecar records hits before this one reads their alert."""

    others: Sequence[EventDocument] = ()

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        documents, self.others = self.others, ()
        for document in documents:
            record(self, document)
        return super().get(keys)


def test_a_hit_that_another_sidecar_joined_and_recorded_before_is_counted_once() -> None:
    state = OvertakenBefore()
    record(state, of(1))
    state.others = (of(2, "bob"), of(3))  # with the second one, the alert forgets that it counted the first
    record(state, of(2, "bob"))
    assert (joined(state)["count"], joined(state)["updates"]) == (3, 1)


def hit_id(state: MemoryDocuments, event_id: str) -> str:
    """Return the id of the hit on an event."""
    return next(
        name
        for (index, name), stored in state.documents.items()
        if index == monthly_index("watcher", "hits", NOW) and stored.document["watcher"]["hit"]["id"] == event_id
    )


def test_an_alert_of_an_older_version_counts_from_its_first_hit_on() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    stored = alert(state)
    own = {key: value for key, value in stored.document["watcher"].items() if key not in ("joined", "updates")}
    state.replace(stored, {**stored.document, "watcher": own})
    record(state, of(2, "bob"))
    assert (joined(state)["count"], joined(state)["users"]) == (2, ["alice", "bob"])


def test_where_the_engine_refuses_new_values_their_hits_are_counted_and_recorded() -> None:
    class Refusing(MemoryState):
        def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
            if any("evil" in str(change.part) for change in changes):
                raise Refused("no `evil` here")
            return super().update(changes)

    state = Refusing()
    record(state, of(1))
    record(state, of(2, "evil"))
    assert (joined(state)["count"], joined(state)["users"], joined(state)["further"]) == (2, ["alice"], 1)
    assert hit_id(state, "e2")


# --------------------------------------------------------------------------- messages


def test_a_new_user_that_joins_is_one_more_message_in_the_same_thread() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    first = send(state)
    assert first is not None
    record(state, of(2))
    assert send(state) is None
    record(state, of(3, "bob", NewProcessName="C:\\evil.exe"))
    update = send(state)
    assert update is not None
    assert send(state) is None
    assert (first.thread, update.thread, update.key != first.key) == ("", first.key, True)
    assert (first.alert, update.subject) == (update.alert, f"[HIGH] WEB01: Update: {rule().title}")
    text = update.bodies["text/plain"]
    assert "New user        bob" in text
    assert "New process     C:\\evil.exe" in text
    assert "Users         alice, bob" in text
    assert "Time in UTC     2026-11-23T11:59:03.000Z" in text


def test_what_joins_before_the_first_message_is_in_it() -> None:
    state = MemoryDocuments()
    record(state, of(1), of(2, "bob"))
    record(state, of(3, "carol"))
    message = send(state)
    assert message is not None
    assert message.thread == ""
    assert "new user bob: 2026-11-23T11:59:02.000Z · WEB01 · bob · a shell" in message.bodies["text/plain"]
    assert "new user carol" in message.bodies["text/plain"]
    assert send(state) is None


def test_what_joins_while_a_message_is_sent_is_sent_after_it() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    claim = Outbox(state).claim(DeliveryQueries(state).due("mail", now=NOW)[0], now=NOW)
    assert claim is not None
    record(state, of(2, "bob"))
    Outbox(state).mark_sent(claim, now=NOW)
    update = send(state)
    assert update is not None
    assert "New user        bob" in update.bodies["text/plain"]
    assert send(state) is None


def test_updates_that_wait_are_one_message() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    send(state)
    record(state, of(2, "bob"))
    record(state, of(3, "carol"))
    update = send(state)
    assert update is not None
    text = update.bodies["text/plain"]
    assert ("New user        bob" in text, "New user        carol" in text) == (True, True)
    assert "new user bob: 2026-11-23T11:59:02.000Z" in text
    assert send(state) is None


def test_no_more_than_some_updates_of_an_alert_are_sent() -> None:
    state = MemoryDocuments()
    sent = 0
    for number in range(MAX_UPDATES + 5):
        record(state, of(number, f"u{number}"))
        sent += send(state) is not None
    assert sent == 1 + MAX_UPDATES
    assert joined(state)["further"] == 4


def test_an_update_of_an_alert_that_was_in_a_digest_is_a_message_of_its_own() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    digest = DeliveryQueries(state).gather_digest(rule().id, "mail", now=NOW)
    assert digest is not None
    claim = Outbox(state).claim(digest, now=NOW)
    assert claim is not None
    record(state, of(2, "bob"))
    Outbox(state).mark_sent(claim, now=NOW)
    (due,) = DeliveryQueries(state).due("mail", now=NOW)
    assert due.digest_id == ""
    update = send(state)
    assert update is not None
    assert "New user        bob" in update.bodies["text/plain"]


def test_alerts_of_a_silent_backfill_send_no_updates() -> None:
    state = MemoryDocuments()
    record(state, of(1), origin="backfill", channels=())
    record(state, of(2, "bob"), origin="backfill", channels=())
    assert (joined(state)["updates"], send(state)) == (1, None)


def test_the_first_hit_after_an_alert_was_closed_is_an_update_and_the_alert_stays_closed() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    send(state)
    close(state, "2026-11-23T11:59:30.000Z")
    record(state, of(2))
    update = send(state)
    assert update is not None
    assert "closed on 2026-11-23T11:59:30.000Z" in update.bodies["text/plain"]
    record(state, of(3))
    assert send(state) is None
    assert alert(state).document["watcher"]["alert"]["state"] == "closed"


def close(state: MemoryDocuments, changed: str) -> None:
    """Close the only alert."""
    stored = alert(state)
    own = stored.document["watcher"]
    closed = {**own["alert"], "state": "closed", "changed": changed}
    assert state.replace(stored, {**stored.document, "watcher": {**own, "alert": closed}})


def test_hits_of_another_kind_join_no_alert_of_matches() -> None:
    state = MemoryDocuments()
    record(state, of(1))
    hits: list[Hit] = [grouped_hit(rule(), effective(), of(2)).hit]
    AlertStore(state).record([], [replace(hits[0], alert="another")], now=NOW)
    assert joined(state)["count"] == 1
