"""A preview as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watcher.counted_nouns import counted
from watcher.model import Hit
from watcher.present.rule_json import rule_json
from watcher.present.terminal import cell, table
from watcher.timestamps import format_timestamp
from watcher.usecases.preview import Preview

_MOST_VALUES = 10  # rows of a table
_MOST_VALUES_JSON = 100
_WIDEST = 30  # characters of a bar
_LONGEST = 400  # characters of a command line


def preview_json(preview: Preview) -> dict[str, Any]:
    """Return a preview as JSON."""
    return {
        "rule": rule_json(preview.rule),
        "hits": preview.hits,
        "alerts": preview.alerts,
        "undecided": preview.undecided,
        "unsearchable": [{"index": entry.index, "reason": entry.reason} for entry in preview.unsearchable],
        "days": dict(preview.days),
        "hosts": _first(preview.hosts),
        "users": _first(preview.users),
        "parents": _first(preview.parents),
        "samples": [hit.event for hit in preview.samples],
    }


def _first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(islice(counts.items(), _MOST_VALUES_JSON))


def print_preview(console: Console, preview: Preview) -> None:
    """Print hits per day, the most frequent values, and some events."""
    console.print(cell(preview.rule.title, style="bold"))
    days = len(preview.days)
    hits, alerts = counted(preview.hits, "hit"), counted(preview.alerts, "alert")
    console.print(f"{hits} in {counted(days, 'day')}, which would have opened {alerts}\n")
    if preview.undecided:
        console.print(f"{preview.undecided:,} events are undecided: the rule takes too long on them\n", style="yellow")
    for entry in preview.unsearchable:
        console.print(cell(f"not searched: {entry}", style="yellow"), soft_wrap=True)
    console.print(days_table(preview.days))
    values = (("host", preview.hosts), ("user", preview.users), ("parent process", preview.parents))
    for name, counts in values:
        if counts:
            console.print(values_table(name, counts))
    _print_samples(console, preview.samples)


def days_table(days: Mapping[str, int], *, unit: str = "hits") -> Table:
    """Show hits, or what else is counted, per day with a bar."""
    most = max(days.values(), default=0)
    shown = table("day (UTC)", unit, "")
    shown.columns[1].justify = "right"
    for day, hits in sorted(days.items()):
        shown.add_row(day, f"{hits:,}", "█" * -(-hits * _WIDEST // most) if hits else "")
    return shown


def values_table(name: str, counts: Mapping[str, int], *, unit: str = "hits") -> Table:
    """Show the most frequent values; `counts` are in that order."""
    shown = table(name, unit)
    shown.columns[1].justify = "right"
    for value, hits in islice(counts.items(), _MOST_VALUES):
        shown.add_row(cell(value), f"{hits:,}")
    if len(counts) > _MOST_VALUES:
        shown.add_row(cell(f"… and {len(counts) - _MOST_VALUES:,} more"), "")
    return shown


def _print_samples(console: Console, samples: Sequence[Hit]) -> None:
    for hit in samples:
        summary = hit.summary
        command = summary.command_line or summary.process
        time = cell(format_timestamp(hit.time), style="dim")
        console.print(Text("  ").join((time, cell(summary.host), cell(summary.account))))
        if command:
            console.print(Text.assemble("  ", cell(command[:_LONGEST])))
