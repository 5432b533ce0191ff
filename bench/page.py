"""From measurements to `docs/benchmarks/cost.md` and its pictures."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from bench.measurements import Cell, Measurements, Series
from bench.pictures import bars

_SEARCHES = {
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
    "reads the mapping, searches. Median of *n* repetitions that took turns, each over another part of "
    "the day (least to most). *Cluster* is user and system time of the engine's process, *own* that of the sidecar, a "
    "process of its own; *MB* is what crossed the loopback."
)


def write(target: Path, measurements: Measurements) -> None:
    """Write the page and the pictures beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(_lines(measurements)) + "\n", encoding="utf-8")
    (target.parent / "cost-searches.svg").write_text(
        bars("CPU of the cluster, 1,000 rules, 5 minutes, 1 million events", "s", list(_searches(measurements))),
        encoding="utf-8",
    )
    (target.parent / "cost-growth.svg").write_text(
        bars("CPU of the cluster for a scan of 5 minutes", "s", list(_growth(measurements))), encoding="utf-8"
    )


def _lines(measurements: Measurements) -> Iterator[str]:
    yield from ("# What a search costs", "", _ABOUT, "")
    before, after = measurements.load
    yield f"- machine: {os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"- load before and after: {before:.1f}, {after:.1f}; above the number of cores, wall times say little"
    for rules, seconds in sorted(measurements.compiled.items()):
        yield f"- preparing the search for {rules:,} rules once: {seconds:.2f} s"
    yield from ("", "## A tick", "", "![CPU of the cluster by number of rules and events](cost-growth.svg)", "")
    yield from _table(measurements)
    yield from ("", "## The same window searched otherwise: 1,000 rules, 5 minutes, 1 million events", "")
    yield from ("![CPU of the cluster by search](cost-searches.svg)", "")
    yield from _others(measurements)
    yield from ("", "## A day of 1 million events, all rules", "")
    yield from _day(measurements)
    yield from ("", "## Matching alone", "", "Real events of the shared sets, each sixth, in memory.", "")
    yield from _matching(measurements)
    yield from ("", "## Aims", "")
    yield from _aims(measurements)


