"""Channel types: what a channel brings to settings, and how the installed types are looked up.

A channel type is an object that an entry point of the group `watcher.channels` names. Its module is imported when a
settings file uses the type for the first time, never before, so it must not import its service's client itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

from watcher.settings.annotations import Option
from watcher.settings.formats import Boolean, Name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "watcher.channels"
"""The group of entry points that name channel types."""

_BUILT_IN = {  # type → the object that describes it, written as in an entry point
    "mail": "watcher.notify.mail:CHANNEL_TYPE",
    "slack": "watcher.notify.slack:CHANNEL_TYPE",
    "apprise": "watcher.notify.apprise:CHANNEL_TYPE",
    "webhook": "watcher.notify.webhook:CHANNEL_TYPE",
    "file": "watcher.notify.file:CHANNEL_TYPE",
    "teams": "watcher.notify.teams:CHANNEL_TYPE",
    "pagerduty": "watcher.notify.pagerduty:CHANNEL_TYPE",
    "jira": "watcher.notify.jira:CHANNEL_TYPE",
    "thehive": "watcher.notify.thehive:CHANNEL_TYPE",
}


TIMEOUT_HELP = "time limit of one delivery with all its steps, at most 100 s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What the settings of every channel have; a channel type derives its own from it."""

    name: str  # the key of the channel under `channels`
    operator: Annotated[Boolean, Option("also receives notices about problems of watcher itself")] = False
    fallback: Annotated[
        Name | None,
        Option(
            "another channel, which gets the alerts too while this one has accepted nothing for five minutes",
            example="mail",
        ),
    ] = None


class ChannelType(Protocol):
    """What settings need from a channel type; the rest of its contract belongs to `watcher.notify`."""

    @property
    def name(self) -> str:
        """The value of `type` in settings."""

    @property
    def settings(self) -> type[ChannelSettings]:
        """The frozen dataclass of the channel's settings."""


def channel_type_names() -> tuple[str, ...]:
    """Return the names of the built-in channel types, then of the installed ones; none is imported."""
    return (*_BUILT_IN, *sorted({point.name for point in _installed()} - set(_BUILT_IN)))


def load_channel_type(name: str) -> ChannelType:
    """Import and return the channel type of a name that `channel_type_names` returns."""
    channel_type: ChannelType = _loader(name)()
    return channel_type


def _loader(name: str) -> Callable[[], ChannelType]:
    from importlib.metadata import EntryPoint  # noqa: PLC0415 - slow to import, and needed only where channels are set up

    if name in _BUILT_IN:
        return EntryPoint(name=name, value=_BUILT_IN[name], group=GROUP).load
    return next(point for point in _installed() if point.name == name).load


def _installed() -> tuple["EntryPoint", ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - the same

    return tuple(entry_points(group=GROUP))
