"""`watcher notify`: tell whether a channel is alive."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher import app as wiring
from watcher.cli.common import EXIT_FINDINGS, SettingsFile, out
from watcher.clock import SystemClock
from watcher.errors import DeliveryError, SettingsError
from watcher.notify.channel_registry import build_notifier
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.notify.sample import sample
from watcher.printable import printable_text


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(notify)


def notify(
    channel: Annotated[str, typer.Argument(help="The channel's name in settings.")],
    *,
    settings_file: SettingsFile = None,
) -> None:
    """Send a test message to one channel."""
    settings = wiring.load_settings(settings_file)
    known = {one.name: one for one in settings.channels}
    if channel not in known:
        names = ", ".join(f"`{name}`" for name in known) or "none"
        raise SettingsError(f"no channel is called `{channel}`; settings have {names}", fix="add it under `channels`")
    clock = SystemClock()
    telling = alert_context(sample(clock.now(), channels=(channel,)), links=Links(discover_url=settings.discover_url))
    try:
        build_notifier(known[channel], clock).send(Renderer(settings.templates).render(telling, known[channel]))
    except DeliveryError as fault:
        out.print(f"`{channel}` did not take the test message: {printable_text(fault)}", soft_wrap=True)
        raise typer.Exit(EXIT_FINDINGS) from fault
    out.print(f"`{channel}` took the test message")