def _table(measurements: Measurements) -> Iterator[str]:
    yield (
        "| events in the index | window | rules | search | n | wall, s | cluster, s | own, s | MB | hits | memory, MB |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for (cell, mode), series in sorted(measurements.grid.items(), key=lambda item: _cell_order(item[0][0])):
        crossed = statistics.median(series.bytes) / 1e6
        yield (
            f"| {cell.events:,} | {_span(cell.window)} | {cell.rules:,} | {_SEARCHES[mode]} | {len(series.wall)} | "
            f"{_median(series.wall)} | {_median(series.cluster)} | {_median(series.own)} | "
            f"{crossed:.1f} | {series.last['hits']:,} | {series.last['memory'] / 1e6:.0f} |"
        )


def _cell_order(cell: Cell) -> tuple[int, timedelta, int]:
    return cell.events, cell.window, cell.rules


def _span(window: timedelta) -> str:
    return f"{window / timedelta(minutes=1):.3g} min"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _at_thousand(measurements: Measurements) -> Iterator[tuple[str, Series]]:
    for (cell, mode), series in measurements.grid.items():
        if (cell.rules, cell.window, cell.events) == (1000, timedelta(minutes=5), 1_000_000):
            yield _SEARCHES[mode], series
    yield from ((_SEARCHES[mode], series) for mode, series in measurements.alone.items())


def _searches(measurements: Measurements) -> Iterator[tuple[str, float]]:
    yield from (
        (name.replace("`", ""), statistics.median(series.cluster)) for name, series in _at_thousand(measurements)
    )
    yield from ((f"ElastAlert2, {run.title}", run.cluster) for run in measurements.elastalert)


def _growth(measurements: Measurements) -> Iterator[tuple[str, float]]:
    for (cell, mode), series in sorted(measurements.grid.items(), key=lambda item: _cell_order(item[0][0])):
        if mode == "scan" and cell.window == timedelta(minutes=5):
            yield f"{cell.rules:,} rules, {cell.events:,} events", statistics.median(series.cluster)


def _others(measurements: Measurements) -> Iterator[str]:
    yield "| search | n | wall, s | cluster, s | rules run |"
    yield "|---|---|---|---|---|"
    for name, series in _at_thousand(measurements):
        yield f"| {name} | {len(series.wall)} | {_median(series.wall)} | {_median(series.cluster)} | 1,000 |"
    check = measurements.late_event_check
    yield (
        f"| a late-event check of 7 days without late events | {len(check.wall)} | {_median(check.wall)} | "
        f"{_median(check.cluster)} | |"
    )
    for run in measurements.elastalert:
        yield (
            f"| ElastAlert2, {run.title} | 1 | {run.wall:.0f} | {run.cluster:.0f} | {run.ran:,} of {run.rules:,}; "
            f"{run.missed:,} turns missed |"
        )


def _day(measurements: Measurements) -> Iterator[str]:
    yield "| search | wall, s | cluster, s | own, s | events a second | memory of a process, MB | |"
    yield "|---|---|---|---|---|---|---|"
    for mode, series in measurements.day.items():
        (wall,), (cluster,), (own,) = series.wall, series.cluster, series.own
        memory = series.last["memory"]
        yield _row(_SEARCHES[mode], (wall, cluster, own), memory, f"{series.last['hits']:,} hits")
    for run in measurements.backfill:
        many = "1 process" if run.workers == 1 else f"{run.workers} processes"
        results = f"{run.hits:,} hits recorded, {run.alerts:,} alerts opened"
        yield _row(f"`watcher backfill`, {many}", (run.wall, run.cluster, run.own), run.memory, results)


def _row(name: str, seconds: tuple[float, float, float], memory: int, results: str) -> str:
    wall, cluster, own = seconds
    rate = 1_000_000 / wall
    return f"| {name} | {wall:.0f} | {cluster:.0f} | {own:.0f} | {rate:,.0f} | {memory / 1e6:.0f} | {results} |"


def _matching(measurements: Measurements) -> Iterator[str]:
    yield "| what | rules | events | hits | n | events a second of one core |"
    yield "|---|---|---|---|---|---|"
    for rate in measurements.matching:
        middle, least, most = statistics.median(rate.rates), min(rate.rates), max(rate.rates)
        yield (
            f"| {rate.what} | {rate.rules:,} | {rate.events:,} | {rate.hits:,} | {len(rate.rates)} | "
            f"{middle:,.0f} ({least:,.0f} to {most:,.0f}) |"
        )


def _aims(measurements: Measurements) -> Iterator[str]:
    """Yield each aim and its result, as ratios within this run."""
    yield "| aim | measured |"
    yield "|---|---|"
    yield f"| all rules over 5 minutes within twice the floor (wall) | {_over_floor(measurements):.2f} times |"
    for run in measurements.elastalert[:1]:
        scan = _thousand(measurements)
        walls, clusters = run.wall / statistics.median(scan.wall), run.cluster / statistics.median(scan.cluster)
        yield f"| 1,000 rules: wall at most 1/200 of ElastAlert2's | 1/{walls:.0f} |"
        yield f"| 1,000 rules: CPU of the cluster at most 1/300 of ElastAlert2's | 1/{clusters:.0f} |"
    late_event_check, tick = measurements.late_event_check, _thousand(measurements)
    walls = statistics.median(late_event_check.wall) / statistics.median(tick.wall)
    clusters = statistics.median(late_event_check.cluster) / statistics.median(tick.cluster)
    yield (
        "| a late-event check of 7 days without late events costs less than a tick of 1,000 rules | "
        f"wall {walls:.2f} times, CPU of the cluster {clusters:.2f} times |"
    )
    yield f"| CPU of the cluster for as many events flat within 1.3 times in any index | {_flat(measurements)} |"
    yield f"| CPU of the cluster flat within 1.3 times from 100 to all rules | {_flat_in_rules(measurements)} |"
    floor = measurements.day["zero"].wall[0]
    for backfill in measurements.backfill:
        aim = f"backfill of the day, {backfill.workers} workers, within twice the floor of a process"
        yield f"| {aim} | {backfill.wall / floor:.2f} times |"
    ticks = max(series.last["memory"] for series in measurements.grid.values())
    slices = max(backfill.memory for backfill in measurements.backfill)
    yield f"| resident memory of a process under 400 MB | ticks {ticks / 1e6:.0f} MB, backfill {slices / 1e6:.0f} MB |"
    rate = statistics.median(measurements.matching[0].rates)
    yield f"| matching alone at least 15,000 events a second and core | {rate:,.0f} |"


def _ticks(measurements: Measurements, mode: str) -> Mapping[Cell, Series]:
    return {
        cell: series
        for (cell, cell_mode), series in measurements.grid.items()
        if cell_mode == mode and cell.window == timedelta(minutes=5)
    }


def _at(measurements: Measurements, mode: str, rules: int, events: int) -> Series:
    return next(
        series for cell, series in _ticks(measurements, mode).items() if (cell.rules, cell.events) == (rules, events)
    )


def _most_rules(measurements: Measurements) -> int:
    return max(cell.rules for cell, _ in measurements.grid)


def _over_floor(measurements: Measurements) -> float:
    rules = _most_rules(measurements)
    scan, zero = (_at(measurements, mode, rules, 1_000_000) for mode in ("scan", "zero"))
    return statistics.median(scan.wall) / statistics.median(zero.wall)


def _thousand(measurements: Measurements) -> Series:
    return _at(measurements, "scan", 1000, 1_000_000)


def _flat(measurements: Measurements) -> str:
    """Compare windows that hold the same number of events, in indices of several sizes."""
    each = {
        cell.events: statistics.median(series.cluster)
        for (cell, mode), series in measurements.grid.items()
        if mode == "scan" and cell.rules == _most_rules(measurements) and cell.window * cell.events == _EQUAL
    }
    return ", ".join(f"{events:,} in the index: {seconds:.3f} s" for events, seconds in sorted(each.items()))


def _flat_in_rules(measurements: Measurements) -> str:
    each = {
        cell.rules: statistics.median(series.cluster)
        for cell, series in _ticks(measurements, "scan").items()
        if cell.events == 1_000_000
    }
    return ", ".join(f"{rules:,} rules: {seconds:.3f} s" for rules, seconds in sorted(each.items()))
