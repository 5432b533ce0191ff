"""What correlations cost beside the same scan without them, and beside an aggregation for each rule and tick."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.correlated_day import (
    DAY,
    START,
    CorrelationRuleText,
    Scale,
    base_rule_texts,
    code_of,
    correlations,
    fill,
)
from bench.correlating import TICK, Answer, Correlating
from watcher.cluster.connections import Connection, connect
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
from watcher.settings import Cluster
from watcher.timestamps import format_timestamp

INDEX = "bench-correlated"
MIXED = ("5m", "15m", "1h", "1h", "6h", "6h", "1d", "1d", "5m", "7d")
MODES: Mapping[str, tuple[str, ...]] = {
    "without": ("5m",),  # the same base rules, whose hits nobody counts
    "mixed": MIXED,
    "short": ("5m",),
    "long": ("7d",),
}
_RUNTIME = Runtime(options="-Xms1g -Xmx1g")
_OF_PROCESS = 2  # as `clock_getcpuclockid` names it: all threads
_TICKS = 16
_BEFORE = 3  # ticks until caches are warm, after the one that reads the history
_SLICE = 60  # minutes
_MOST_GROUPS = 10_000  # that the naive aggregation returns


@dataclass(slots=True)
class Ticks:
    """What the ticks of one mode used."""

    restart: Answer = field(default_factory=dict)  # the first tick, which reads the history
    answers: list[Answer] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)  # CPU of the engine, in seconds
    queries: int = 0  # searches of shards, as the engine counts them

    def middle(self, name: str) -> float:
        """Return the median of a number of the ticks."""
        return median(float(answer[name]) for answer in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationCost:
    """All that was measured."""

    scale: Scale
    days: int
    ticks: Mapping[str, Ticks]
    naive: Sequence[tuple[float, float]]  # wall and CPU of the cluster, by tick
    backfill: Mapping[str, Answer]
    load: tuple[float, float]


def measure(target: Path, scale: Scale, days: int, write: Callable[[Path, CorrelationCost], None]) -> int:
    """Start an engine, measure, and write the page."""
    before = os.getloadavg()[1]
    with start(OPENSEARCH, cache=default_cache(os.environ), progress=_print_progress, runtime=_RUNTIME) as node:
        print(f"indexing {days * scale.events:,} events", flush=True)
        fill(node.url, INDEX, scale, days)
        connection = connect(Cluster(hosts=(node.url,), timeout=timedelta(minutes=5)))

        def cpu() -> float:
            return time.clock_gettime((~node.pid << 3) | _OF_PROCESS)

        with tempfile.TemporaryDirectory() as name:
            folders = {mode: _rules(Path(name) / mode, timespans) for mode, timespans in MODES.items()}
            ticks, naive = _live(node.url, connection, folders, cpu)
            backfill = _backfill(node.url, folders)
        connection.close()
    cost = CorrelationCost(
        scale=scale,
        days=days,
        ticks=ticks,
        naive=naive,
        backfill=backfill,
        load=(before, os.getloadavg()[1]),
    )
    write(target, cost)
    return 0


def _print_progress(stage: str, part: float | None) -> None:
    if not part:
        print(stage, flush=True)


def _rules(folder: Path, timespans: tuple[str, ...]) -> Path:
    folder.mkdir()
    texts = (*base_rule_texts(), *(entry.text for entry in correlations(timespans)))
    (folder / "rules.yml").write_text("---\n".join(texts), encoding="utf-8")
    return folder


def _live(
    url: str, connection: Connection, folders: Mapping[str, Path], cpu: Callable[[], float]
) -> tuple[Mapping[str, Ticks], Sequence[tuple[float, float]]]:
    """Let sidecars of all modes take turns over the last ticks of the day."""
    measured = {mode: Ticks() for mode in folders}
    naive: list[tuple[float, float]] = []
    with ExitStack() as stack:
        sidecars = {
            mode: stack.enter_context(Correlating(url, INDEX, folder, f"bench-{mode}", correlated=mode != "without"))
            for mode, folder in folders.items()
        }
        first = START + DAY - TICK * (_TICKS + _BEFORE + 1)
        for number in range(_TICKS + _BEFORE + 1):
            moment = format_timestamp(first + TICK * (number + 1))
            for mode, sidecar in sidecars.items():
                queries, used = _queries(connection), cpu()
                answer = sidecar.ask(do="tick", at=moment)
                if not number:
                    measured[mode].restart = answer
                    print(f"{mode}: first tick {answer}", flush=True)
                if number > _BEFORE:
                    measured[mode].answers.append(answer)
                    measured[mode].cluster.append(cpu() - used)
                    measured[mode].queries += _queries(connection) - queries
            if number > _BEFORE:
                began, used = time.perf_counter(), cpu()
                _aggregate(connection, moment)
                naive.append((time.perf_counter() - began, cpu() - used))
    return measured, naive


def _queries(connection: Connection) -> int:
    answer = connection.transport.request("GET", f"/{INDEX}/_stats/search")
    return int(answer.body["_all"]["primaries"]["search"]["query_total"])


def _aggregate(connection: Connection, until: str) -> None:
    """Evaluate each correlation of the mixed mode as an aggregation over its timespan."""
    for rule in correlations(MIXED):
        answer = connection.transport.request(
            "POST", f"/{INDEX}/_search", body=_aggregation(rule, until), timeout=timedelta(minutes=5)
        )
        if answer.status != 200:
            raise RuntimeError(str(answer.body)[:300])


def _aggregation(rule: CorrelationRuleText, until: str) -> Mapping[str, Any]:
    groups: dict[str, Any] = {
        "terms": {"field": "winlog.event_data.TargetUserName", "size": _MOST_GROUPS, "min_doc_count": 2}
    }
    if rule.type == "value_count":
        groups["aggs"] = {"values": {"cardinality": {"field": "winlog.event_data.IpAddress"}}}
    elif rule.type != "event_count":
        groups["aggs"] = {"rules": {"terms": {"field": "event.code"}}}
    codes = [str(code_of(number)) for number in rule.base_rules]
    time_range = {"range": {"@timestamp": {"gte": f"{until}||-{rule.timespan}", "lt": until}}}
    query = {"bool": {"filter": [time_range, {"terms": {"event.code": codes}}]}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": {"groups": groups}}


def _backfill(url: str, folders: Mapping[str, Path]) -> Mapping[str, Answer]:
    """Backfill the day without correlations and with them."""
    answers = {}
    span = {"start": format_timestamp(START), "end": format_timestamp(START + DAY)}
    for mode in ("without", "mixed"):
        prefix = f"bench-past-{mode}"
        with Correlating(url, INDEX, folders[mode], prefix, correlated=mode != "without") as sidecar:
            answers[mode] = sidecar.ask(do="backfill", slice_minutes=_SLICE, **span)
            print(f"{mode}: backfill {answers[mode]}", flush=True)
    return answers


def rows(cost: CorrelationCost) -> Iterator[tuple[str, Ticks]]:
    """Yield the modes with the words of the page."""
    words = {
        "without": "the same base rules, no correlations",
        "mixed": "50 correlations, timespans from 5 minutes to 7 days",
        "short": "50 correlations of 5 minutes",
        "long": "50 correlations of 7 days",
    }
    for mode, ticks in cost.ticks.items():
        yield words[mode], ticks
