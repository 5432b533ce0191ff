"""Arguments in, exit code out."""

from __future__ import annotations

import logging
import sys

import typer
from rich.console import Console

from watcher.cli import backfill_history as past
from watcher.cli import build_catalogue as catalogue
from watcher.cli import check as checking
from watcher.cli import explain_rule as rules
from watcher.cli import match_files as matching
from watcher.cli import notify_test as events
from watcher.cli import run_sidecar as running
from watcher.cli import run_tests as testing
from watcher.cli import show_status as state
from watcher.cli import version as about
from watcher.cli.common import EXIT_FINDINGS, EXIT_UNREACHABLE, EXIT_WRONG, set_up_log
from watcher.errors import ClusterError, InputError, WatcherError
from watcher.printable import printable_text

app = typer.Typer(
    name="watcher",
    help="Sigma detection for Windows logs in Elasticsearch and OpenSearch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (running, past, checking, rules, testing, matching, catalogue, events, state, about):
    module.add_to(app)


def main() -> None:
    """Run the command line; a fault that somebody must act on is one sentence and an exit code."""
    set_up_log(as_json=False, least=logging.WARNING)
    try:
        app()
    except InputError as fault:
        _leave(fault, EXIT_WRONG)
    except ClusterError as fault:
        _leave(fault, EXIT_UNREACHABLE)
    except WatcherError as fault:
        _leave(fault, EXIT_FINDINGS)
    except KeyboardInterrupt:
        sys.exit(130)


def _leave(fault: WatcherError, code: int) -> None:
    console = Console(stderr=True, highlight=False, markup=False)
    for line in str(fault).splitlines():
        console.print(f"watcher: {printable_text(line)}", soft_wrap=True)
    sys.exit(code)
