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

from watcher import app as wiring
from watcher.errors import InputError
from watcher.model import Rule
from watcher.printable import printable_text
from watcher.settings import Settings

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
    return {key: printable_text(value) if isinstance(value, str) else value for key, value in entry.items()}


def find_rule(wanted: str, settings: Settings) -> Rule:
    """Find a rule by its file, id, title or path; raises InputError where none or several are meant."""
    path = Path(wanted)
    rules = wiring.load_rules(settings, (path,)) if path.is_file() else wiring.load_rules(settings)
    if path.is_file():
        if rules.rules:
            return rules.rules[0]
        first = rules.findings[0]
        raise InputError(first.message, location=first.location, fix=first.fix)
    names = [one for one in rules.rules if wanted.lower() in (one.id.lower(), one.title.lower(), one.path.lower())]
    if len(names) == 1:
        return names[0]
    close = [one for one in rules.rules if wanted.lower() in one.title.lower() or wanted.lower() in one.path.lower()]
    if not names and len(close) == 1:
        return close[0]
    several = ", ".join(f"`{one.path}`" for one in (names or close)[:5])
    raise InputError(
        f"`{wanted}` names {'several rules' if several else 'no rule'}",
        fix=f"take one of {several}" if several else "give a file, an id, a title or a path",
    )
