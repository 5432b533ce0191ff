"""One message of each kind with hostile text, as channels get them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from support.hostile_text import BIDI, EVENT, NOW, alert
from watcher.model import Level, Notification, Window
from watcher.notify.digest_context import digest_context
from watcher.notify.links import Links
from watcher.notify.message_context import AlertContext, alert_context, operator_notice
from watcher.notify.renderer import MessageContext, Renderer
from watcher.settings import ChannelSettings

LINKS = Links(discover_url="https://kibana.example/app/discover")
UNSEEN = (BIDI, "\x1b", "\x00", "\r", "\ud800")
"""Characters that no message may contain as they are."""


def messages() -> Iterator[MessageContext]:
    """Yield one message of each kind with hostile text, and one of an event with very many fields."""
    hostile = alert(EVENT)
    yield alert_context(hostile, links=Links())
    many = {f"Field{number}": "<b>" * 2_000 for number in range(500)}
    yield alert_context(alert({"winlog": {"event_data": many}}), links=Links())
    keys = tuple(f"{number}{EVENT['winlog']['channel']}" for number in range(100))
    yield digest_context(
        hostile.rule, digest="d", count=7, window=Window(start=NOW, end=NOW + timedelta(hours=1)), keys=keys
    )
    rules = tuple((f"{number} {hostile.rule.title}", Level.HIGH, 7) for number in range(100))
    window = Window(start=NOW, end=NOW + timedelta(hours=1))
    yield digest_context(hostile.rule, digest="d", count=700, window=window, keys=keys, rules=rules)
    text = "\n".join((EVENT["winlog"]["event_data"]["CommandLine"], "A" * 40_000))
    yield operator_notice(text, text, moment=NOW, digest="n")


def huge_message() -> AlertContext:
    """Return an alert whose values have a million characters each: of two bytes, of three, and escaped by JSON."""
    values = {"CommandLine": '"\\' * 500_000, "ParentCommandLine": "ä" * 1_000_000, "User": "\x00" * 1_000_000}
    more = {f"Field{number}": "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 1_000_000 for number in range(3)}
    event = {"host": {"name": "h" * 1_000_000}, "winlog": {"event_data": values | more}}
    return alert_context(alert(event), links=LINKS)


def rendered(context: MessageContext, channel: ChannelSettings) -> Notification:
    """Return the notification of a message for a channel."""
    return Renderer().render(context, channel)
