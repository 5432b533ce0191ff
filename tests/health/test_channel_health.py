"""A channel that accepts nothing is a problem; a message that alone is refused is none of the channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.health.channel_health import channel_health, channel_problem, read_channel_health
from watcher.ports import NewDocument
from watcher.timestamps import format_timestamp


def alert(minute: int, **states: Any) -> dict[str, Any]:
    """Return an alert that was opened at a minute, with an entry for each channel."""
    deliveries = [{"channel": name, "attempts": 1, **entry} for name, entry in states.items()]
    created = format_timestamp(NOW + timedelta(minutes=minute))
    return {"event": {"created": created}, "watcher": {"deliveries": deliveries}}


def sent(minute: int) -> dict[str, Any]:
    return {"state": "sent", "sent": format_timestamp(NOW + timedelta(minutes=minute))}


def pending(error: str = "") -> dict[str, Any]:
    entry = {"state": "pending", "due": format_timestamp(NOW)}
    return {**entry, "error": error} if error else entry


FAILED = {"state": "failed", "error": "404 no_service"}


def test_a_channel_that_accepted_nothing_since_an_error_does_not_deliver() -> None:
    mail, slack = channel_health(
        [
            alert(0, mail=sent(0), slack=sent(0)),
            alert(1, mail=pending("451 later"), slack=sent(1)),
            alert(2, mail=pending()),
        ]
    )
    assert (mail.delivers, mail.waiting, mail.oldest_waiting) == (False, 2, NOW + timedelta(minutes=1))
    assert slack.delivers
    problem = channel_problem(mail)
    assert problem is not None
    assert problem.message.startswith(
        "channel `mail` does not deliver: 451 later; its last message was accepted at 12:00:00"
    )
    assert channel_problem(slack) is None


def test_messages_that_were_given_up_are_a_problem_until_one_is_accepted() -> None:
    (slack,) = channel_health([alert(0, slack=FAILED)])
    assert (slack.delivers, slack.refused) == (False, 1)
    assert "it never did; 0 messages wait, 1 were given up" in str(channel_problem(slack))
    (slack,) = channel_health([alert(0, slack=FAILED), alert(1, slack=sent(1))])
    assert slack.delivers


def test_a_message_that_alone_is_refused_is_no_problem_of_the_channel() -> None:
    (mail,) = channel_health([alert(0, mail=pending("it cannot be rendered")), alert(1, mail=sent(1))])
    assert mail.delivers


def test_the_health_is_read_from_the_alerts() -> None:
    state = MemoryDocuments()
    documents = [alert(0, mail=sent(0)), alert(1, mail=pending("451 later"))]
    state.create(
        [
            NewDocument(index="watcher-alerts-2026.11", id=str(number), document=document)
            for number, document in enumerate(documents)
        ]
    )
    (mail,) = read_channel_health(state, "watcher")
    assert (mail.error, mail.waiting) == ("451 later", 1)
    assert read_channel_health(MemoryDocuments(), "watcher") == ()
