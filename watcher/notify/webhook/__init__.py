"""Any web address that accepts JSON."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.webhook.settings import WebhookChannel
from watcher.ports import Clock, Notifier


def _build(channel: WebhookChannel, clock: Clock) -> Notifier:
    from watcher.notify.webhook.transport import WebhookNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return WebhookNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="webhook",
    settings=WebhookChannel,
    build=_build,
    bodies={"application/json": "webhook.json.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "WebhookChannel"]
