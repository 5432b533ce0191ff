"""What the errors of channels are about, for assertions."""

from __future__ import annotations

from watcher.errors import ChannelRefused, DeliveryError
from watcher.notify.refusals import Refusal


def refusal_in(error: DeliveryError) -> Refusal:
    """Return what the error of a channel is about."""
    if isinstance(error, ChannelRefused):
        return Refusal.OF_CHANNEL
    return Refusal.OF_MESSAGE if error.permanent else Refusal.PASSING
