"""Slack by an incoming webhook, or by the bot of an app."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.slack.settings import SlackChannel
from watcher.ports import Clock, Notifier


def _build(channel: SlackChannel, clock: Clock) -> Notifier:
    if channel.bot_token is not None:
        from watcher.notify.slack.bot import SlackBotNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

        return SlackBotNotifier(channel, clock)
    from watcher.notify.slack.transport import SlackNotifier  # noqa: PLC0415 - the same

    return SlackNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="slack",
    settings=SlackChannel,
    build=_build,
    bodies={"application/json": "slack.json.j2"},
    templates=Path(__file__).parent / "templates",
    follows=lambda settings: settings.bot_token is not None,
)

__all__ = ["CHANNEL_TYPE", "SlackChannel"]
