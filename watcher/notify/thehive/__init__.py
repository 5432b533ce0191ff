"""TheHive 5: an alert with observables."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.thehive.settings import TheHiveChannel
from watcher.ports import Clock, Notifier


def _build(channel: TheHiveChannel, clock: Clock) -> Notifier:
    from watcher.notify.thehive.transport import TheHiveNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return TheHiveNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="thehive",
    settings=TheHiveChannel,
    build=_build,
    bodies={"application/json": "thehive.json.j2"},
    templates=Path(__file__).parent / "templates",
    follows=lambda _settings: True,
)

__all__ = ["CHANNEL_TYPE", "TheHiveChannel"]
