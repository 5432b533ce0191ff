"""Parts of terminal output: escaped text, tables, and the colours of levels."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from watcher.printable import printable_text

LEVEL_STYLES: Mapping[str, str] = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}
_LONGEST = 240  # characters of a command line


def cell(text: object, *, style: str = "") -> Text:
    """Return text as a cell; control characters that attackers wrote are escaped."""
    return Text(printable_text(text), style=style)


def shortened(line: str) -> str:
    """Return the start of a long line, with an ellipsis."""
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table."""
    shown = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown
