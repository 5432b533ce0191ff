"""What is owed is claimed under a condition, struck off when it was told, and comes back where nobody did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from support.fakes import NOW, MemoryState, effective, found, rule

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits, group
from watcher.delivery.outbox import CLAIM, Outbox, PendingDelivery
from watcher.ports import PartialUpdate, StateQuery, StoredDocument


def owing(*channels: str, hosts: int = 1, state: MemoryState | None = None) -> tuple[MemoryState, Outbox]:
    """Give a state with an alert a host, each owing every channel."""
    state = state or MemoryState()
    settings = effective(channels=channels or ("mail", "slack"))
    grouped = [group(rule(), settings, found(number, host=f"H{number}")) for number in range(hosts)]
    alerts = alerts_of_hits(rule(), settings, grouped, origin="live")
    AlertStore(state).record(alerts, [one.hit for one in grouped], now=NOW)
    return state, Outbox(state)


def deliveries(outbox: Outbox, after: timedelta = timedelta(0)) -> list[PendingDelivery]:
    """Tell what is due some time after now."""
    return list(outbox.deliveries(now=NOW + after))


def claimed(outbox: Outbox, delivery: PendingDelivery, after: timedelta = timedelta(0)) -> PendingDelivery:
    """Claim what must be free."""
    made = outbox.claim(delivery, now=NOW + after)
    assert made is not None
    return made


def entries(state: MemoryState) -> list[dict[str, object]]:
    """Give what all alerts owe."""
    return [
        one
        for (index, _), stored in state.documents.items()
        if "alerts" in index
        for one in stored.document["watcher"]["owed"]
    ]


def test_a_new_alert_owes_each_of_its_channels() -> None:
    _, outbox = owing()
    assert [(delivery.channel, delivery.attempts) for delivery in deliveries(outbox)] == [("mail", 0), ("slack", 0)]


def test_some_rules_can_be_left_out() -> None:
    _, outbox = owing()
    assert outbox.deliveries(now=NOW, without=[rule().id]) == ()


def test_a_claim_is_had_once_and_comes_back_where_nobody_strikes_it_off() -> None:
    _, outbox = owing()
    mail, _ = deliveries(outbox)
    assert claimed(outbox, mail).stored.document["event"]["original"]
    assert outbox.claim(mail, now=NOW) is None
    assert [delivery.channel for delivery in deliveries(outbox)] == ["slack"]
    again, _ = deliveries(outbox, CLAIM)
    assert (again.channel, again.attempts) == ("mail", 1)
    assert claimed(outbox, again, CLAIM).attempts == 2


def test_what_is_struck_off_is_owed_no_more() -> None:
    state, outbox = owing()
    for delivery in deliveries(outbox):
        outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    assert deliveries(outbox, timedelta(days=400)) == []
    assert [one["state"] for one in entries(state)] == ["sent", "sent"]


def test_what_is_postponed_comes_back_in_time_with_its_error() -> None:
    state, outbox = owing()
    mail, _ = deliveries(outbox)
    outbox.postpone(claimed(outbox, mail), "451 later", until=NOW + timedelta(seconds=30))
    assert [delivery.channel for delivery in deliveries(outbox, timedelta(seconds=29))] == ["slack"]
    again, _ = deliveries(outbox, timedelta(seconds=30))
    assert (again.attempts, entries(state)[0]["error"]) == (1, "451 later")


def test_what_is_given_up_stays_visible_and_is_never_tried_again() -> None:
    state, outbox = owing()
    mail, _ = deliveries(outbox)
    outbox.give_up(claimed(outbox, mail), "550 no such user")
    assert [delivery.channel for delivery in deliveries(outbox, timedelta(days=400))] == ["slack"]
    assert entries(state)[0] == {"channel": "mail", "state": "failed", "attempts": 1, "error": "550 no such user"}


def test_two_channels_of_one_alert_are_settled_side_by_side() -> None:
    state, outbox = owing()
    mail, slack = deliveries(outbox)
    first = claimed(outbox, mail)
    second = claimed(outbox, slack)  # changes the document that the first claim read
    outbox.mark_sent(first, now=NOW)
    outbox.give_up(second, "gone")
    assert [one["state"] for one in entries(state)] == ["sent", "failed"]


def claimed_twice() -> tuple[MemoryState, Outbox, PendingDelivery, PendingDelivery]:
    """Let a claim run out, and somebody else claim the same."""
    state, outbox = owing("mail")
    (mail,) = deliveries(outbox)
    slow = claimed(outbox, mail)
    (again,) = deliveries(outbox, CLAIM)
    return state, outbox, slow, claimed(outbox, again, CLAIM)


def test_what_somebody_else_told_when_the_claim_had_run_out_stays_told() -> None:
    state, outbox, slow, second = claimed_twice()
    outbox.mark_sent(second, now=NOW)
    outbox.postpone(slow, "too slow", until=NOW)
    assert [one["state"] for one in entries(state)] == ["sent"]


def test_what_somebody_else_has_claimed_when_the_claim_had_run_out_is_not_given_to_a_third() -> None:
    state, outbox, slow, second = claimed_twice()
    outbox.postpone(slow, "too slow", until=NOW)
    assert deliveries(outbox, CLAIM) == []
    outbox.give_up(slow, "never")
    assert [one["state"] for one in entries(state)] == ["claimed"]
    outbox.postpone(second, "451 later", until=NOW + CLAIM)
    assert [one["error"] for one in entries(state)] == ["451 later"]


def test_what_was_told_is_struck_off_though_somebody_else_has_claimed_it_again() -> None:
    state, outbox, slow, second = claimed_twice()
    outbox.mark_sent(slow, now=NOW)
    outbox.postpone(second, "451 later", until=NOW)
    assert [one["state"] for one in entries(state)] == ["sent"]


@dataclass
class Contested(MemoryState):
    """A state where somebody else writes just before the first change."""

    others: int = 1

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        if self.others:
            self.others -= 1
            one = changes[0].stored
            super().update([PartialUpdate(stored=self.documents[one.index, one.id], part={"other": True})])
        return super().update(changes)


def test_who_loses_the_race_for_a_claim_leaves_it() -> None:
    state = Contested(others=0)
    _, outbox = owing(state=state)
    mail, _ = deliveries(outbox)
    state.others = 1
    assert outbox.claim(mail, now=NOW) is None
    assert outbox.claim(mail, now=NOW) is not None


def test_an_alert_that_is_gone_owes_nothing() -> None:
    state, outbox = owing()
    mail, slack = deliveries(outbox)
    one = claimed(outbox, slack)
    state.documents.clear()
    assert outbox.claim(mail, now=NOW) is None
    outbox.mark_sent(one, now=NOW)


# --------------------------------------------------------------------------- many in one


def test_many_are_gathered_over_pages_claimed_and_struck_off_with_the_message_that_told_them() -> None:
    state, outbox = owing("mail", hosts=1_203)
    digest = outbox.claim_digest(rule().id, "mail", now=NOW)
    assert digest is not None
    assert (len(digest.claimed), len(digest.keys), digest.attempts) == (1_203, 50, 1)
    assert {one["state"] for one in entries(state)} == {"claimed"}
    assert outbox.claim_digest(rule().id, "mail", now=NOW) is None
    outbox.mark_all_sent(digest, now=NOW)
    assert {(one["state"], one["told_in"]) for one in entries(state)} == {("sent", digest.id)}


def test_what_a_crash_left_of_a_message_for_many_is_gathered_alone_under_the_same_name() -> None:
    state, outbox = owing("mail", hosts=3)
    digest = outbox.claim_digest(rule().id, "mail", now=NOW)
    assert digest is not None
    owing("mail", hosts=5, state=state)  # two more come meanwhile
    later = NOW + timedelta(minutes=10)
    again = outbox.claim_digest(rule().id, "mail", now=later)
    assert again is not None
    assert (again.id, len(again.claimed), again.attempts) == (digest.id, 3, 2)
    outbox.mark_all_sent(again, now=later)
    rest = outbox.claim_digest(rule().id, "mail", now=later)
    assert rest is not None
    assert (len(rest.claimed), rest.id != digest.id) == (2, True)


def test_another_channel_of_the_same_alerts_is_left_alone() -> None:
    state, outbox = owing(hosts=3)
    digest = outbox.claim_digest(rule().id, "mail", now=NOW)
    assert digest is not None
    outbox.mark_all_sent(digest, now=NOW)
    assert [(one["channel"], one["state"]) for one in entries(state)][:2] == [("mail", "sent"), ("slack", "owed")]
    assert {delivery.channel for delivery in deliveries(outbox)} == {"slack"}


@dataclass
class Lagging(MemoryState):
    """A state whose searches see what was written before the last refresh, as engines' do."""

    seen: dict[tuple[str, str], StoredDocument] = field(default_factory=dict)

    def refresh(self, index: str) -> None:  # noqa: ARG002 - the door's names
        self.seen = {**self.documents}

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        return MemoryState(self.seen).search(state_query)


def test_a_channel_gathers_all_at_once_right_after_another_one() -> None:
    _, outbox = owing(hosts=40, state=Lagging())
    for channel in ("mail", "slack"):
        digest = outbox.claim_digest(rule().id, channel, now=NOW)
        assert digest is not None
        assert len(digest.claimed) == 40
        outbox.mark_all_sent(digest, now=NOW)


def test_only_what_was_told_one_by_one_counts_against_the_limit() -> None:
    _, outbox = owing("mail", hosts=6)
    for delivery in deliveries(outbox)[:2]:
        outbox.mark_sent(claimed(outbox, delivery), now=NOW)
    assert outbox.told(rule().id, "mail", since=NOW, most=20) == 2
    assert outbox.told(rule().id, "mail", since=NOW, most=1) == 1
    assert outbox.told(rule().id, "mail", since=NOW + timedelta(seconds=1), most=20) == 0
    assert outbox.told(rule().id, "slack", since=NOW, most=20) == 0
    digest = outbox.claim_digest(rule().id, "mail", now=NOW)
    assert digest is not None
    outbox.mark_all_sent(digest, now=NOW)
    assert outbox.told(rule().id, "mail", since=NOW, most=20) == 2
