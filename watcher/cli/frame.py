"""What every command shares: options, exit codes, the log, and text that a terminal may be shown."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

EXIT_FINE = 0
EXIT_FINDINGS = 1
EXIT_WRONG = 2
EXIT_UNREACHABLE = 3

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", "-s", help="watcher.yml; else ./watcher.yml, /etc/watcher/watcher.yml, environment."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]

out = Console(highlight=False, markup=False)


def printable(text: object) -> str:
    """Show a text as data: control characters, those that turn its direction too, are written out."""
    return "".join(
        one if one.isprintable() or one == " " else f"\\x{ord(one):02x}" if ord(one) < 256 else f"\\u{ord(one):04x}"
        for one in str(text)
    )


def cell(text: object, *, style: str = "") -> Text:
    """Make a table's cell out of any text."""
    return Text(printable(text), style=style)


def table(*columns: str, title: str | None = None) -> Table:
    """Make an empty table."""
    made = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def write_json(value: Any) -> None:
    """Write a value for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


LEVEL_STYLES: Mapping[str, str] = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}


def set_up_log(*, as_json: bool) -> None:
    """Send the log to standard error, a line an event; values are data."""
    rendering: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _as_data,
            rendering,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for noisy in ("apscheduler", "elastic_transport", "opensearch", "urllib3", "apprise"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _as_data(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: printable(value) if isinstance(value, str) else value for key, value in entry.items()}
