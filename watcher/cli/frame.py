"""What every command shares: options, exit codes and the log."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from watcher.show.terminal import printable

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


def write_json(value: Any) -> None:
    """Write a value for programs: what an event holds is escaped, so that no terminal acts on it."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def set_up_log(*, as_json: bool, least: int) -> None:
    """Send the log to standard error from a level on, a line an event; values are data."""
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
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for noisy in ("apscheduler", "elastic_transport", "opensearch", "urllib3", "apprise"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _as_data(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: printable(value) if isinstance(value, str) else value for key, value in entry.items()}
