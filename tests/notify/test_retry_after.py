"""How long a service asks to wait is how long its channel waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.fakes import NOW
from support.hostile_text import FixedClock
from support.service_receivers import TeamsReceiver
from werkzeug import Response

from watcher.delivery.channel_state import ChannelState
from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.http_post import HttpAnswer
from watcher.notify.teams import TeamsChannel
from watcher.notify.teams.transport import TeamsNotifier
from watcher.settings import Secret

DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("99999999999999999999", 3_600),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 23 Nov 2099 12:00:00 GMT", 3_600),
        ("soon", None),
        ("-1", None),
        ("", None),
        ("Mon, 23 Nov 2026 12:00:30", None),  # without a time zone
    ],
)
def test_seconds_and_dates_are_read_within_bounds(value: str, seconds: int | None) -> None:
    answer = HttpAnswer(status=429, body="", headers={"retry-after": value, "date": DATE})
    assert answer.wait == (None if seconds is None else timedelta(seconds=seconds))


def test_the_error_of_a_channel_says_how_long_to_wait() -> None:
    with TeamsReceiver() as teams:
        teams.failures = [Response("busy", 429, {"Retry-After": "90"})]
        channel = TeamsChannel(name="t", url=Secret(teams.url("/workflows/x")))
        note = Notification(alert="a", channel="t", key="k", subject="s", bodies={"application/json": _CARD})
        with pytest.raises(DeliveryError, match="asks to wait 90 s") as caught:
            TeamsNotifier(channel, FixedClock()).send(note)
    assert (caught.value.wait, caught.value.permanent) == (timedelta(seconds=90), False)


def test_a_channel_waits_as_long_as_asked_and_never_less_than_a_second() -> None:
    state = ChannelState(channel="t")
    assert state.after_failure("busy", now=NOW, wait=timedelta(seconds=90)).next_try == NOW + timedelta(seconds=90)
    assert state.after_failure("busy", now=NOW, wait=timedelta(0)).next_try == NOW + timedelta(seconds=1)
    assert state.after_failure("busy", now=NOW).next_try == NOW + timedelta(seconds=30)


_CARD = '{"type": "message", "attachments": [{"content": {"body": []}}]}'
