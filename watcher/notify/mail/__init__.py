"""Mail by SMTP."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.mail.settings import MailChannel
from watcher.ports import Clock, Notifier


def _build(channel: MailChannel, clock: Clock) -> Notifier:
    from watcher.notify.mail.transport import MailNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return MailNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="mail",
    settings=MailChannel,
    build=_build,
    bodies={"text/plain": "mail.txt.j2", "text/html": "mail.html.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "MailChannel"]
