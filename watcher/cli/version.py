"""`watcher version` and `watcher demo`."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Annotated

import typer

from watcher.cli.common import out
from watcher.errors import WatcherError


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(version)
    app.command()(demo)


def version() -> None:
    """Show the version."""
    out.print(f"sigma-watcher {installed('sigma-watcher')}")


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until Ctrl-C, to look around.")] = False,
) -> None:
    """Show the product on an OpenSearch of its own.

    Starts OpenSearch, indexes events with attacks among them, runs the shipped rules, and shows the alerts, a mail and
    a Slack message.
    """
    try:
        from watcher.demo import show  # noqa: PLC0415 - needs the extra `local`, which other commands do without
    except ModuleNotFoundError as fault:
        raise WatcherError(
            f"the demo needs `{fault.name}`: install it by `pip install 'sigma-watcher[local]'`"
        ) from fault
    show(keep=keep)
