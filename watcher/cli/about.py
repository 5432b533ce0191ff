"""`watcher version` and `watcher demo`."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Annotated

import typer

from watcher.cli.frame import out


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
    """Start an OpenSearch, feed it events, run the rules, show the alerts, the mail and the Slack message."""
    from watcher.demo import show  # noqa: PLC0415 - needs the extra `local`, which other commands do without

    show(keep=keep)
