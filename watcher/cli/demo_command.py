"""`watcher demo`."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from watcher.cli.common import configure_log
from watcher.errors import WatcherError


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep OpenSearch running until Ctrl-C.")] = False,
) -> None:
    """Show the product on an OpenSearch of its own.

    Starts OpenSearch, indexes events with attacks among them, runs the shipped rules, and shows the alerts, a mail and
    a Slack message.
    """
    configure_log(as_json=False, level=logging.WARNING)
    try:
        from watcher.demo import show  # noqa: PLC0415 - needs the extra `local`, which other commands do without
    except ModuleNotFoundError as fault:
        raise WatcherError(
            f"the demo needs `{fault.name}`: install it by `pip install '.[local]'` in the root of the checkout"
        ) from fault
    show(keep=keep)
