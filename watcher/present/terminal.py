"""What a terminal shows: text that attackers wrote as data, levels in colour, and alerts as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.event_files.nested_json import loads
from watcher.notify.event_texts import event_details, event_texts
from watcher.ports import StoredDocument
from watcher.printable import printable_text

LEVEL_STYLES: Mapping[str, str] = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}
_OWED_STYLES: Mapping[str, str] = {"sent": "green", "failed": "bold red"}
_LONGEST = 240  # characters of a command line
_DETAILS = 3  # values told of an event that starts no process


def cell(text: object, *, style: str = "") -> Text:
    """Make a table's cell out of any text."""
    return Text(printable_text(text), style=style)


def table(*columns: str, title: str | None = None) -> Table:
    """Make an empty table."""
    made = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def alerts_table(found: Sequence[StoredDocument], *, title: str | None = None) -> Table:
    """Show alerts: each a few lines, so that a command line has room on a narrow terminal too."""
    made = Table(title=title, title_justify="left", header_style="bold", show_lines=True)
    made.add_column("time (UTC)", no_wrap=True)
    made.add_column("level", no_wrap=True)
    made.add_column("what happened", overflow="fold")
    made.add_column("told", overflow="fold")
    for one in found:
        level = one.document["watcher"]["rule"]["level"]
        made.add_row(
            _when(one.document),
            cell(level, style=LEVEL_STYLES.get(level, "")),
            _happened(one.document),
            _told(one.document),
        )
    return made


def _when(document: Mapping[str, Any]) -> Text:
    day, _, time = str(document["@timestamp"]).partition("T")
    return Text("\n").join((cell(day), cell(time[:8])))


def _happened(document: Mapping[str, Any]) -> Text:
    who = [value for value in (_at(document, "host", "name"), _at(document, "user", "name")) if value]
    lines = [cell(_at(document, "rule", "name"), style="bold"), cell(", ".join(who), style="dim")]
    lines.extend(cell(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…") for line in _did(document))
    return Text("\n").join(line for line in lines if line)


def _did(document: Mapping[str, Any]) -> Iterator[str]:
    """Tell what was run, or where nothing was, what the event says."""
    ran = _at(document, "process", "command_line") or _at(document, "process", "executable")
    if ran:
        yield ran
        return
    try:
        event = loads(_at(document, "event", "original"))
    except ValueError:
        return
    for name, value in event_details(event_texts(event))[:_DETAILS]:
        yield f"{name}: {value}"


def _at(document: Mapping[str, Any], group: str, name: str) -> str:
    return str(document.get(group, {}).get(name) or "")


def _told(document: Mapping[str, Any]) -> Text:
    owed = document["watcher"].get("owed", ())
    lines = (
        cell(f"{delivery['channel']} {delivery['state']}", style=_OWED_STYLES.get(delivery["state"], "yellow"))
        for delivery in owed
    )
    return Text("\n").join(lines)
