"""Whether an alert is a message of its own is decided by its level and what was sent, and has a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.rate_limit import RateLimit, Reason, SentCounts, message_form, reason_note
from watcher.delivery.sent_messages import SentMessages
from watcher.model import Level
from watcher.ports import StoredDocument

LIMIT = RateLimit(limit=4, per_key=2, messages=6)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (SentCounts(), Reason.WITHIN_LIMITS),
        (SentCounts(of_key=1, of_rule=3, of_level=5), Reason.WITHIN_LIMITS),
        (SentCounts(of_key=2, of_rule=3, of_level=5), Reason.LIMIT_OF_KEY),
        (SentCounts(of_key=2, of_rule=4, of_level=5), Reason.LIMIT_OF_RULE),
        (SentCounts(of_key=2, of_rule=4, of_level=6), Reason.LIMIT_OF_CHANNEL),
        (SentCounts(of_level=600), Reason.LIMIT_OF_CHANNEL),
    ],
)
def test_the_reason_is_the_first_limit_that_is_reached(sent: SentCounts, reason: Reason) -> None:
    assert message_form(Level.HIGH, sent, LIMIT) is reason
    assert message_form(Level.CRITICAL, sent, LIMIT) is Reason.CRITICAL
    assert message_form(Level.CRITICAL, sent, LIMIT, is_in_digest=True) is Reason.UNFINISHED_DIGEST


def test_without_a_limit_of_keys_and_of_the_channel_the_rule_alone_is_limited() -> None:
    many = SentCounts(of_key=19, of_rule=19, of_level=10_000)
    assert message_form(Level.LOW, many, RateLimit()) is Reason.WITHIN_LIMITS
    assert message_form(Level.LOW, replace(many, of_rule=20), RateLimit()) is Reason.LIMIT_OF_RULE


def test_only_limits_are_explained() -> None:
    explained = {reason for reason in Reason if reason_note(reason)}
    assert explained == {Reason.LIMIT_OF_KEY, Reason.LIMIT_OF_RULE, Reason.LIMIT_OF_CHANNEL}
    assert reason_note("a reason of a newer version") == ""


def delivery(number: int, rule: str, level: str, key: str) -> Delivery:
    """Return the delivery of an alert of a rule with a group key."""
    document = {
        "rule": {"id": rule},
        "watcher": {"rule": {"level": level}, "alert": {"key": [key]}, "deliveries": []},
    }
    stored = StoredDocument(index="i", id=f"a{number}", document=document, seq_no=0, primary_term=1)
    return Delivery(rule=rule, level=level, channel="mail", alerts=(stored,))


ALERTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([*Level]), st.sampled_from(["host.name=A", "host.name=B"])),
    max_size=40,
)


def reasons(alerts: list[tuple[str, Level, str]]) -> list[tuple[Level, Reason]]:
    """Return the decisions on alerts of a round; the rules of different levels are different."""
    sent = SentMessages(channel="mail", queries=DeliveryQueries(MemoryDocuments()), limit=LIMIT, since=NOW)
    return [
        (level, sent.add(delivery(number, f"{rule} {level}", level, key)))
        for number, (rule, level, key) in enumerate(alerts)
    ]


@given(alerts=ALERTS, level=st.sampled_from([*Level]))
def test_alerts_of_lower_levels_change_nothing(alerts: list[tuple[str, Level, str]], level: Level) -> None:
    def of_level(decided: list[tuple[Level, Reason]]) -> list[tuple[Level, Reason]]:
        return [entry for entry in decided if entry[0].rank >= level.rank]

    higher = [alert for alert in alerts if alert[1].rank >= level.rank]
    assert of_level(reasons(alerts)) == reasons(higher)


@given(alerts=ALERTS)
def test_no_limit_is_exceeded_but_by_critical_alerts(alerts: list[tuple[str, Level, str]]) -> None:
    decided = reasons(alerts)
    singles = [
        (rule, level, key)
        for (rule, level, key), (_, reason) in zip(alerts, decided, strict=True)
        if reason is Reason.WITHIN_LIMITS
    ]
    for rule, level, key in singles:
        of_rule = [other for other in singles if other[:2] == (rule, level)]
        assert len(of_rule) <= 4
        assert sum(other[1:] == (level, key) for other in singles) <= 2
        assert sum(other[1] is level for other in singles) <= 6
    assert all((level is Level.CRITICAL) == (reason is Reason.CRITICAL) for level, reason in decided)
