"""`watcher notify`."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from watcher.cli.common import SettingsFile, configure_log, read_settings, terminal
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.errors import DeliveryError
from watcher.printable import printable_text
from watcher.usecases.send_test_message import send_test_message


def notify(
    channel: Annotated[str, typer.Argument(help="Name of the channel in settings.")],
    *,
    settings_file: SettingsFile = None,
) -> None:
    """Send a test message to one channel.

    The exit code is 1 if the channel does not accept it.
    """
    configure_log(as_json=False, level=logging.WARNING)
    settings = read_settings(settings_file)
    try:
        send_test_message(channel, settings)
    except DeliveryError as fault:
        terminal().print(f"`{channel}` did not accept the test message: {printable_text(fault)}", soft_wrap=True)
        raise typer.Exit(EXIT_FINDINGS) from fault
    terminal().print(f"`{channel}` accepted the test message")
