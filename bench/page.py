"""What was measured → `docs/benchmarks/cost.md` and its pictures."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pictures import bars

if TYPE_CHECKING:
    from bench.cost import Cell, Findings, Series

_WAYS = {
    "pages": "floor: read the pages, do nothing",
    "zero": "floor: the scan with zero rules",
    "scan": "scan",
    "needed": "scan, `fetch: needed`",
    "query": "query, rule by rule",
    "two": "scan, two sidecars",
}
_ABOUT = (
    "Written by `python -m bench cost`. One OpenSearch of its own on the same machine; a day of events drawn from the "
    "shared ones, evenly spread; a tick opens a snapshot, reads the facts of the mapping, searches. Median of *n* "
    "repetitions that took turns (least to most). *Cluster* is user and system time of the engine's process, *own* "
    "that of the sidecar, a process of its own."
)


def write(target: Path, found: Findings) -> None:
    """Write the page and the pictures beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(_lines(found)) + "\n", encoding="utf-8")
    (target.parent / "cost-ways.svg").write_text(
        bars("CPU of the cluster, 1,000 rules, 5 minutes, 1 million events", "s", list(_ways(found))), encoding="utf-8"
    )
    (target.parent / "cost-growth.svg").write_text(
        bars("CPU of the cluster for a scan of 5 minutes", "s", list(_growth(found))), encoding="utf-8"
    )


def _lines(found: Findings) -> Iterator[str]:
    yield from ("# What a search costs", "", _ABOUT, "")
    before, after = found.load
    yield f"- machine: {os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"- load before and after: {before:.1f}, {after:.1f}; above the number of cores, wall times say little"
    for rules, seconds in sorted(found.compiled.items()):
        yield f"- preparing the search for {rules:,} rules once: {seconds:.2f} s"
    yield from ("", "## A tick", "", "![CPU of the cluster by number of rules and events](cost-growth.svg)", "")
    yield from _table(found)
    yield from ("", "## The same tick in other ways: 1,000 rules, 5 minutes, 1 million events", "")
    yield from ("![CPU of the cluster by way](cost-ways.svg)", "")
    yield from _others(found)
    yield from ("", "## A day of 1 million events, all rules", "")
    yield from _day(found)


def _table(found: Findings) -> Iterator[str]:
    yield "| events in the index | window | rules | way | n | wall, s | cluster, s | own, s | hits | memory, MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for (cell, mode), series in sorted(found.grid.items(), key=lambda item: _place(item[0][0])):
        yield (
            f"| {cell.events:,} | {_span(cell.window)} | {cell.rules:,} | {_WAYS[mode]} | {len(series.wall)} | "
            f"{_median(series.wall)} | {_median(series.cluster)} | {_median(series.own)} | "
            f"{series.last['hits']:,} | {series.last['memory'] / 1e6:.0f} |"
        )


def _place(cell: Cell) -> tuple[int, timedelta, int]:
    return cell.events, cell.window, cell.rules


def _span(window: timedelta) -> str:
    return f"{window // timedelta(minutes=1)} min"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _at_thousand(found: Findings) -> Iterator[tuple[str, Series]]:
    for (cell, mode), series in found.grid.items():
        if (cell.rules, cell.window, cell.events) == (1000, timedelta(minutes=5), 1_000_000):
            yield _WAYS[mode], series
    yield from ((_WAYS[mode], series) for mode, series in found.alone.items())


def _ways(found: Findings) -> Iterator[tuple[str, float]]:
    yield from ((name.replace("`", ""), statistics.median(series.cluster)) for name, series in _at_thousand(found))
    yield from ((f"ElastAlert2, {run.title}", run.cluster) for run in found.elastalert)


def _growth(found: Findings) -> Iterator[tuple[str, float]]:
    for (cell, mode), series in sorted(found.grid.items(), key=lambda item: _place(item[0][0])):
        if mode == "scan" and cell.window == timedelta(minutes=5):
            yield f"{cell.rules:,} rules, {cell.events:,} events", statistics.median(series.cluster)


def _others(found: Findings) -> Iterator[str]:
    yield "| way | n | wall, s | cluster, s | rules run |"
    yield "|---|---|---|---|---|"
    for name, series in _at_thousand(found):
        yield f"| {name} | {len(series.wall)} | {_median(series.wall)} | {_median(series.cluster)} | 1,000 |"
    for run in found.elastalert:
        yield (
            f"| ElastAlert2, {run.title} | 1 | {run.wall:.0f} | {run.cluster:.0f} | {run.ran:,} of {run.rules:,}; "
            f"{run.missed:,} turns missed |"
        )


def _day(found: Findings) -> Iterator[str]:
    yield "| way | wall, s | cluster, s | own, s | events a second | memory, MB |"
    yield "|---|---|---|---|---|---|"
    for mode, series in found.day.items():
        wall = statistics.median(series.wall)
        yield (
            f"| {_WAYS[mode]} | {wall:.0f} | {statistics.median(series.cluster):.0f} | "
            f"{statistics.median(series.own):.0f} | {1_000_000 / wall:,.0f} | {series.last['memory'] / 1e6:.0f} |"
        )
