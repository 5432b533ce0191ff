"""The command line: arguments in, exit code out; a command's module is imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from watcher.cli.exit_codes import EXIT_FINDINGS, EXIT_INTERRUPTED, EXIT_UNREACHABLE, EXIT_WRONG
from watcher.errors import ClusterError, InputError, WatcherError
from watcher.known_secrets import filter_unexpected_errors

COMMANDS = {
    "run": "Search on schedule, open alerts, and notify.",
    "setup": "Install the index templates and lifecycle policies.",
    "backfill": "Search the past by the same detection as live.",
    "preview": "Show how many alerts a rule would open.",
    "check": "Check rules and settings, and list findings.",
    "explain": "Show the query of a rule, or why it matches an event.",
    "test": "Run the tests beside rules.",
    "except": "Exclude known events from a rule for good.",
    "match": "Match files of events, without a cluster.",
    "catalogue": "Write a site of all rules, to open in a browser.",
    "attack": "Write a table of ATT&CK's names for the catalogue.",
    "routes": "Draw the tree of routes, or show which route an alert takes.",
    "notify": "Send a test message to one channel.",
    "render": "Render a message by its templates, without sending it.",
    "status": "Show what was searched, and what is pending.",
    "alerts": "Show the newest alerts.",
    "ack": "Acknowledge alerts: somebody works on them.",
    "close": "Close alerts, with a reason.",
    "reopen": "Open alerts again that were acknowledged or closed.",
    "comment": "Add a comment to the history of alerts.",
    "assign": "Assign alerts to somebody.",
    "silence": "Send no messages about some alerts for a time.",
    "silences": "List silences, and how many alerts each has held back.",
    "resend": "Send again what was given up.",
    "schema": "Write the JSON schema of settings files for editors.",
    "version": "Show the version.",
    "demo": "Show the product on an OpenSearch of its own.",
}
"""Every command with the first sentence of its help, in the order of `watcher --help`.

The command `x` is the function `x` of the module `watcher.cli.x_command`, unless `_FUNCTIONS` names another.
"""

_FUNCTIONS = {
    "except": "except_rule",  # a word of Python
    "test": "run_tests",  # a function called `test` would be taken for a test
}


def load_command(name: str) -> Any:
    """Import a command, and return it as a Typer command."""
    function = getattr(import_module(f"watcher.cli.{name}_command"), _FUNCTIONS.get(name, name))
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    single.command(name)(function)
    return typer.main.get_command(single)


class LazyGroup(TyperGroup):
    """A group of commands that imports the called command alone, and none for its own help."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # names alone, for suggestions on typos

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer's signature
        """Import a command; returns None where there is none of that name."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the list of commands without an import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="watcher",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's signature of a callback
    if wanted:
        from watcher.cli.version_command import version  # noqa: PLC0415 - package metadata loads slowly

        version()
        raise typer.Exit


@app.callback()
def watcher(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sigma detection for Windows logs in Elasticsearch and OpenSearch."""


def main() -> None:
    """Run the command line; an error that somebody must act on becomes one sentence and an exit code."""
    filter_unexpected_errors()
    try:
        app()
    except InputError as fault:
        _exit(fault, EXIT_WRONG)
    except ClusterError as fault:
        _exit(fault, EXIT_UNREACHABLE)
    except WatcherError as fault:
        _exit(fault, EXIT_FINDINGS)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _exit(fault: WatcherError, code: int) -> None:
    from watcher.cli.common import error_terminal  # noqa: PLC0415 - Rich is loaded where it is needed
    from watcher.printable import printable_text  # noqa: PLC0415 - the same

    terminal = error_terminal()
    for line in str(fault).splitlines():
        terminal.print(f"watcher: {printable_text(line)}", soft_wrap=True)
    sys.exit(code)
