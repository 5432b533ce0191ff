"""What a channel brings: its settings, how it is built, and which templates it renders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.ports import Notifier
from watcher.settings.channel_types import ChannelSettings


def _never(_settings: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierType:
    """A type of channel, named by an entry point of the group `watcher.channels`.

    The module that holds it is imported when settings are read, so it imports no client of a service: `build` does.
    """

    name: str  # the value of `type` in settings
    settings: type[ChannelSettings]  # a frozen dataclass
    build: Callable[[Any, Any], Notifier]  # (its settings, a Clock) → the channel; connects to nothing yet
    bodies: Mapping[str, str]  # media type → template of an alert; `digest.` and `notice.` are put before it
    templates: Path  # the folder of its templates
    follows: Callable[[Any], bool] = _never  # its settings → whether the channel has `follow`, see `ports.Follower`
