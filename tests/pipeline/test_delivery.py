"""Each channel is told on its own: one's trouble is no other's, and nothing is struck off before it was taken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import NOW, MemoryState, Told, found, plan

from watcher.decide.group import alerts, group
from watcher.decide.ledger import CLAIM, Ledger
from watcher.errors import DeliveryError
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.pipeline import Delivered, Delivery
from watcher.settings import MailChannel, Secret, SlackChannel

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
SLACK = SlackChannel(name="slack", webhook_url=Secret("http://localhost/"))


def owing(*, channels: tuple[str, ...] = ("mail", "slack")) -> MemoryState:
    """Give a state with one alert that owes some channels a message."""
    state, planned = MemoryState(), plan(channels=channels)
    grouped = group(planned, found())
    Ledger(state).record(alerts(planned, [grouped], origin="live"), [grouped.hit], now=NOW)
    return state


def deliver(state: MemoryState, *told: Told, after: timedelta = timedelta(0)) -> Delivered:
    """Do one round some time after now."""
    channels = {"mail": MAIL, "slack": SLACK}
    return Delivery(
        ledger=Ledger(state),
        channels={one.name: (channels[one.name], one) for one in told},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW + after,
    ).deliver()


def states(state: MemoryState) -> list[tuple[str, str]]:
    """Tell what is owed to whom."""
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return [(one["state"], one.get("error", "")) for one in alert.document["watcher"]["owed"]]


def test_every_channel_is_told_once() -> None:
    state, mail, slack = owing(), Told("mail"), Told("slack")
    assert deliver(state, mail, slack) == Delivered(sent=2)
    assert deliver(state, mail, slack, after=timedelta(days=9)) == Delivered()
    assert (len(mail.taken), len(slack.taken)) == (1, 1)
    assert states(state) == [("sent", ""), ("sent", "")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (DeliveryError("451 later", permanent=False), "451 later"),
        (ZeroDivisionError("secret"), "ZeroDivisionError in the channel"),
        (OSError("secret"), "OSError in the channel"),
        (KeyError("secret"), "KeyError in the channel"),
        (ValueError("secret"), "ValueError in the channel"),
    ],
)
def test_a_channel_in_trouble_hides_no_other_and_is_tried_again(fault: Exception, error: str) -> None:
    state, mail, slack = owing(), Told("mail", faults=[fault]), Told("slack")
    assert deliver(state, mail, slack) == Delivered(sent=1, postponed=1)
    assert states(state) == [("owed", error), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(seconds=29)) == Delivered()
    assert deliver(state, mail, slack, after=timedelta(seconds=30)) == Delivered(sent=1)
    assert (len(mail.taken), len(slack.taken)) == (1, 1)


def test_waits_grow_from_attempt_to_attempt() -> None:
    state, later = owing(channels=("mail",)), DeliveryError("later", permanent=False)
    mail = Told("mail", faults=[later, later, later])
    at = timedelta(0)
    for wait in (30, 60, 120):
        assert deliver(state, mail, after=at) == Delivered(postponed=1)
        assert deliver(state, mail, after=at + timedelta(seconds=wait - 1)) == Delivered()
        at += timedelta(seconds=wait)
    assert deliver(state, mail, after=at) == Delivered(sent=1)


def test_every_attempt_bears_the_same_key() -> None:
    state, mail = owing(channels=("mail",)), Told("mail")
    kept = dict(state.documents)
    deliver(state, mail)
    state.documents = kept  # the strike-off was lost
    deliver(state, mail)
    first, second = mail.taken
    assert first.key == second.key


def test_what_a_channel_refuses_for_good_is_given_up_and_hides_no_other() -> None:
    state, slack = owing(), Told("slack")
    mail = Told("mail", faults=[DeliveryError("550 no such user", permanent=True)])
    assert deliver(state, mail, slack) == Delivered(sent=1, failed=1)
    assert states(state) == [("failed", "550 no such user"), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(days=9)) == Delivered()


def test_a_channel_that_settings_no_longer_have_stays_owed_and_is_told_when_it_is_back() -> None:
    state, mail, slack = owing(), Told("mail"), Told("slack")
    assert deliver(state, slack) == Delivered(sent=1, postponed=1)
    assert states(state)[0] == ("owed", "no channel is called `mail` in settings")
    assert deliver(state, mail, slack, after=timedelta(hours=1)) == Delivered(sent=1)


def test_what_somebody_else_claimed_is_left_to_them_until_their_time_is_over() -> None:
    state, mail = owing(channels=("mail",)), Told("mail")
    ledger = Ledger(state)
    (debt,) = ledger.debts(now=NOW)
    assert ledger.claim(debt, now=NOW)
    assert deliver(state, mail) == Delivered()
    assert deliver(state, mail, after=CLAIM) == Delivered(sent=1)


def test_an_alert_without_channels_is_kept_and_told_to_nobody() -> None:
    state, mail = owing(channels=()), Told("mail")
    assert deliver(state, mail) == Delivered()
    assert mail.taken == []
