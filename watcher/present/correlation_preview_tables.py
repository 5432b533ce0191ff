"""A preview of a correlation rule as tables and as JSON."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rich.console import Console

from watcher.correlate.correlation_texts import group_values_text
from watcher.counted_nouns import counted
from watcher.model.correlation_hits import CorrelationHit
from watcher.present.correlation_tables import correlated_json
from watcher.present.preview_tables import days_table, values_table
from watcher.present.rule_json import rule_json
from watcher.present.terminal import cell
from watcher.timestamps import format_since_1970
from watcher.usecases.preview_correlation import CorrelationPreview

_MOST_GROUPS = 100


def correlation_preview_json(preview: CorrelationPreview) -> dict[str, Any]:
    """Return a preview as JSON."""
    return {
        "rule": rule_json(preview.rule),
        "hits": preview.hits,
        "alerts": preview.alerts,
        "waiting": preview.waiting,
        "undecided": preview.undecided,
        "unsearchable": [{"index": entry.index, "reason": entry.reason} for entry in preview.unsearchable],
        "days": dict(preview.days),
        "groups": dict(islice(preview.groups.items(), _MOST_GROUPS)),
        "base_hits": dict(preview.base_hits),
        "samples": [correlated_json(hit, preview.rule, preview.titles) for hit in preview.samples],
    }


def print_correlation_preview(console: Console, preview: CorrelationPreview) -> None:
    """Print alerts per day and group, and some hits."""
    console.print(cell(preview.rule.title, style="bold"))
    hits, alerts = counted(preview.hits, "hit"), counted(preview.alerts, "alert")
    console.print(f"{hits} in {counted(len(preview.days), 'day')}, which would have opened {alerts}\n")
    if preview.waiting:
        console.print(f"{preview.waiting:,} matches wait: later events could still end them\n", style="yellow")
    if preview.undecided:
        console.print(
            f"{preview.undecided:,} events are undecided: a base rule takes too long on them\n", style="yellow"
        )
    for entry in preview.unsearchable:
        console.print(cell(f"not searched: {entry}", style="yellow"), soft_wrap=True)
    console.print(days_table(preview.days, unit="alerts"))
    if preview.groups:
        console.print(values_table("group", preview.groups, unit="alerts"))
    console.print(values_table("base rule", preview.base_hits, unit="events"))
    for hit in preview.samples:
        console.print(cell(_sample(hit)), soft_wrap=True)


def _sample(hit: CorrelationHit) -> str:
    first, last = (format_since_1970(at) for at in (hit.first, hit.last))
    return f"{last}  {group_values_text(hit.group)}  since {first}: {sum(hit.counts.values()):,} events"
