"""The cost of a window for cluster and sidecar, compared with its minimum, queries and ElastAlert2."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bench import backfill, corpus, elastalert, filled, late_event_check, matching, page
from bench.measurements import Cell, Measurements, SearchResult, Series, Spent
from bench.sidecar import Sidecar
from watcher.cluster.connections import connect
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
from watcher.settings import Cluster

REPEATS = 7
STARTS = tuple(filled.DAY + timedelta(hours=3) * (turn + 1) for turn in range(REPEATS))
NOON = filled.DAY + timedelta(hours=12)
MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)
_RUNTIME = Runtime(options="-Xms1g -Xmx2g")
_OF_PROCESS = 2  # the kind of clock, as `clock_getcpuclockid` names it: all that the scheduler gave all its threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An engine that holds a day of events, in several sizes."""

    url: str
    pid: int
    data: Path
    sizes: Mapping[str, int]  # index → events of a day

    def cpu(self) -> float:
        """Return the seconds of CPU that the engine has used so far.

        By the clock that Linux keeps for each process, to the nanosecond: `/proc` counts in hundredths of a second.
        """
        return time.clock_gettime((~self.pid << 3) | _OF_PROCESS)

    def spent(self) -> Spent:
        """Return the totals so far; the difference of two calls is the cost of a measurement."""
        lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
        loopback = next(line.split(":")[1].split() for line in lines if line.strip().startswith("lo:"))
        return Spent(cluster=self.cpu(), bytes=int(loopback[0]))


def measure(data: Path, target: Path, *, everything: bool) -> int:
    """Start an engine, fill it, measure and write the page."""
    sizes = {"winlogbeat-day-100k": 100_000, "winlogbeat-day-1m": 1_000_000}
    if everything:
        sizes["winlogbeat-day-3m"] = 3_000_000
    with start(OPENSEARCH, cache=default_cache(os.environ), progress=_print_progress, runtime=_RUNTIME) as node:
        connection = connect(Cluster(hosts=(node.url,)))
        connection.state().put_template("bench", corpus.template(data, "os", "opensearch"))
        connection.close()
        events = filled.pool(data)
        for index, count in sizes.items():
            print(f"filling {index} with {count:,} events", flush=True)
            filled.fill(node.url, index, events, count)
        del events
        stage = Stage(url=node.url, pid=node.pid, data=data, sizes=sizes)
        page.write(target, run(stage, everything=everything))
    return 0


def _print_progress(stage: str, part: float | None) -> None:
    if not part:
        print(stage, flush=True)


