"""Any service that Apprise reaches."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.apprise.settings import AppriseChannel
from watcher.notify.channel_type import NotifierType
from watcher.ports import Clock, Notifier


def _build(channel: AppriseChannel, clock: Clock) -> Notifier:
    from watcher.notify.apprise.transport import AppriseNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return AppriseNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="apprise",
    settings=AppriseChannel,
    build=_build,
    bodies={"text/plain": "plain.txt.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "AppriseChannel"]
