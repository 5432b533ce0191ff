"""Notices about failures of watcher itself, sent without the outbox: it may be the state that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import structlog

from watcher.errors import DeliveryError, InputError
from watcher.notify.message_context import operator_notice
from watcher.notify.renderer import Renderer
from watcher.ports import Clock, Notifier
from watcher.settings import ChannelSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorNotifier:
    """The channels marked `operator: true`."""

    channels: Sequence[tuple[ChannelSettings, Notifier]] = ()
    renderer: Renderer | None = None
    clock: Clock | None = None

    def notify(self, subject: str, text: str) -> None:
        """Send a notice to each channel; a failure is logged and not tried again."""
        if self.renderer is None or self.clock is None:
            return
        now = self.clock.now()
        notice = operator_notice(subject, text, moment=now, digest=sha256(f"{now} {subject}".encode()).hexdigest()[:32])
        for channel, notifier in self.channels:
            try:
                notifier.send(self.renderer.render(notice, channel))
            except (DeliveryError, InputError) as fault:
                log.warning("notice.failed", channel=channel.name, error=str(fault))
            except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything, and may quote a secret
                log.warning("notice.failed", channel=channel.name, error=type(fault).__name__)
