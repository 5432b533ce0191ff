"""Slack by an incoming webhook."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.slack.settings import SlackChannel
from watcher.ports import Clock, Notifier


def _build(channel: SlackChannel, clock: Clock) -> Notifier:
    from watcher.notify.slack.transport import SlackNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return SlackNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="slack",
    settings=SlackChannel,
    build=_build,
    bodies={"application/json": "slack.json.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "SlackChannel"]
