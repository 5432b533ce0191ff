"""A test message to one channel."""

from __future__ import annotations

from watcher.clock import SystemClock
from watcher.errors import SettingsError
from watcher.near_names import near_name_fix
from watcher.notify.channel_registry import build_notifier
from watcher.notify.links import message_settings
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.notify.sample import sample
from watcher.settings import ChannelSettings, Settings


def send_test_message(name: str, settings: Settings) -> None:
    """Send a message that says it is a test to the channel of a name.

    Raises SettingsError where settings have no such channel, DeliveryError where it refuses the message.
    """
    channel = _channel(name, settings)
    clock = SystemClock()
    alert = sample(clock.now(), channels=(name,))
    context = alert_context(alert, links=message_settings(settings))
    build_notifier(channel, clock).send(Renderer(settings.templates).render(context, channel))


def _channel(name: str, settings: Settings) -> ChannelSettings:
    channels = {channel.name: channel for channel in settings.channels}
    if name not in channels:
        names = ", ".join(f"`{channel}`" for channel in channels) or "none"
        fix = near_name_fix(name, channels, "add it under `channels`")
        raise SettingsError(f"no channel is called `{name}`; settings have {names}", fix=fix)
    return channels[name]
