"""A channel type in a package of its own: posts each alert as JSON to a web address."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.ports import Clock, Notifier
from watcher_webhook.settings import WebhookChannel


def _build(channel: WebhookChannel, _clock: Clock) -> Notifier:
    from watcher_webhook.transport import WebhookNotifier  # noqa: PLC0415 - loaded when a channel is built

    return WebhookNotifier(channel)


CHANNEL_TYPE = NotifierType(
    name="hook",
    settings=WebhookChannel,
    build=_build,
    bodies={"application/json": "hook.json.j2"},
    templates=Path(__file__).parent / "templates",
)
