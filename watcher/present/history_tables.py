"""Backfills and previews in the terminal: hits per day as bars, and who stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watcher.model import Event, Rule, Window
from watcher.notify.event_texts import COMMAND_LINE, HOST, PROCESS, event_texts, first_value, user_name
from watcher.present.sparkline import sparkline
from watcher.present.terminal import LEVEL_STYLES, cell, table

_WIDEST = 24  # bars of a row: beside a title there is room for no more
_MOST_RULES = 50


def days_in(window: Window) -> tuple[str, ...]:
    """Name the days of a window in UTC."""
    start, end = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    return tuple(str(start + timedelta(days=number)) for number in range((end - start).days + 1))


def per_day(days: Sequence[str], hits: Mapping[str, int]) -> str:
    """Draw hits a day, several days to a bar where there are many."""
    width = -(-len(days) // _WIDEST)
    sums = [sum(hits.get(day, 0) for day in days[at : at + width]) for at in range(0, len(days), width)]
    return sparkline(sums)


def hits_table(window: Window, by_rule: Mapping[str, Mapping[str, int]], rules: Mapping[str, Rule]) -> Table:
    """Show the hits of each rule, those with most first."""
    days = days_in(window)
    shown = table("rule", "level", "hits", "days", f"{days[0][2:]} .. {days[-1][2:]}")
    shown.columns[2].justify = shown.columns[3].justify = "right"
    shown.columns[4].no_wrap = True
    totals = Counter({name: sum(told.values()) for name, told in by_rule.items()})
    for name, hits in totals.most_common(_MOST_RULES):
        rule = rules.get(name)
        level = str(rule.level) if rule is not None else ""
        shown.add_row(
            cell(rule.title if rule is not None else name),
            cell(level, style=LEVEL_STYLES.get(level, "")),
            f"{hits:,}",
            f"{sum(count > 0 for count in by_rule[name].values()):,}",
            per_day(days, by_rule[name]),
        )
    if len(totals) > _MOST_RULES:
        shown.add_row(f"… and {len(totals) - _MOST_RULES:,} more rules", "", "", "", "")
    return shown


def days_table(days: Mapping[str, int]) -> Table:
    """Show hits a day with a bar."""
    most = max(days.values(), default=0)
    shown = table("day (UTC)", "hits", "")
    shown.columns[1].justify = "right"
    for day, hits in sorted(days.items()):
        shown.add_row(day, f"{hits:,}", "█" * -(-hits * 30 // most) if hits else "")
    return shown


def top_table(name: str, counted: Counter[str], most: int = 10) -> Table:
    """Show the commonest values."""
    shown = table(name, "hits")
    shown.columns[1].justify = "right"
    for value, hits in counted.most_common(most):
        shown.add_row(cell(value), f"{hits:,}")
    if len(counted) > most:
        shown.add_row(cell(f"… and {len(counted) - most:,} more"), "")
    return shown


def show_samples(console: Console, samples: Sequence[Event]) -> None:
    """Show some events, a few lines each."""
    for event in samples:
        found = event_texts(event)
        line = first_value(found, COMMAND_LINE) or first_value(found, PROCESS)
        when = first_value(found, ("@timestamp",))
        console.print(
            Text.assemble(cell(when, style="dim"), "  ", cell(first_value(found, HOST)), "  ", cell(user_name(found)))
        )
        if line:
            console.print(Text.assemble("  ", cell(line[:400])))
