"""What became of the hits of many alerts, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from watcher.counted_nouns import counted
from watcher.delivery.delivery_totals import DeliveryTotals
from watcher.present.terminal import cell, table


def delivery_totals_lines(totals: DeliveryTotals) -> Iterator[RenderableType]:
    """Yield the sums of delivery records: on each channel, the outcomes sum up to the hits."""
    yield cell(
        f"{counted(totals.alerts, 'alert')} with {counted(totals.hits, 'hit')}; no channel hears of {totals.unrouted:,}"
    )
    if not totals.channels:
        return
    shown = table("channel", "hits", *totals.outcomes)
    for channel, counts in sorted(totals.channels.items()):
        shown.add_row(cell(channel), f"{counts.total():,}", *(f"{counts[outcome]:,}" for outcome in totals.outcomes))
    yield shown


def delivery_totals_json(totals: DeliveryTotals) -> dict[str, Any]:
    """Return the sums of delivery records as JSON; outcomes without hits are left out."""
    return {
        "alerts": totals.alerts,
        "hits": totals.hits,
        "alerts_without_channels": totals.unrouted,
        "channels": {
            channel: {"hits": counts.total(), **{str(name): counts[name] for name in totals.outcomes if counts[name]}}
            for channel, counts in sorted(totals.channels.items())
        },
    }
