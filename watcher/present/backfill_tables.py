"""The outcome of a backfill as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from watcher.model import RuleMetadata, Window
from watcher.present.sparkline import sparkline
from watcher.present.terminal import LEVEL_STYLES, cell, table
from watcher.printable import printable_text
from watcher.usecases.backfill import BackfillReport

_MOST_BARS = 24  # of a row: beside a title there is room for no more
_MOST_RULES = 50
_MOST_FAILURES = 10


def backfill_json(report: BackfillReport) -> dict[str, Any]:
    """Return the outcome for one source as JSON."""
    window, progress = report.window, report.progress
    return {
        "source": report.job.source,
        "job": report.job.id,
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "finished": progress.finished,
        "events": progress.events,
        "hits_recorded": progress.hits,
        "alerts_opened": progress.alerts,
        "hits_by_rule_and_day": progress.by_rule,
        "unsearchable": [{"index": entry.index, "reason": entry.reason} for entry in report.unsearchable],
        "failed": [{"start": part.start.isoformat(), "error": error} for part, error in progress.failed.items()],
    }


def print_backfill(console: Console, report: BackfillReport) -> None:
    """Print the hits of each rule, the totals, and what was not searched or not sent."""
    window, progress = report.window, report.progress
    if progress.by_rule:
        console.print(rules_by_day_table(window, progress.by_rule, report.rules))
    days = window.length / timedelta(days=1)
    rules = len(report.rules)
    rate = rules * days / max(report.seconds, 0.001)
    console.print(
        f"{progress.events:,} events, {progress.matched:,} hits ({progress.hits:,} new), "
        f"{progress.alerts:,} alerts opened; {rules:,} rules over {days:,.2f} days "
        f"in {report.seconds:,.1f} s ({rate:,.0f} rule-days/s)",
        soft_wrap=True,
    )
    for part, error in list(progress.failed.items())[:_MOST_FAILURES]:
        console.print(cell(f"not searched: {part}: {error}", style="yellow"), soft_wrap=True)
    for entry in report.unsearchable:
        sentence = f"not searched: {entry}; run the same command again when it can be"
        console.print(cell(sentence, style="yellow"), soft_wrap=True)
    for refused in report.refused:
        sentence = f"`{refused.channel}` did not accept the digest: {printable_text(refused.error)}"
        console.print(cell(sentence, style="red"), soft_wrap=True)
    if not progress.finished:
        console.print("not finished: run the same command again to resume")


def rules_by_day_table(
    window: Window, by_rule: Mapping[str, Mapping[str, int]], rules: Mapping[str, RuleMetadata]
) -> Table:
    """Show the hits of each rule, those with most hits first."""
    days = days_of_window(window)
    shown = table("rule", "level", "hits", "days", f"{days[0][2:]} .. {days[-1][2:]}")
    shown.columns[2].justify = shown.columns[3].justify = "right"
    shown.columns[4].no_wrap = True
    totals = Counter({name: sum(counts.values()) for name, counts in by_rule.items()})
    for name, hits in totals.most_common(_MOST_RULES):
        rule = rules.get(name)
        level = str(rule.level) if rule is not None else ""
        shown.add_row(
            cell(rule.title if rule is not None else name),
            cell(level, style=LEVEL_STYLES.get(level, "")),
            f"{hits:,}",
            f"{sum(count > 0 for count in by_rule[name].values()):,}",
            bars_by_day(days, by_rule[name]),
        )
    if len(totals) > _MOST_RULES:
        shown.add_row(f"… and {len(totals) - _MOST_RULES:,} more rules", "", "", "", "")
    return shown


def days_of_window(window: Window) -> tuple[str, ...]:
    """Return the days of a window in UTC."""
    start, end = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    return tuple(str(start + timedelta(days=number)) for number in range((end - start).days + 1))


def bars_by_day(days: Sequence[str], hits: Mapping[str, int]) -> str:
    """Draw hits per day, several days to a bar where there are many."""
    width = -(-len(days) // _MOST_BARS)
    sums = [sum(hits.get(day, 0) for day in days[start : start + width]) for start in range(0, len(days), width)]
    return sparkline(sums)
