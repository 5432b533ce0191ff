"""Each channel is told on its own: one's trouble is no other's, and nothing is struck off before it was taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, MemoryState, RecordingChannel, effective, found, rule

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits, group
from watcher.delivery.outbox import CLAIM, Outbox
from watcher.errors import DeliveryError
from watcher.model import Notification, Rule
from watcher.notify.links import Links
from watcher.notify.renderer import Renderer
from watcher.pipeline import Delivery, DeliveryResult, RateLimit
from watcher.settings import MailChannel, Secret, SlackChannel

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
SLACK = SlackChannel(name="slack", webhook_url=Secret("http://localhost/"))


def owing(*, channels: tuple[str, ...] = ("mail", "slack")) -> MemoryState:
    """Give a state with one alert that owes some channels a message."""
    state, settings = MemoryState(), effective(channels=channels)
    grouped = group(rule(), settings, found())
    AlertStore(state).record(alerts_of_hits(rule(), settings, [grouped], origin="live"), [grouped.hit], now=NOW)
    return state


def deliver(
    state: MemoryState, *told: RecordingChannel, after: timedelta = timedelta(0), **changes: Any
) -> DeliveryResult:
    """Do one round some time after now."""
    channels = {"mail": MAIL, "slack": SLACK}
    return Delivery(
        outbox=Outbox(state),
        channels={one.name: (channels[one.name], one) for one in told},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW + after,
        **changes,
    ).deliver()


def states(state: MemoryState) -> list[tuple[str, str]]:
    """Tell what is owed to whom."""
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return [(one["state"], one.get("error", "")) for one in alert.document["watcher"]["owed"]]


def test_every_channel_is_told_once() -> None:
    state, mail, slack = owing(), RecordingChannel("mail"), RecordingChannel("slack")
    assert deliver(state, mail, slack) == DeliveryResult(sent=2)
    assert deliver(state, mail, slack, after=timedelta(days=9)) == DeliveryResult()
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
    state, mail, slack = owing(), RecordingChannel("mail", faults=[fault]), RecordingChannel("slack")
    assert deliver(state, mail, slack) == DeliveryResult(sent=1, postponed=1)
    assert states(state) == [("owed", error), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(seconds=29)) == DeliveryResult()
    assert deliver(state, mail, slack, after=timedelta(seconds=30)) == DeliveryResult(sent=1)
    assert (len(mail.taken), len(slack.taken)) == (1, 1)


def test_waits_grow_from_attempt_to_attempt() -> None:
    state, later = owing(channels=("mail",)), DeliveryError("later", permanent=False)
    mail = RecordingChannel("mail", faults=[later, later, later])
    at = timedelta(0)
    for wait in (30, 60, 120):
        assert deliver(state, mail, after=at) == DeliveryResult(postponed=1)
        assert deliver(state, mail, after=at + timedelta(seconds=wait - 1)) == DeliveryResult()
        at += timedelta(seconds=wait)
    assert deliver(state, mail, after=at) == DeliveryResult(sent=1)


def test_every_attempt_bears_the_same_key() -> None:
    state, mail = owing(channels=("mail",)), RecordingChannel("mail")
    kept = dict(state.documents)
    deliver(state, mail)
    state.documents = kept  # the strike-off was lost
    deliver(state, mail)
    first, second = mail.taken
    assert first.key == second.key


def test_what_a_channel_refuses_for_good_is_given_up_and_hides_no_other() -> None:
    state, slack = owing(), RecordingChannel("slack")
    mail = RecordingChannel("mail", faults=[DeliveryError("550 no such user", permanent=True)])
    assert deliver(state, mail, slack) == DeliveryResult(sent=1, failed=1)
    assert states(state) == [("failed", "550 no such user"), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(days=9)) == DeliveryResult()


def test_a_channel_that_settings_no_longer_have_stays_owed_and_is_told_when_it_is_back() -> None:
    state, mail, slack = owing(), RecordingChannel("mail"), RecordingChannel("slack")
    assert deliver(state, slack) == DeliveryResult(sent=1, postponed=1)
    assert states(state)[0] == ("owed", "no channel is called `mail` in settings")
    assert deliver(state, mail, slack, after=timedelta(hours=1)) == DeliveryResult(sent=1)


def test_what_somebody_else_claimed_is_left_to_them_until_their_time_is_over() -> None:
    state, mail = owing(channels=("mail",)), RecordingChannel("mail")
    outbox = Outbox(state)
    (delivery,) = outbox.deliveries(now=NOW)
    assert outbox.claim(delivery, now=NOW)
    assert deliver(state, mail) == DeliveryResult()
    assert deliver(state, mail, after=CLAIM) == DeliveryResult(sent=1)


def test_an_alert_without_channels_is_kept_and_told_to_nobody() -> None:
    state, mail = owing(channels=()), RecordingChannel("mail")
    assert deliver(state, mail) == DeliveryResult()
    assert mail.taken == []


def test_an_alert_that_cannot_be_rendered_silences_no_other() -> None:
    state = MemoryState()
    open_alerts(state, 2)
    (index, name), broken = next((key, one) for key, one in state.documents.items() if "alerts" in key[0])
    own = {**broken.document["watcher"], "rule": None}  # whatever it is that nobody thought of
    state.documents[index, name] = replace(broken, document={**broken.document, "watcher": own})
    mail = RecordingChannel("mail")
    assert deliver(state, mail) == DeliveryResult(sent=1, postponed=1)


# --------------------------------------------------------------------------- the storm brake

SETTLED = timedelta(minutes=1)
OTHER = rule(id="another")


def open_alerts(
    state: MemoryState,
    hosts: int,
    *,
    of: Rule | None = None,
    first: int = 0,
    at: timedelta = timedelta(0),
    to: tuple[str, ...] = ("mail",),
) -> None:
    """Open an alert a host, each owing a mail, or what else is asked for."""
    alert_rule, settings = of or rule(), effective(channels=to)
    grouped = [
        group(alert_rule, settings, found(number, host=f"H{number:05}")) for number in range(first, first + hosts)
    ]
    AlertStore(state).record(
        alerts_of_hits(alert_rule, settings, grouped, origin="live"), [one.hit for one in grouped], now=NOW + at
    )


def owed(state: MemoryState) -> list[Mapping[str, Any]]:
    """Give what all alerts owe."""
    found_ = [one for (index, _), one in state.documents.items() if "alerts" in index]
    return [entry for one in found_ for entry in one.document["watcher"]["owed"]]


def test_up_to_the_limit_every_alert_is_told_by_itself() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 20)
    assert deliver(state, mail) == DeliveryResult(sent=20)
    assert len({one.alert for one in mail.taken}) == 20
    assert not any("told_in" in one for one in owed(state))


def test_of_a_storm_twenty_are_told_by_themselves_and_the_rest_in_one_message_with_their_exact_count() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 1_523)
    assert deliver(state, mail, after=SETTLED) == DeliveryResult(sent=21)
    assert "1,503" in mail.taken[-1].subject + mail.taken[-1].bodies["text/plain"]
    entries = owed(state)
    assert {one["state"] for one in entries} == {"sent"}
    assert Counter("told_in" in one for one in entries) == {True: 1_503, False: 20}
    assert deliver(state, mail, after=timedelta(days=9)) == DeliveryResult()


def test_of_a_storm_every_channel_is_told_the_same() -> None:
    state, mail, slack = MemoryState(), RecordingChannel("mail"), RecordingChannel("slack")
    open_alerts(state, 2_600, to=("mail", "slack"))
    assert deliver(state, mail, slack, after=SETTLED) == DeliveryResult(sent=42)
    for channel in (mail, slack):
        assert len(channel.taken) == 21
        assert "2,580" in str(channel.taken[-1])


def test_a_storm_that_is_still_opening_is_waited_for_but_not_for_ever() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, mail, after=SETTLED / 2) == DeliveryResult(sent=20)
    open_alerts(state, 5, first=100, at=SETTLED)
    assert deliver(state, mail, after=SETTLED) == DeliveryResult()
    open_alerts(state, 5, first=200, at=timedelta(minutes=9, seconds=30))
    assert deliver(state, mail, after=timedelta(minutes=9, seconds=31)) == DeliveryResult()
    assert deliver(state, mail, after=timedelta(minutes=10)) == DeliveryResult(sent=1)
    assert Counter("told_in" in one for one in owed(state)) == {True: 20, False: 20}


def test_a_rule_s_storm_holds_up_no_other_rule() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 400)
    open_alerts(state, 1, of=OTHER, first=9_000)
    deliver(state, mail)
    assert Counter(one["state"] for one in owed(state)) == {"owed": 380, "sent": 21}


def test_a_storm_that_goes_on_is_told_in_one_message_more_and_none_by_itself() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 30)
    deliver(state, mail, after=SETTLED)
    open_alerts(state, 30, first=100, at=2 * SETTLED)
    assert deliver(state, mail, after=3 * SETTLED) == DeliveryResult(sent=1)
    # when it has been quiet for an hour, alerts are told by themselves again
    open_alerts(state, 3, first=200, at=timedelta(hours=2))
    assert deliver(state, mail, after=timedelta(hours=2)) == DeliveryResult(sent=3)


@pytest.mark.parametrize(
    ("fault", "outcome", "left"),
    [
        (DeliveryError("451 later", permanent=False), DeliveryResult(sent=20, postponed=1), "owed"),
        (ZeroDivisionError("secret"), DeliveryResult(sent=20, postponed=1), "owed"),
        (DeliveryError("550 never", permanent=True), DeliveryResult(sent=20, failed=1), "failed"),
    ],
)
def test_a_channel_that_does_not_take_the_message_for_many(
    fault: Exception, outcome: DeliveryResult, left: str
) -> None:
    state = MemoryState()
    open_alerts(state, 30)
    mail = RecordingChannel("mail")
    deliver(state, mail)
    mail.faults = [fault]
    assert deliver(state, mail, after=SETTLED) + DeliveryResult(sent=20) == outcome
    assert Counter(one["state"] for one in owed(state)) == {left: 10, "sent": 20}
    again = deliver(state, mail, after=timedelta(minutes=5))
    assert again == (DeliveryResult() if left == "failed" else DeliveryResult(sent=1))


def test_a_message_for_many_that_was_not_struck_off_is_told_again_under_the_same_key() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 30)
    deliver(state, mail)

    class Killed(RecordingChannel):
        def send(self, notification: Notification) -> None:
            super().send(notification)
            raise KeyboardInterrupt

    killed = Killed("mail")
    with pytest.raises(KeyboardInterrupt):
        deliver(state, killed, after=SETTLED)
    assert deliver(state, mail, after=2 * SETTLED) == DeliveryResult()  # its claim still holds
    assert deliver(state, mail, after=timedelta(minutes=11)) == DeliveryResult(sent=1)
    assert killed.taken[0].key == mail.taken[-1].key
    assert killed.taken[0].subject == mail.taken[-1].subject


def test_a_storm_to_a_channel_that_settings_lack_stays_owed_and_is_told_when_it_is_back() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, after=SETTLED).sent == 0
    assert {one["state"] for one in owed(state)} == {"owed"}
    assert deliver(state, mail, after=timedelta(hours=2)) == DeliveryResult(sent=21)
    assert {one["state"] for one in owed(state)} == {"sent"}


def test_one_round_alone_waits_for_no_storm() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 25)
    assert deliver(state, mail, rate_limit=RateLimit(settle=timedelta(0))) == DeliveryResult(sent=21)


def test_what_a_holder_does_not_hold_any_more_is_not_sent() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 1)
    asked = iter((False, False, False, True, True, True, True))
    assert deliver(state, mail, stopping=lambda: next(asked, True)) == DeliveryResult(postponed=1)
    assert mail.taken == []
    assert deliver(state, mail) == DeliveryResult(sent=1)  # by whoever has it now, who need not wait


def test_a_message_for_many_that_a_holder_holds_no_more_is_told_by_the_next_at_once() -> None:
    state, mail = MemoryState(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, mail) == DeliveryResult(sent=20)
    asked = iter((False, False, False))
    assert deliver(state, mail, after=SETTLED, stopping=lambda: next(asked, True)) == DeliveryResult(postponed=1)
    assert len(mail.taken) == 20
    assert deliver(state, mail, after=SETTLED) == DeliveryResult(sent=1)
