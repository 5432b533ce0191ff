"""The stages of a delivery as a table: what each lets pass, leaves, holds or drops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.deliveries import CLAIM, Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit
from watcher.delivery.stage_outcomes import Drop, Hold, Leave, Outcome, Proceed, Retry, Stage, run_stages
from watcher.delivery.stages import (
    INTERRUPTED,
    Claim,
    GatherDigest,
    HoldLease,
    Render,
    Send,
    SettleDigest,
)
from watcher.errors import DeliveryError, RecipientRefusal, RecipientsRefused
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
HALF_A_MINUTE = NOW + timedelta(seconds=30)


def state_with_alerts(hosts: int = 1) -> MemoryDocuments:
    """Create a state with an alert for each host, pending to one channel."""
    state, settings = MemoryDocuments(), effective(channels=("mail",))
    grouped = [grouped_hit(rule(), settings, event_document(number, host=f"H{number}")) for number in range(hosts)]
    AlertStore(state).record(alerts_of_hits(rule(), settings, grouped, origin="live"), [], now=NOW)
    return state


def single(state: MemoryDocuments) -> Delivery:
    """Return the first due delivery."""
    return DeliveryQueries(state).due("mail", now=NOW)[0]


def digest() -> Delivery:
    """Return a digest before its alerts are gathered."""
    return Delivery(rule=rule().id, channel="mail", is_digest=True)


def claimed(state: MemoryDocuments) -> Delivery:
    """Return a claimed delivery."""
    delivery = Outbox(state).claim(single(state), now=NOW)
    assert delivery is not None
    return delivery


def rendered(state: MemoryDocuments) -> Delivery:
    """Return a rendered delivery."""
    outcome = render(claimed(state))
    assert isinstance(outcome, Proceed)
    return outcome.delivery


def send(*faults: Exception, stopping: bool = False) -> Stage:
    """Return the stage that sends, to a channel that fails."""
    return Send({"mail": (MAIL, RecordingChannel("mail", list(faults)))}, lambda: stopping, lambda: NOW)


render = Render({"mail": (MAIL, RecordingChannel("mail"))}, Renderer(), Links(), lambda: NOW)
LATER = DeliveryError("451 later", permanent=False)
REFUSAL = RecipientRefusal(recipient="b@corp.example", error="450 greylisted", permanent=False)
NEVER = DeliveryError("550 no such user", permanent=True)


def settle(rate_limit: RateLimit, opened: timedelta) -> Callable[[MemoryDocuments], Stage]:
    """Return the stage that waits for a rule to settle, some time after the alerts were opened."""
    return lambda state: SettleDigest(DeliveryQueries(state), rate_limit, lambda: NOW + opened)


MINUTE = timedelta(minutes=1)
ROWS: list[tuple[str, Callable[[MemoryDocuments], Stage], Callable[[MemoryDocuments], Delivery], object]] = [
    ("the lease is held", lambda _: HoldLease(lambda: False), single, Proceed),
    (
        "the lease was lost: nothing is written",
        lambda _: HoldLease(lambda: True),
        single,
        Leave(reason="the lease is not held"),
    ),
    ("a single message waits for nothing", settle(RateLimit(), timedelta(0)), single, Proceed),
    (
        "a digest waits while its rule opens alerts",
        settle(RateLimit(), MINUTE / 2),
        lambda _: digest(),
        Leave(reason="the rule still opens alerts"),
    ),
    ("a digest passes after a quiet minute", settle(RateLimit(), MINUTE), lambda _: digest(), Proceed),
    (
        "without a settle time it passes at once",
        settle(RateLimit(settle=timedelta(0)), timedelta(0)),
        lambda _: digest(),
        Proceed,
    ),
    (
        "it waits no longer than the longest wait",
        settle(RateLimit(settle=10 * MINUTE, longest=MINUTE), MINUTE),
        lambda _: digest(),
        Proceed,
    ),
    (
        "a single message has its alert",
        lambda state: GatherDigest(DeliveryQueries(state), lambda: NOW),
        single,
        Proceed,
    ),
    (
        "a digest gathers its alerts",
        lambda state: GatherDigest(DeliveryQueries(state), lambda: NOW),
        lambda _: digest(),
        Proceed,
    ),
    (
        "an empty digest is left",
        lambda _: GatherDigest(DeliveryQueries(MemoryDocuments()), lambda: NOW),
        lambda _: digest(),
        Leave(reason="nothing is due"),
    ),
    ("a free delivery is claimed", lambda state: Claim(Outbox(state), lambda: NOW), single, Proceed),
    (
        "a delivery that another sidecar claimed is left",
        lambda state: Claim(Outbox(state), lambda: NOW),
        lambda state: replace(single(state), alerts=claimed(state).alerts),
        Leave(reason="another sidecar claimed it"),
    ),
    (
        "a claim that expired may be taken over",
        lambda state: Claim(Outbox(state), lambda: NOW + CLAIM),
        lambda state: replace(single(state), alerts=claimed(state).alerts),
        Proceed,
    ),
    ("a claimed delivery is rendered", lambda _: render, claimed, Proceed),
    (
        "a message that cannot be rendered is tried again",
        lambda _: render,
        lambda state: replace(claimed(state), first=None),
        Hold(reason="the message cannot be rendered: ValueError: the delivery was not claimed", until=HALF_A_MINUTE),
    ),
    ("the channel accepts the message", lambda _: send(), rendered, Proceed),
    ("the channel rejects it for now", lambda _: send(LATER), rendered, Retry(reason="451 later")),
    ("the channel rejects it for good", lambda _: send(NEVER), rendered, Drop(reason="550 no such user")),
    (
        "a library's exception may quote a secret: its type alone is stored",
        lambda _: send(OSError("secret")),
        rendered,
        Retry(reason="OSError in the channel"),
    ),
    (
        "some recipients refused: sent, and they are kept apart",
        lambda _: send(RecipientsRefused("b", (REFUSAL,))),
        rendered,
        Proceed,
    ),
    (
        "the lease was lost before sending: due at once for the next",
        lambda _: send(stopping=True),
        rendered,
        Hold(reason=INTERRUPTED, until=NOW),
    ),
]


@pytest.mark.parametrize(("stage", "delivery", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_stage_has_a_named_outcome(
    stage: Callable[[MemoryDocuments], Stage],
    delivery: Callable[[MemoryDocuments], Delivery],
    expected: type[Proceed] | Outcome,
) -> None:
    state = state_with_alerts()
    outcome = stage(state)(delivery(state))
    assert (type(outcome) if expected is Proceed else outcome) == expected


def test_a_delivery_passes_the_stages_in_order_until_one_ends_its_way() -> None:
    state = state_with_alerts(3)
    gather = GatherDigest(DeliveryQueries(state), lambda: NOW)
    passed, outcome = run_stages(digest(), (gather, Claim(Outbox(state), lambda: NOW), render, send(NEVER)))
    assert outcome == Drop(reason="550 no such user")
    assert (len(passed.alerts), passed.attempts) == (3, 1)
    assert passed.notification is not None
    unchanged, left = run_stages(single(state_with_alerts()), (HoldLease(lambda: True), gather))
    assert (unchanged.attempts, left) == (0, Leave(reason="the lease is not held"))
