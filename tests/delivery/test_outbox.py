"""Deliveries are claimed and marked under conditions; what nobody marked becomes due again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import LaggingDocuments, MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.deliveries import CLAIM, Delivery
from watcher.delivery.delivery_queries import DeliveryQueries, of_rule
from watcher.delivery.outbox import Outbox
from watcher.errors import RecipientRefusal
from watcher.ports import PartialUpdate, StoredDocument
from watcher.timestamps import format_timestamp


def pending(
    *channels: str, hosts: int = 1, state: MemoryDocuments | None = None
) -> tuple[MemoryDocuments, DeliveryQueries, Outbox]:
    """Create a state with an alert for each host, each with a pending delivery to every channel."""
    state = state or MemoryDocuments()
    settings = effective(channels=channels or ("mail", "slack"))
    grouped = [grouped_hit(rule(), settings, event_document(number, host=f"H{number}")) for number in range(hosts)]
    alerts = alerts_of_hits(rule(), settings, grouped, origin="live")
    AlertStore(state).record(alerts, [grouped_hit.hit for grouped_hit in grouped], now=NOW)
    return state, DeliveryQueries(state), Outbox(state)


def due(queries: DeliveryQueries, after: timedelta = timedelta(0)) -> list[Delivery]:
    """Return what is due some time after now."""
    now = NOW + after
    return [delivery for channel in queries.channels_due(now=now) for delivery in queries.due(channel, now=now)]


def claimed(outbox: Outbox, delivery: Delivery, after: timedelta = timedelta(0)) -> Delivery:
    """Claim a delivery that must be free."""
    claim = outbox.claim(delivery, now=NOW + after)
    assert claim is not None
    return claim


def claimed_digest(
    queries: DeliveryQueries, outbox: Outbox, channel: str = "mail", after: timedelta = timedelta(0)
) -> Delivery | None:
    """Gather and claim a digest of what is due to a channel."""
    digest = queries.gather_digest(rule().id, channel, now=NOW + after)
    return None if digest is None else outbox.claim(digest, now=NOW + after)


def entries(state: MemoryDocuments) -> list[dict[str, object]]:
    """Return the deliveries of all alerts."""
    return [
        entry
        for (index, _), stored in state.documents.items()
        if "alerts" in index
        for entry in stored.document["watcher"]["deliveries"]
    ]


def test_a_new_alert_has_a_pending_delivery_to_each_of_its_channels() -> None:
    _, queries, _ = pending()
    assert [(delivery.channel, delivery.attempts) for delivery in due(queries)] == [("mail", 0), ("slack", 0)]


def test_some_rules_can_be_left_out() -> None:
    _, queries, _ = pending()
    assert queries.due("mail", now=NOW, without=[rule().id]) == ()


def test_deliveries_of_one_level_can_be_asked_for() -> None:
    _, queries, _ = pending()
    assert queries.levels_due("mail", now=NOW) == ("high",)
    assert len(queries.due("mail", now=NOW, level="high")) == 1
    assert queries.due("mail", now=NOW, level="critical") == ()


def test_alerts_that_are_due_to_another_channel_do_not_hide_those_of_this_one() -> None:
    """Thousands of deliveries to a channel that is down are older than the one of a channel that works."""
    state, queries, outbox = pending(hosts=700)
    for delivery in queries.due("slack", now=NOW):
        outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    for _ in range(3):
        for delivery in queries.due("slack", now=NOW)[:-1]:
            outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    assert len(queries.due("slack", now=NOW)) == 1
    assert sum(entry["state"] == "pending" for entry in entries(state)) == 701


def test_a_claim_is_exclusive_and_expires() -> None:
    _, queries, outbox = pending()
    mail, _ = due(queries)
    claim = claimed(outbox, mail)
    assert claim.first is not None
    assert claim.first.document["event"]["original"]
    assert outbox.claim(mail, now=NOW) is None
    assert [delivery.channel for delivery in due(queries)] == ["slack"]
    again, _ = due(queries, CLAIM)
    assert (again.channel, again.attempts) == ("mail", 1)
    assert claimed(outbox, again, CLAIM).attempts == 2


def test_a_sent_delivery_is_never_due_again() -> None:
    state, queries, outbox = pending()
    for delivery in due(queries):
        outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    assert due(queries, timedelta(days=400)) == []
    assert [entry["state"] for entry in entries(state)] == ["sent", "sent"]


def test_a_postponed_delivery_is_due_again_in_time_with_its_error() -> None:
    state, queries, outbox = pending()
    mail, _ = due(queries)
    outbox.postpone(claimed(outbox, mail), "451 later", until=NOW + timedelta(seconds=30))
    assert [delivery.channel for delivery in due(queries, timedelta(seconds=29))] == ["slack"]
    again, _ = due(queries, timedelta(seconds=30))
    assert (again.attempts, entries(state)[0]["error"]) == (1, "451 later")


def test_a_failed_delivery_stays_visible_and_is_never_tried_again() -> None:
    state, queries, outbox = pending()
    mail, _ = due(queries)
    outbox.fail(claimed(outbox, mail), "550 no such user", now=NOW)
    assert [delivery.channel for delivery in due(queries, timedelta(days=400))] == ["slack"]
    assert entries(state)[0] == {
        "channel": "mail",
        "state": "failed",
        "attempts": 1,
        "failed": format_timestamp(NOW),
        "error": "550 no such user",
    }


def test_two_channels_of_one_alert_are_settled_independently() -> None:
    state, queries, outbox = pending()
    mail, slack = due(queries)
    first = claimed(outbox, mail)
    second = claimed(outbox, slack)  # changes the document that the first claim read
    outbox.mark_sent(first, now=NOW)
    outbox.fail(second, "gone", now=NOW)
    assert [entry["state"] for entry in entries(state)] == ["sent", "failed"]


def claimed_twice() -> tuple[MemoryDocuments, DeliveryQueries, Outbox, Delivery, Delivery]:
    """Let a claim expire, and another sidecar claim the same delivery."""
    state, queries, outbox = pending("mail")
    (mail,) = due(queries)
    slow = claimed(outbox, mail)
    (again,) = due(queries, CLAIM)
    return state, queries, outbox, slow, claimed(outbox, again, CLAIM)


def test_a_delivery_that_another_sidecar_sent_after_the_claim_expired_stays_sent() -> None:
    state, _, outbox, slow, second = claimed_twice()
    outbox.mark_sent(second, now=NOW)
    outbox.postpone(slow, "too slow", until=NOW)
    assert [entry["state"] for entry in entries(state)] == ["sent"]


def test_a_delivery_that_another_sidecar_claimed_after_the_claim_expired_is_not_released() -> None:
    state, queries, outbox, slow, second = claimed_twice()
    outbox.postpone(slow, "too slow", until=NOW)
    assert due(queries, CLAIM) == []
    outbox.fail(slow, "never", now=NOW)
    assert [entry["state"] for entry in entries(state)] == ["claimed"]
    outbox.postpone(second, "451 later", until=NOW + CLAIM)
    assert [entry["error"] for entry in entries(state)] == ["451 later"]


def test_a_sent_delivery_is_marked_though_another_sidecar_claimed_it_again() -> None:
    state, _, outbox, slow, second = claimed_twice()
    outbox.mark_sent(slow, now=NOW)
    outbox.postpone(second, "451 later", until=NOW)
    assert [entry["state"] for entry in entries(state)] == ["sent"]


@dataclass
class Contested(MemoryDocuments):
    """A state where another process writes a delivery just before the first change."""

    rival: str = ""  # the channel whose delivery the other process claims

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        if self.rival:
            rival, self.rival = self.rival, ""
            (delivery,) = DeliveryQueries(self).due(rival, now=NOW)
            assert Outbox(self).claim(delivery, now=NOW)
        return super().update(changes)


def test_a_lost_race_for_a_claim_leaves_the_delivery_to_the_other() -> None:
    state = Contested()
    _, queries, outbox = pending(state=state)
    mail, _ = due(queries)
    state.rival = "mail"
    assert outbox.claim(mail, now=NOW) is None


def test_a_claim_of_another_channel_of_the_same_alert_is_no_lost_race() -> None:
    state = Contested()
    _, queries, outbox = pending(state=state)
    mail, _ = due(queries)
    state.rival = "slack"
    assert outbox.claim(mail, now=NOW) is not None
    assert [entry["state"] for entry in entries(state)] == ["claimed", "claimed"]


def test_a_digest_contains_the_alerts_that_another_channel_wrote_meanwhile() -> None:
    state = Contested()
    _, queries, outbox = pending(state=state)
    digest = queries.gather_digest(rule().id, "mail", now=NOW)
    state.rival = "slack"
    assert digest is not None
    claim = outbox.claim(digest, now=NOW)
    assert claim is not None
    assert len(claim.alerts) == 1


REFUSED = (
    RecipientRefusal(recipient="b@corp.example", error="450 greylisted", permanent=False),
    RecipientRefusal(recipient="c@corp.example", error="550 no such user", permanent=True),
)


def test_recipients_that_did_not_get_a_message_get_deliveries_of_their_own() -> None:
    state, queries, outbox = pending("mail")
    (mail,) = due(queries)
    outbox.mark_sent(replace(claimed(outbox, mail), refusals=REFUSED), now=NOW)
    assert [(entry["channel"], entry["state"]) for entry in entries(state)] == [
        ("mail", "sent"),
        ("mail/b@corp.example", "pending"),
        ("mail/c@corp.example", "failed"),
    ]
    assert due(queries, timedelta(seconds=29)) == []
    (again,) = due(queries, timedelta(seconds=30))
    assert (again.channel_name, again.recipients, again.attempts) == ("mail", ("b@corp.example",), 0)
    outbox.mark_sent(claimed(outbox, again, timedelta(seconds=30)), now=NOW)
    assert [entry["state"] for entry in entries(state)] == ["sent", "sent", "failed"]


def test_a_recipient_that_did_not_get_a_digest_gets_it_under_the_same_id() -> None:
    _, queries, outbox = pending("mail", hosts=3)
    digest = claimed_digest(queries, outbox)
    assert digest is not None
    outbox.mark_sent(replace(digest, refusals=REFUSED[:1]), now=NOW)
    again = claimed_digest(queries, outbox, "mail/b@corp.example", after=timedelta(seconds=30))
    assert again is not None
    assert (len(again.alerts), again.digest_id) == (3, digest.digest_id)


def test_a_deleted_alert_has_no_deliveries() -> None:
    state, queries, outbox = pending()
    mail, slack = due(queries)
    claim = claimed(outbox, slack)
    state.documents.clear()
    assert outbox.claim(mail, now=NOW) is None
    outbox.mark_sent(claim, now=NOW)
    assert state.documents == {}


# --------------------------------------------------------------------------- digests


def test_a_digest_is_gathered_over_pages_and_claimed_and_marked_in_all_its_alerts() -> None:
    state, queries, outbox = pending("mail", hosts=1_203)
    digest = claimed_digest(queries, outbox)
    assert digest is not None
    assert (len(digest.alerts), digest.attempts) == (1_203, 1)
    assert digest.content is not None
    assert (len(digest.content.keys.listed), digest.content.keys.total) == (50, 1_203)
    assert {entry["state"] for entry in entries(state)} == {"claimed"}
    assert claimed_digest(queries, outbox, after=CLAIM + timedelta(seconds=6)) is None  # 5 ms for each alert
    outbox.mark_sent(digest, now=NOW)
    assert {(entry["state"], entry["digest_id"]) for entry in entries(state)} == {("sent", digest.digest_id)}


def test_the_alerts_of_an_unfinished_digest_are_gathered_alone_under_the_same_id() -> None:
    state, queries, outbox = pending("mail", hosts=3)
    digest = claimed_digest(queries, outbox)
    assert digest is not None
    pending("mail", hosts=5, state=state)  # two more open meanwhile
    later = timedelta(minutes=10)
    again = claimed_digest(queries, outbox, after=later)
    assert again is not None
    assert (again.digest_id, len(again.alerts), again.attempts) == (digest.digest_id, 3, 2)
    outbox.mark_sent(again, now=NOW + later)
    rest = claimed_digest(queries, outbox, after=later)
    assert rest is not None
    assert (len(rest.alerts), rest.digest_id != digest.digest_id) == (2, True)


def test_another_channel_of_the_same_alerts_is_left_alone() -> None:
    state, queries, outbox = pending(hosts=3)
    digest = claimed_digest(queries, outbox)
    assert digest is not None
    outbox.mark_sent(digest, now=NOW)
    states = [(entry["channel"], entry["state"]) for entry in entries(state)]
    assert states[:2] == [("mail", "sent"), ("slack", "pending")]
    assert {delivery.channel for delivery in due(queries)} == {"slack"}


def test_a_channel_gathers_all_alerts_right_after_another_channel() -> None:
    _, queries, outbox = pending(hosts=40, state=LaggingDocuments())
    for channel in ("mail", "slack"):
        digest = claimed_digest(queries, outbox, channel)
        assert digest is not None
        assert len(digest.alerts) == 40
        outbox.mark_sent(digest, now=NOW)


def test_only_single_messages_count_against_the_rate_limit() -> None:
    _, queries, outbox = pending("mail", hosts=6)
    for delivery in due(queries)[:2]:
        outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    assert len(queries.sent_singles("mail", of_rule(rule().id), since=NOW, most=20)) == 2
    assert len(queries.sent_singles("mail", of_rule(rule().id), since=NOW, most=1)) == 1
    assert len(queries.sent_singles("mail", of_rule(rule().id), since=NOW + timedelta(seconds=1), most=20)) == 0
    assert len(queries.sent_singles("slack", of_rule(rule().id), since=NOW, most=20)) == 0
    digest = claimed_digest(queries, outbox)
    assert digest is not None
    outbox.mark_sent(digest, now=NOW)
    assert len(queries.sent_singles("mail", of_rule(rule().id), since=NOW, most=20)) == 2
