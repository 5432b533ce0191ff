"""Jira: a ticket for each alert."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.jira.settings import JiraChannel
from watcher.ports import Clock, Notifier


def _build(channel: JiraChannel, clock: Clock) -> Notifier:
    from watcher.notify.jira.transport import JiraNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return JiraNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="jira",
    settings=JiraChannel,
    build=_build,
    bodies={"application/json": "jira.json.j2"},
    templates=Path(__file__).parent / "templates",
    follows=lambda _settings: True,
)

__all__ = ["CHANNEL_TYPE", "JiraChannel"]
