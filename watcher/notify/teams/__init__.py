"""Microsoft Teams by a workflow."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.teams.settings import TeamsChannel
from watcher.ports import Clock, Notifier


def _build(channel: TeamsChannel, clock: Clock) -> Notifier:
    from watcher.notify.teams.transport import TeamsNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return TeamsNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="teams",
    settings=TeamsChannel,
    build=_build,
    bodies={"application/json": "teams.json.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "TeamsChannel"]
