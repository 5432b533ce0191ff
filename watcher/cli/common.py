"""What commands share: options, terminals, JSON output and the log."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from watcher.clock import SystemClock
from watcher.errors import SettingsError
from watcher.known_secrets import without_secrets, without_secrets_inside
from watcher.printable import printable_text
from watcher.settings import Settings
from watcher.settings.formats import parse_duration
from watcher.timestamps import parse_timestamp
from watcher.usecases.loading import find_settings

if TYPE_CHECKING:
    from watcher.app import App

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        "-s",
        help="Settings file (default: `./watcher.yml`, then `/etc/watcher/watcher.yml`, then the environment).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]

AsJsonLines = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output: one object a line.")]


class SecretConsole(Console):
    """A terminal that shows no known secret, whatever is printed to it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of what is printed, without secrets; cells of tables come here too."""
        if isinstance(renderable, str):
            renderable = without_secrets(renderable)
        elif isinstance(renderable, Text) and (shown := without_secrets(renderable.plain)) != renderable.plain:
            renderable = Text(shown, style=renderable.style)
        return super().render(renderable, options)


def terminal() -> Console:
    """Return the terminal of results: standard output."""
    return SecretConsole(highlight=False, markup=False)


def error_terminal() -> Console:
    """Return the terminal of messages and progress: standard error."""
    return SecretConsole(stderr=True, highlight=False, markup=False)


def write_json(value: Any) -> None:
    """Write a value for programs; what an event holds is escaped, so that no terminal acts on it."""
    sys.stdout.write(json.dumps(without_secrets_inside(value), indent=2) + "\n")


def write_json_lines(values: Iterable[Any]) -> None:
    """Write each value on a line for programs; what an event holds is escaped, so that no terminal acts on it."""
    for value in values:
        sys.stdout.write(json.dumps(without_secrets_inside(value)) + "\n")


def read_settings(settings_file: Path | None) -> Settings:
    """Read the settings of a command, and write its warnings to standard error."""
    settings = find_settings(settings_file)
    for warning in settings.warnings:
        error_terminal().print(f"watcher: {printable_text(warning)}", style="yellow", soft_wrap=True)
    return settings


@contextmanager
def open_watcher(settings: Settings) -> Iterator[App]:
    """Connect for one command, with warnings in the log, and close the connections afterwards."""
    from watcher.app import open_app  # noqa: PLC0415 - engine clients load slowly

    configure_log(as_json=False, level=logging.WARNING)
    with open_app(settings) as app:
        yield app


def stop_on_signals() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets; the second one ends the process."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def configure_log(*, as_json: bool, level: int) -> None:
    """Send the log to standard error from a level on, one line per event, with values escaped."""
    import structlog  # noqa: PLC0415 - commands without a cluster log nothing

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _escaped,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for noisy in ("apscheduler", "elastic_transport", "opensearch", "urllib3", "apprise"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _escaped(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _printable(value) for key, value in without_secrets_inside(entry).items()}


def _printable(value: Any) -> Any:
    """Return a value of a log event without control characters, at any depth."""
    match value:
        case str():
            return printable_text(value)
        case dict():
            return {_printable(key): _printable(inner) for key, inner in value.items()}
        case list():
            return [_printable(inner) for inner in value]
    return value


def parse_since(text: str) -> datetime:
    """Return the time that `--since` means; raises SettingsError where it is none."""
    timestamp = parse_timestamp(text)
    if timestamp is not None:
        return timestamp
    try:
        return SystemClock().now() - parse_duration(text)
    except ValueError:
        raise SettingsError(
            f"`--since {text}` is neither a duration nor a timestamp", fix="write `24h`, `7d` or `2026-11-01`"
        ) from None
