"""Notices about failures of watcher itself, sent without the outbox: it may be the state that fails."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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

    def notify(self, subject: str, text: str, *, avoided: Collection[str] = ()) -> tuple[str, ...]:
        """Send a notice to each channel, and return the names of those that accepted it.

        Channels in trouble (`avoided`) get it only where no other channel accepts it. A failure is logged and not
        tried again.
        """
        working = [pair for pair in self.channels if pair[0].name not in avoided]
        accepted = self._send(subject, text, working)
        return accepted or self._send(subject, text, [pair for pair in self.channels if pair[0].name in avoided])

    def _send(self, subject: str, text: str, channels: Sequence[tuple[ChannelSettings, Notifier]]) -> tuple[str, ...]:
        if self.renderer is None or self.clock is None:
            return ()
        now = self.clock.now()
        notice = operator_notice(subject, text, moment=now, digest=sha256(f"{now} {subject}".encode()).hexdigest()[:32])
        accepted = []
        for channel, notifier in channels:
            try:
                notifier.send(self.renderer.render(notice, channel))
            except (DeliveryError, InputError) as fault:
                log.warning("notice.failed", channel=channel.name, error=str(fault))
            except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything, and may quote a secret
                log.warning("notice.failed", channel=channel.name, error=type(fault).__name__)
            else:
                accepted.append(channel.name)
        return tuple(accepted)