def run(stage: Stage, *, everything: bool) -> Measurements:
    """Measure every section on an engine that is filled."""
    measurements = Measurements()
    before = os.getloadavg()[1]
    with ExitStack() as running:
        sidecars: dict[int, Sidecar] = {}
        for rule_count in (100, 1000, 0):
            sidecar = running.enter_context(Sidecar(stage.url, stage.data, rule_count))
            sidecars[sidecar.ready["rules"]] = sidecar
            measurements.compiled[sidecar.ready["rules"]] = sidecar.ready["compiled"]
        _warm(stage, sidecars[1000])
        for cell in grid(stage, tuple(sidecars), everything=everything):
            _measure_cell(stage, sidecars[cell.rules], cell, measurements)
        print("a late-event check", flush=True)
        measurements.late_event_check = late_event_check.week(
            stage.url, _million(stage), repeats=REPEATS, spent=stage.spent
        )
        _measure_queries(stage, sidecars[1000], measurements)
        first = sidecars[max(sidecars)]
        with Sidecar(stage.url, stage.data, 0) as second:
            for name, shared_by, mode in (
                ("zero", [first], "zero"),
                ("two zero", [first, second], "zero"),
                ("scan", [first], "scan"),
                ("two", [first, second], "scan"),
            ):
                print(f"a day, {name}", flush=True)
                measurements.day[name] = _day(stage, shared_by, mode)
    for workers in (1, 2):
        print(f"a day, backfill, {workers} workers", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            location = Path(folder)
            corpus.read_rules(stage.data, location / "rules")
            measurements.backfill.append(
                backfill.day(stage.url, location, index=_million(stage), workers=workers, cpu=stage.cpu)
            )
    print("matching alone", flush=True)
    measurements.matching = matching.measure(stage.data)
    with tempfile.TemporaryDirectory() as folder:
        measurements.elastalert = elastalert.compare(
            stage.url, stage.data, Path(folder), index=_million(stage), cpu=stage.cpu
        )
    measurements.load = (before, os.getloadavg()[1])
    return measurements


def _warm(stage: Stage, sidecar: Sidecar) -> None:
    """Run both kinds of scans first, so that the engine has compiled their code."""
    print("warming the engine up", flush=True)
    for index in stage.sizes:
        for mode in ("scan", "needed"):
            _once(stage, sidecar, index, (NOON - 3 * HOUR, NOON), mode)


def grid(stage: Stage, rules: Sequence[int], *, everything: bool) -> Iterator[Cell]:
    """Yield the cells of the grid; the hour is measured for the smallest and the largest number of rules."""
    for index, events in stage.sizes.items():
        for count in rules:
            yield Cell(rules=count, window=MINUTES, index=index, events=events)
            if everything or count != 1000:
                yield Cell(rules=count, window=HOUR, index=index, events=events)
        if events != 1_000_000:  # as many events as 5 minutes hold of a million a day
            yield Cell(rules=max(rules), window=MINUTES * 1_000_000 / events, index=index, events=events)


def _measure_cell(stage: Stage, sidecar: Sidecar, cell: Cell, measurements: Measurements) -> None:
    """Measure a scan and its minimum in turn, so that other load affects all alike.

    Each repetition searches another part of the day: the cost of a page also depends on the layout of the index.
    """
    modes = ("zero", "scan") if cell.window == HOUR else ("pages", "zero", "scan", "needed")
    print(f"{cell.rules} rules, {cell.window}, {cell.events:,} events", flush=True)
    for mode in modes:
        _once(stage, sidecar, cell.index, (NOON, NOON + cell.window), mode)  # warm
    for begin in STARTS:
        for mode in modes:
            result, spent = _once(stage, sidecar, cell.index, (begin, begin + cell.window), mode)
            measurements.grid.setdefault((cell, mode), Series()).add(result, spent)


def _once(
    stage: Stage, sidecar: Sidecar, index: str, span: tuple[datetime, datetime], mode: str
) -> tuple[SearchResult, Spent]:
    began = stage.spent()
    result = sidecar.ask(index=index, start=span[0].isoformat(), end=span[1].isoformat(), mode=mode)
    return result, stage.spent() - began


def _measure_queries(stage: Stage, sidecar: Sidecar, measurements: Measurements) -> None:
    """Measure 1,000 rules by queries, once: it takes minutes."""
    print("1000 rules by queries", flush=True)
    series = measurements.alone["query"] = Series()
    series.add(*_once(stage, sidecar, _million(stage), (NOON, NOON + MINUTES), "query"))


def _million(stage: Stage) -> str:
    return next(index for index, events in stage.sizes.items() if events == 1_000_000)


def _day(stage: Stage, sidecars: Sequence[Sidecar], mode: str) -> Series:
    """Search the day in windows of an hour, divided equally among the sidecars."""
    began, clock = stage.spent(), time.perf_counter()
    share = timedelta(days=1) / len(sidecars)
    for number, sidecar in enumerate(sidecars):
        start = filled.DAY + number * share
        sidecar.send(
            index=_million(stage),
            start=start.isoformat(),
            end=(start + share).isoformat(),
            mode=mode,
            step=HOUR.total_seconds(),
        )
    results = [sidecar.receive() for sidecar in sidecars]
    totals = {
        **{key: sum(result[key] for result in results) for key in ("own", "hits")},
        "memory": max(result["memory"] for result in results),
        "wall": time.perf_counter() - clock,
    }
    series = Series()
    series.add(totals, stage.spent() - began)
    return series
