"""Settings of a channel → its type, and the channel itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from watcher.backoff import Backoff
from watcher.errors import SettingsError
from watcher.notify.channel_type import NotifierType
from watcher.ports import Clock, Notifier
from watcher.settings.channel_types import ChannelSettings, channel_type_names, load_channel_type

_BACKOFF = Backoff(first=timedelta(seconds=30), longest=timedelta(hours=1))


def notifier_types() -> tuple[NotifierType, ...]:
    """Import and return every installed channel type, the built-in ones first."""
    return tuple(notifier_type(name) for name in channel_type_names())


def notifier_type(name: str) -> NotifierType:
    """Import and return the channel type of a name."""
    loaded = load_channel_type(name)
    missing = [part for part in ("build", "bodies", "templates") if not hasattr(loaded, part)]
    if missing:
        raise SettingsError(
            f"the channel type `{name}` lacks {', '.join(f'`{part}`' for part in missing)}",
            fix="install a version of its package that fits this version of sigma-watcher",
        )
    return cast("NotifierType", loaded)


def type_of(channel: ChannelSettings) -> NotifierType:
    """Return the channel type whose settings these are."""
    for candidate in notifier_types():
        if type(channel) is candidate.settings:
            return candidate
    raise SettingsError(f"no channel type has settings of the type `{type(channel).__name__}`")


def build_notifier(channel: ChannelSettings, clock: Clock) -> Notifier:
    """Build the channel that settings describe; nothing is connected before the first message."""
    return type_of(channel).build(channel, clock)


def following_channels(channels: Iterable[ChannelSettings]) -> tuple[str, ...]:
    """Return the names of the channels that show what people do to alerts."""
    return tuple(channel.name for channel in channels if _follows(channel))


def _follows(channel: ChannelSettings) -> bool:
    # a type of another package may be written for an earlier version
    follows = getattr(type_of(channel), "follows", None)
    return follows is not None and bool(follows(channel))


def retry_delay(attempts: int) -> timedelta:
    """Return the wait after a number of failed attempts: 30 s, doubling, at most an hour."""
    return _BACKOFF.delay(attempts)
