"""Arguments in, exit code out."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from watcher.cli import about, events, rules, running, state
from watcher.cli.frame import EXIT_UNREACHABLE, EXIT_WRONG
from watcher.errors import ClusterError, InputError

app = typer.Typer(
    name="watcher",
    help="Sigma detection for Windows logs in Elasticsearch and OpenSearch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (running, rules, events, state, about):
    module.add_to(app)


def main() -> None:
    """Run the command line; a fault that somebody must act on is one sentence and an exit code."""
    console = Console(stderr=True, highlight=False, markup=False)
    try:
        app()
    except InputError as fault:
        console.print(f"watcher: {fault}", soft_wrap=True)
        sys.exit(EXIT_WRONG)
    except ClusterError as fault:
        console.print(f"watcher: {fault}", soft_wrap=True)
        sys.exit(EXIT_UNREACHABLE)
    except KeyboardInterrupt:
        sys.exit(130)
