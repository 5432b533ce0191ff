"""Every hit has exactly one outcome on each channel, whatever becomes of the messages."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.delivery_record import ChannelRecord, delivery_record, no_delivery_answer
from watcher.delivery.delivery_totals import TOTALLED, DeliveryTotals
from watcher.delivery.hit_outcomes import HitOutcome, outcomes_of
from watcher.delivery.outbox import Outbox
from watcher.present.delivery_tables import delivery_totals_json

LATER = timedelta(hours=1)


def record(state: MemoryDocuments, number: int, user: str, channels: tuple[str, ...] = ("mail",)) -> None:
    """Record a hit of a user; all of them belong to one alert."""
    settings = effective(channels=channels, quiet_period=timedelta(days=400))
    grouped = [grouped_hit(rule(), settings, event_document(number, SubjectUserName=user))]
    hits = [entry.hit for entry in grouped]
    AlertStore(state).record(alerts_of_hits(rule(), settings, grouped, origin="live"), hits, now=NOW)


def document(state: MemoryDocuments) -> dict[str, Any]:
    (stored,) = [entry for (index, _), entry in state.documents.items() if "alerts" in index]
    return dict(stored.document)


def mail(state: MemoryDocuments) -> ChannelRecord:
    (entry,) = delivery_record(document(state))
    return entry


def claim(state: MemoryDocuments, *, digest: bool = False, reason: str = "within-limits") -> Delivery | None:
    queries = DeliveryQueries(state)
    delivery = next(iter(queries.due("mail", now=NOW + LATER)), None)
    if delivery is not None and digest:
        delivery = queries.gather_digest(rule().id, "mail", now=NOW + LATER)
    if delivery is None:
        return None
    return Outbox(state).claim(replace(delivery, reason=reason), now=NOW + LATER)


def test_hits_that_join_without_news_are_joined_and_the_others_are_sent() -> None:
    state = MemoryDocuments()
    record(state, 1, "alice")
    assert mail(state).hits == {HitOutcome.PENDING: 1}
    first = claim(state)
    assert first is not None
    Outbox(state).mark_sent(first, now=NOW)
    for number, user in enumerate(("alice", "bob", "bob"), start=2):
        record(state, number, user)
    assert mail(state).hits == {HitOutcome.SENT: 1, HitOutcome.JOINED: 2, HitOutcome.PENDING: 1}
    assert "An update waits" in mail(state).answer


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("limit-of-rule", HitOutcome.LIMITED), ("limit-of-channel", HitOutcome.LIMITED), ("route", HitOutcome.DIGESTED)],
)
def test_a_digest_says_whether_a_limit_made_it(reason: str, outcome: HitOutcome) -> None:
    state = MemoryDocuments()
    record(state, 1, "alice")
    digest = claim(state, digest=True, reason=reason)
    assert digest is not None
    Outbox(state).mark_sent(digest, now=NOW)
    assert mail(state).hits == {outcome: 1}
    record(state, 2, "bob")
    update = claim(state)
    assert update is not None
    Outbox(state).mark_sent(update, now=NOW)
    assert mail(state).hits == {HitOutcome.SENT: 1, outcome: 1}  # what was in a digest stays so


def test_a_failed_and_a_silenced_message_say_why() -> None:
    state = MemoryDocuments()
    record(state, 1, "alice")
    refused = claim(state)
    assert refused is not None
    Outbox(state).fail(refused, "answered 404", now=NOW)
    assert mail(state).hits == {HitOutcome.FAILED: 1}
    assert "answered 404" in mail(state).answer
    record(state, 2, "bob")
    silenced = claim(state)
    assert silenced is not None
    Outbox(state).silence(silenced, "the silence `s1` of alice")
    assert mail(state).hits == {HitOutcome.SILENCED: 2}  # the message would have contained both
    assert "the silence `s1` of alice" in mail(state).answer


def test_a_delivery_of_an_older_version_counts_by_its_last_message() -> None:
    assert outcomes_of({"channel": "mail", "state": "sent", "sent": "x", "updates": 2}) == {HitOutcome.SENT: 3}
    assert outcomes_of({"channel": "mail", "state": "sent", "sent": "x", "digest_id": "d"}) == {HitOutcome.LIMITED: 1}
    assert outcomes_of({"channel": "mail", "state": "pending"}) == {}


def test_an_alert_that_no_channel_hears_of_says_why() -> None:
    state = MemoryDocuments()
    record(state, 1, "alice", channels=())
    assert "the rule had no channel" in no_delivery_answer(document(state))


@pytest.mark.parametrize("seed", range(60))
def test_every_hit_has_one_outcome_after_any_history(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    state = MemoryDocuments()
    record(state, 1, "u")
    claims: list[Delivery] = []
    for number in range(2, 25):
        match chance.choice(("hit", "hit", "claim", "sent", "failed", "silenced", "postponed")):
            case "hit":
                record(state, number, chance.choice("uvwxyz"))
            case "claim":
                claimed = claim(state, digest=chance.random() < 0.3, reason=chance.choice(("route", "limit-of-rule")))
                claims += [claimed] if claimed else []
            case _ if not claims:
                continue
            case "sent":
                Outbox(state).mark_sent(claims.pop(), now=NOW)
            case "failed":
                Outbox(state).fail(claims.pop(), "no", now=NOW)
            case "silenced":
                Outbox(state).silence(claims.pop(), "a silence")
            case "postponed":
                Outbox(state).postpone(claims.pop(), "busy", until=NOW)
        joined = document(state)["watcher"]["joined"]
        assert mail(state).total == joined["count"], mail(state)
        assert mail(state).hits.get(HitOutcome.JOINED, 0) == joined["count"] - 1 - joined["updates"]


def excerpt(document: dict[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """Return what a search for some paths alone returns of a document."""
    part: dict[str, Any] = {}
    for path in paths:
        *above, name = path.split(".")
        inside, node = document, part
        for key in above:
            inside, node = inside[key], node.setdefault(key, {})
        node[name] = inside[name]
    return part


def test_the_records_of_all_alerts_are_summed_by_channel() -> None:
    totals = DeliveryTotals()
    for number, channels in enumerate([("mail",), ("mail", "slack"), ()]):
        state = MemoryDocuments()
        for hit, user in enumerate(("alice", "bob", "bob")):
            record(state, 10 * number + hit, user, channels)
        if (claimed := claim(state, digest=number == 1, reason="limit-of-rule")) is not None:
            Outbox(state).mark_sent(claimed, now=NOW)
        totals.add(excerpt(document(state), TOTALLED))
    assert (totals.alerts, totals.hits, totals.unrouted) == (3, 9, 1)
    assert totals.channels["mail"] == {HitOutcome.SENT: 2, HitOutcome.LIMITED: 2, HitOutcome.JOINED: 2}
    assert totals.channels["slack"] == {HitOutcome.PENDING: 2, HitOutcome.JOINED: 1}
    assert {name: counts.total() for name, counts in totals.channels.items()} == {"mail": 6, "slack": 3}
    assert totals.outcomes == (HitOutcome.SENT, HitOutcome.JOINED, HitOutcome.LIMITED, HitOutcome.PENDING)
    assert delivery_totals_json(totals)["channels"]["slack"] == {"hits": 3, "joined": 1, "pending": 2}
