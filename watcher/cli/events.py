"""`watcher notify`: tell whether a channel is alive."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher import wiring
from watcher.cli.frame import EXIT_FINDINGS, SettingsFile, out
from watcher.clock import SystemClock
from watcher.errors import DeliveryError, SettingsError
from watcher.notify.channels import notifier
from watcher.notify.context import context
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.notify.sample import sample
from watcher.show.terminal import printable


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
    telling = context(sample(clock.now(), channels=(channel,)), links=Links(discover_url=settings.discover_url))
    try:
        notifier(known[channel], clock).send(Renderer(settings.templates).render(telling, known[channel]))
    except DeliveryError as fault:
        out.print(f"`{channel}` did not take the test message: {printable(fault)}", soft_wrap=True)
        raise typer.Exit(EXIT_FINDINGS) from fault
    out.print(f"`{channel}` took the test message")
