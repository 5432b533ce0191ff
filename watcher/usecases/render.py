"""A message as a channel would get it, rendered without being sent."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from watcher.clock import SystemClock
from watcher.components import Components
from watcher.delivery.prior_counts import PriorAlertCounts
from watcher.delivery.restored_alert import restore_alert
from watcher.errors import InputError, SettingsError
from watcher.model import Notification
from watcher.near_names import near_name_fix
from watcher.notify.channel_registry import notifier_type, type_of
from watcher.notify.channel_type import NotifierType
from watcher.notify.links import message_settings
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import MessageContext, Renderer
from watcher.notify.sample import sample, sample_digest, sample_notice
from watcher.settings import Settings, channel_type_names


class MessageKind(StrEnum):
    """What a message is about; each kind has templates of its own."""

    ALERT = "alert"
    DIGEST = "digest"
    NOTICE = "notice"


def render_sample(channel: str, kind: MessageKind, settings: Settings) -> Notification:
    """Render a sample message; `channel` is a channel of settings or a channel type.

    Raises InputError where a template is faulty, SettingsError where there is no such channel.
    """
    return _render(_sample(kind, settings), channel, settings)


def render_stored_alert(channel: str, alert: str, components: Components) -> Notification:
    """Render the message of a stored alert; raises InputError where there is no alert of that id."""
    stored = components.alert_store().alert(alert)
    if stored is None:
        raise InputError(f"no alert has the id `{alert}`", fix="`watcher alerts --json` lists the newest ids")
    settings = components.settings
    prior = PriorAlertCounts(components.state(), settings.state.prefix)(stored)
    context = alert_context(replace(restore_alert(stored), prior=prior), links=message_settings(settings))
    return _render(context, channel, settings)


def _sample(kind: MessageKind, settings: Settings) -> MessageContext:
    now = SystemClock().now()
    if kind is MessageKind.DIGEST:
        return sample_digest(now)
    if kind is MessageKind.NOTICE:
        return sample_notice(now)
    return alert_context(sample(now), links=message_settings(settings))


def _render(context: MessageContext, channel: str, settings: Settings) -> Notification:
    return Renderer(settings.templates).render_type(context, _notifier_type(channel, settings), channel=channel)


def _notifier_type(name: str, settings: Settings) -> NotifierType:
    for channel in settings.channels:
        if channel.name == name:
            return type_of(channel)
    if name in channel_type_names():
        return notifier_type(name)
    channels = ", ".join(f"`{channel.name}`" for channel in settings.channels) or "none"
    types = ", ".join(f"`{type_name}`" for type_name in channel_type_names())
    raise SettingsError(
        f"no channel and no channel type is called `{name}`; settings have {channels}",
        fix=near_name_fix(name, [channel.name for channel in settings.channels], f"types are {types}"),
    )
