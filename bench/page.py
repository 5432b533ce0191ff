"""What was measured → `docs/benchmarks/cost.md` and its pictures."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from bench.findings import Cell, Findings, Series
from bench.pictures import bars

_WAYS = {
    "pages": "floor: read the pages, do nothing",
    "zero": "floor: the scan with zero rules",
    "scan": "scan",
    "needed": "scan, `fetch: needed`",
    "query": "query, rule by rule",
    "two": "scan, two sidecars",
    "two zero": "floor: the scan with zero rules, two sidecars",
}
_EQUAL = timedelta(minutes=5) * 1_000_000  # a window of so many events of a day, times the events of the day
_ABOUT = (
    "Written by `make bench`; `make bench-all` adds 3 million events and the rest of the grid. One OpenSearch of its "
    "own on the same machine; a day of events drawn from the shared ones, evenly spread; a tick opens a snapshot, "
    "reads the facts of the mapping, searches. Median of *n* repetitions that took turns, each over another part of "
    "the day (least to most). *Cluster* is user and system time of the engine's process, *own* that of the sidecar, a "
    "process of its own; *MB* is what crossed the loopback."
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
    yield from ("", "## Matching alone", "", "Real events of the shared sets, each sixth, in memory.", "")
    yield from _matching(found)
    yield from ("", "## Against what is aimed at", "")
    yield from _aims(found)


def _table(found: Findings) -> Iterator[str]:
    yield "| events in the index | window | rules | way | n | wall, s | cluster, s | own, s | MB | hits | memory, MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for (cell, mode), series in sorted(found.grid.items(), key=lambda item: _place(item[0][0])):
        crossed = statistics.median(series.bytes) / 1e6
        yield (
            f"| {cell.events:,} | {_span(cell.window)} | {cell.rules:,} | {_WAYS[mode]} | {len(series.wall)} | "
            f"{_median(series.wall)} | {_median(series.cluster)} | {_median(series.own)} | "
            f"{crossed:.1f} | {series.last['hits']:,} | {series.last['memory'] / 1e6:.0f} |"
        )


def _place(cell: Cell) -> tuple[int, timedelta, int]:
    return cell.events, cell.window, cell.rules


def _span(window: timedelta) -> str:
    return f"{window / timedelta(minutes=1):.3g} min"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


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
    sweep = found.sweep
    yield (
        f"| a sweep of 7 days in which nothing came late | {len(sweep.wall)} | {_median(sweep.wall)} | "
        f"{_median(sweep.cluster)} | |"
    )
    for run in found.elastalert:
        yield (
            f"| ElastAlert2, {run.title} | 1 | {run.wall:.0f} | {run.cluster:.0f} | {run.ran:,} of {run.rules:,}; "
            f"{run.missed:,} turns missed |"
        )


def _day(found: Findings) -> Iterator[str]:
    yield "| way | wall, s | cluster, s | own, s | events a second | memory of a process, MB | |"
    yield "|---|---|---|---|---|---|---|"
    for mode, series in found.day.items():
        (wall,), (cluster,), (own,) = series.wall, series.cluster, series.own
        memory = series.last["memory"]
        yield _row(_WAYS[mode], (wall, cluster, own), memory, f"{series.last['hits']:,} hits")
    for one in found.backfill:
        many = "1 process" if one.workers == 1 else f"{one.workers} processes"
        said = f"{one.hits:,} hits recorded, {one.alerts:,} alerts opened"
        yield _row(f"`watcher backfill`, {many}", (one.wall, one.cluster, one.own), one.memory, said)


def _row(name: str, seconds: tuple[float, float, float], memory: int, said: str) -> str:
    wall, cluster, own = seconds
    rate = 1_000_000 / wall
    return f"| {name} | {wall:.0f} | {cluster:.0f} | {own:.0f} | {rate:,.0f} | {memory / 1e6:.0f} | {said} |"


def _matching(found: Findings) -> Iterator[str]:
    yield "| what | rules | events | hits | n | events a second of one core |"
    yield "|---|---|---|---|---|---|"
    for one in found.matching:
        middle, least, most = statistics.median(one.rates), min(one.rates), max(one.rates)
        yield (
            f"| {one.what} | {one.rules:,} | {one.events:,} | {one.hits:,} | {len(one.rates)} | "
            f"{middle:,.0f} ({least:,.0f} to {most:,.0f}) |"
        )


def _aims(found: Findings) -> Iterator[str]:
    """Say each aim and what came of it, as ratios within this run."""
    yield "| aim | measured |"
    yield "|---|---|"
    yield f"| all rules over 5 minutes within twice the floor (wall) | {_over_floor(found):.2f} times |"
    for run in found.elastalert[:1]:
        scan = _thousand(found)
        walls, clusters = run.wall / statistics.median(scan.wall), run.cluster / statistics.median(scan.cluster)
        yield f"| 1,000 rules: wall at most 1/200 of ElastAlert2's | 1/{walls:.0f} |"
        yield f"| 1,000 rules: CPU of the cluster at most 1/300 of ElastAlert2's | 1/{clusters:.0f} |"
    sweep, tick = found.sweep, _thousand(found)
    walls = statistics.median(sweep.wall) / statistics.median(tick.wall)
    clusters = statistics.median(sweep.cluster) / statistics.median(tick.cluster)
    yield (
        "| a sweep of 7 days in which nothing came late costs less than a tick of 1,000 rules | "
        f"wall {walls:.2f} times, CPU of the cluster {clusters:.2f} times |"
    )
    yield f"| CPU of the cluster for as many events flat within 1.3 times, whatever the index holds | {_flat(found)} |"
    yield f"| CPU of the cluster flat within 1.3 times from 100 to all rules | {_flat_in_rules(found)} |"
    floor = found.day["zero"].wall[0]
    for one in found.backfill:
        aim = f"backfill of the day, {one.workers} at work, within twice the floor of one process"
        yield f"| {aim} | {one.wall / floor:.2f} times |"
    ticks = max(series.last["memory"] for series in found.grid.values())
    slices = max(one.memory for one in found.backfill)
    yield f"| resident memory of a process under 400 MB | ticks {ticks / 1e6:.0f} MB, backfill {slices / 1e6:.0f} MB |"
    rate = statistics.median(found.matching[0].rates)
    yield f"| matching alone at least 15,000 events a second and core | {rate:,.0f} |"


def _ticks(found: Findings, mode: str) -> Mapping[Cell, Series]:
    return {
        cell: series
        for (cell, way), series in found.grid.items()
        if way == mode and cell.window == timedelta(minutes=5)
    }


def _at(found: Findings, mode: str, rules: int, events: int) -> Series:
    return next(series for cell, series in _ticks(found, mode).items() if (cell.rules, cell.events) == (rules, events))


def _most_rules(found: Findings) -> int:
    return max(cell.rules for cell, _ in found.grid)


def _over_floor(found: Findings) -> float:
    rules = _most_rules(found)
    scan, zero = (_at(found, mode, rules, 1_000_000) for mode in ("scan", "zero"))
    return statistics.median(scan.wall) / statistics.median(zero.wall)


def _thousand(found: Findings) -> Series:
    return _at(found, "scan", 1000, 1_000_000)


def _flat(found: Findings) -> str:
    """Compare windows that hold the same number of events, in indices of several sizes."""
    each = {
        cell.events: statistics.median(series.cluster)
        for (cell, way), series in found.grid.items()
        if way == "scan" and cell.rules == _most_rules(found) and cell.window * cell.events == _EQUAL
    }
    return ", ".join(f"{events:,} in the index: {seconds:.3f} s" for events, seconds in sorted(each.items()))


def _flat_in_rules(found: Findings) -> str:
    each = {
        cell.rules: statistics.median(series.cluster)
        for cell, series in _ticks(found, "scan").items()
        if cell.events == 1_000_000
    }
    return ", ".join(f"{rules:,} rules: {seconds:.3f} s" for rules, seconds in sorted(each.items()))
