"""A channel that accepted nothing since a failure is a problem."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.delivery.channel_state import ChannelStates
from watcher.health.channel_health import ChannelHealth, channel_problem, read_channel_health, read_waiting
from watcher.ports import NewDocument
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import format_timestamp

MINUTE = timedelta(minutes=1)


def alert(opened: datetime, **states: str) -> dict[str, Any]:
    """Return an alert with a delivery to each channel; `due` holds where it waits."""
    deliveries = [
        {"channel": name.replace("__", "/"), "state": state, "due": format_timestamp(NOW) if state != "sent" else None}
        for name, state in states.items()
    ]
    return {"event": {"created": format_timestamp(opened)}, "watcher": {"deliveries": deliveries}}


def health(state: MemoryDocuments, *channels: str) -> dict[str, ChannelHealth]:
    states = ChannelStates(StateDocuments(state))
    return {entry.channel: entry for entry in read_channel_health(read_waiting(state, "watcher"), states, channels)}


def state_with(*alerts: dict[str, Any]) -> MemoryDocuments:
    state = MemoryDocuments()
    state.create(
        [
            NewDocument(index="watcher-alerts-2026.11", id=str(number), document=document)
            for number, document in enumerate(alerts)
        ]
    )
    return state


def test_messages_that_wait_are_counted_by_channel_and_recipient() -> None:
    state = state_with(
        alert(NOW - MINUTE, mail__soc="pending", slack="sent"),
        alert(NOW, mail__soc="claimed", slack="pending", gone="pending"),
    )
    channels = health(state, "mail", "slack", "ops")
    assert {name: entry.waiting for name, entry in channels.items()} == {"mail": 0, "mail/soc": 2, "slack": 1, "ops": 0}
    assert channels["mail/soc"].oldest_waiting == NOW - MINUTE
    assert [channel_problem(entry) for entry in channels.values()] == [None] * 4


def test_a_channel_is_a_problem_from_its_first_failure_to_the_next_accepted_message() -> None:
    state = state_with(alert(NOW, mail="pending"))
    states = ChannelStates(StateDocuments(state))
    states.change("mail", lambda channel: channel.after_failure("451 later", now=NOW), now=NOW)
    problem = channel_problem(health(state, "mail")["mail"])
    assert problem is not None
    assert problem.message == (
        "channel `mail` does not deliver since 2026-11-23 12:00:00 UTC: 451 later; 1 messages wait; "
        "`watcher notify mail` sends a test message"
    )
    states.change("mail", lambda channel: channel.after_success(now=NOW), now=NOW)
    assert channel_problem(health(state, "mail")["mail"]) is None


def test_messages_that_were_given_up_are_named_with_the_command_that_sends_them_again() -> None:
    state = MemoryDocuments()
    states = ChannelStates(StateDocuments(state))
    states.change("slack", lambda channel: channel.after_giving_up("404 no_service", now=NOW), now=NOW)
    problem = channel_problem(health(state, "slack")["slack"])
    assert problem is not None
    assert "404 no_service; 0 messages wait; 1 were given up, and `watcher resend` sends them again" in problem.message
