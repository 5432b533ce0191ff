"""What a tick costs the cluster and the sidecar, beside its floor, beside queries and beside ElastAlert2."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench import corpus, elastalert, filled, page
from bench.sidecar import Sidecar, Told
from watcher.cluster.connect import connect
from watcher.cluster.local import OPENSEARCH, Runtime, default_cache, start
from watcher.settings import Cluster

REPEATS = 7
NOON = filled.DAY + timedelta(hours=12)
MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)
_RUNTIME = Runtime(options="-Xms1g -Xmx2g")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An engine that holds a day of events, in several sizes."""

    url: str
    pid: int
    data: Path
    sizes: Mapping[str, int]  # index → events of a day

    def cpu(self) -> float:
        """Tell the seconds of CPU that the engine has used so far."""
        told = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(told[11]) + int(told[12])) / _TICKS


@dataclass(slots=True)
class Series:
    """Repetitions of one measurement."""

    wall: list[float] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    last: Told = field(default_factory=dict)

    def add(self, told: Told, cluster: float) -> None:
        """Add a repetition."""
        self.wall.append(told["wall"])
        self.cluster.append(cluster)
        self.own.append(told["own"])
        self.last = told


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One point of the grid."""

    rules: int
    window: timedelta
    index: str
    events: int  # in the index


@dataclass(slots=True, kw_only=True)
class Findings:
    """All that was measured."""

    compiled: dict[int, float] = field(default_factory=dict)  # rules → seconds
    grid: dict[tuple[Cell, str], Series] = field(default_factory=dict)
    alone: dict[str, Series] = field(default_factory=dict)  # at 1,000 rules: what other ways cost
    elastalert: list[elastalert.Run] = field(default_factory=list)
    day: dict[str, Series] = field(default_factory=dict)
    load: tuple[float, float] = (0.0, 0.0)  # of the machine, before and after


def measure(data: Path, target: Path, *, everything: bool) -> int:
    """Start an engine, fill it, measure and write the page."""
    sizes = {"winlogbeat-day-100k": 100_000, "winlogbeat-day-1m": 1_000_000}
    if everything:
        sizes["winlogbeat-day-3m"] = 3_000_000
    with start(OPENSEARCH, cache=default_cache(os.environ), progress=_say, runtime=_RUNTIME) as node:
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


def _say(stage: str, _part: float | None) -> None:
    print(stage, flush=True)


def run(stage: Stage, *, everything: bool) -> Findings:
    """Measure every section on an engine that is filled."""
    found = Findings()
    before = os.getloadavg()[1]
    with ExitStack() as running:
        sidecars: dict[int, Sidecar] = {}
        for asked in (100, 1000, 0):
            sidecar = running.enter_context(Sidecar(stage.url, stage.data, asked))
            sidecars[sidecar.ready["rules"]] = sidecar
            found.compiled[sidecar.ready["rules"]] = sidecar.ready["compiled"]
        for cell in grid(stage, tuple(sidecars), everything=everything):
            _compare(stage, sidecars[cell.rules], cell, found)
        _beside(stage, sidecars[1000], found)
        everyone = sidecars[max(sidecars)]
        for mode in ("pages", "zero", "scan"):
            print(f"a day, {mode}", flush=True)
            found.day[mode] = _repeat(stage, [everyone], mode, 1)
        with Sidecar(stage.url, stage.data, 0) as second:
            print("a day, two sidecars", flush=True)
            found.day["two"] = _repeat(stage, [everyone, second], "scan", 1)
    with tempfile.TemporaryDirectory() as folder:
        found.elastalert = elastalert.compare(stage.url, stage.data, Path(folder), index=_million(stage), cpu=stage.cpu)
    found.load = (before, os.getloadavg()[1])
    return found


def grid(stage: Stage, rules: Sequence[int], *, everything: bool) -> Iterator[Cell]:
    """Give the points of the grid; the hour is measured for the smallest and the largest number of rules."""
    for index, events in stage.sizes.items():
        for count in rules:
            yield Cell(rules=count, window=MINUTES, index=index, events=events)
            if everything or count != 1000:
                yield Cell(rules=count, window=HOUR, index=index, events=events)


def _compare(stage: Stage, sidecar: Sidecar, cell: Cell, found: Findings) -> None:
    """Measure a scan and its floors in turn, so that what else the machine does befalls all alike."""
    modes = ("pages", "zero", "scan", "needed") if cell.window == MINUTES else ("zero", "scan")
    print(f"{cell.rules} rules, {cell.window}, {cell.events:,} events", flush=True)
    for mode in modes:
        _once(stage, sidecar, cell.index, (NOON, NOON + cell.window), mode)  # warm
    for _ in range(REPEATS):
        for mode in modes:
            told, cluster = _once(stage, sidecar, cell.index, (NOON, NOON + cell.window), mode)
            found.grid.setdefault((cell, mode), Series()).add(told, cluster)


def _once(stage: Stage, sidecar: Sidecar, index: str, span: tuple[datetime, datetime], mode: str) -> tuple[Told, float]:
    began = stage.cpu()
    told = sidecar.ask(index=index, start=span[0].isoformat(), end=span[1].isoformat(), mode=mode)
    return told, stage.cpu() - began


def _beside(stage: Stage, sidecar: Sidecar, found: Findings) -> None:
    """Measure 1,000 rules by queries, once: it takes minutes."""
    print("1000 rules by queries", flush=True)
    series = found.alone["query"] = Series()
    series.add(*_once(stage, sidecar, _million(stage), (NOON, NOON + MINUTES), "query"))


def _million(stage: Stage) -> str:
    return next(index for index, events in stage.sizes.items() if events == 1_000_000)


def _repeat(stage: Stage, sidecars: Sequence[Sidecar], mode: str, repeats: int) -> Series:
    """Search the day in windows of an hour, dealt out to the sidecars in halves."""
    series = Series()
    share = timedelta(days=1) / len(sidecars)
    for _ in range(repeats):
        cluster, began = stage.cpu(), time.perf_counter()
        for number, sidecar in enumerate(sidecars):
            start = filled.DAY + number * share
            sidecar.send(
                index=_million(stage),
                start=start.isoformat(),
                end=(start + share).isoformat(),
                mode=mode,
                step=HOUR.total_seconds(),
            )
        told = [sidecar.receive() for sidecar in sidecars]
        series.add({**told[0], "wall": time.perf_counter() - began}, stage.cpu() - cluster)
        series.own[-1] = sum(one["own"] for one in told)
    return series
