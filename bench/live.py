"""How many documents the live search fetches for each event that is indexed, with default settings."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.cluster.connections import Connection, connect
from watcher.cluster.engine_transport import Answer, Transport
from watcher.cluster.event_cluster import EventCluster
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
from watcher.pipeline import Detector, PreparedRule, prepare_rule
from watcher.schedule import source_search
from watcher.settings import Cluster, Settings, Source
from watcher.settings.effective import rule_settings
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.state.installation import Installation
from watcher.state.state_documents import StateDocuments

START = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WARM_UP = 12  # minutes until windows are as long as they become
_RUNTIME = Runtime(options="-Xms512m -Xmx1g")
_OF_PROCESS = 2  # as `clock_getcpuclockid` names it: all threads
_SEED = 7
_LATEST = 300.0  # seconds
_RULE = """\
title: Nothing
id: 3d0e5a1c-6f0f-4b4e-9a57-3f2c1f6f7a11
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|contains: nothing}, condition: selection}
"""
_KEYWORD = {"type": "keyword"}
_MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"code": _KEYWORD}},
        "winlog": {"properties": {"channel": _KEYWORD, "event_data": {"properties": {"CommandLine": _KEYWORD}}}},
    }
}
_ABOUT = (
    "Written by `python -m bench live`, a part of `make bench`. One OpenSearch of its own; events arrive minute by "
    "minute of a simulated time, and each minute the live search runs with default settings (and `search: scan`). "
    "*Fetched* counts the documents that `_msearch` returned, per event that was indexed meanwhile. *Without memory* "
    "forgets after each search what was read, as versions before did always. The rates are means over the minutes "
    "after the windows reached their full length."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How long after their time events are indexed."""

    title: str
    seconds: Callable[[random.Random], float]


def _promptly(chance: random.Random) -> float:
    return chance.uniform(20, _LATEST) if chance.random() < 0.01 else chance.uniform(0, 20)


def _slowly(chance: random.Random) -> float:
    return chance.uniform(0, 60)


ARRIVALS = (
    Arrival(title="0 to 20 s after their time, 1 % up to 300 s", seconds=_promptly),
    Arrival(title="0 to 60 s after their time", seconds=_slowly),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCluster(EventCluster):
    """The events of a cluster, at a simulated time."""

    clock: list[datetime]

    def now(self) -> datetime:
        """Return the simulated time."""
        return self.clock[-1]


@dataclass(slots=True)
class CountingTransport:
    """A transport that counts the documents of searches."""

    transport: Transport
    documents: int = 0

    def request(self, method: str, path: str, **more: Any) -> Answer:
        """Send one request."""
        answer = self.transport.request(method, path, **more)
        if path == "/_msearch":
            self.documents += sum(len(response["hits"]["hits"]) for response in answer.body["responses"])
        return answer

    def close(self) -> None:
        """Close the open connections."""
        self.transport.close()


@dataclass(slots=True, kw_only=True)
class Searching:
    """A sidecar's live search, and what it cost."""

    connection: Connection
    prefix: str
    source: Source
    clock: list[datetime]
    remembers: bool
    fetched: int = 0
    cpu: float = 0.0  # of the engine, in seconds
    events: CountingTransport = field(init=False)
    _advance: Callable[[], object] = field(init=False)

    def __post_init__(self) -> None:
        self.events = CountingTransport(self.connection.transport)
        self._advance = self._started()

    def search(self, cpu: Callable[[], float]) -> None:
        """Search the window that is due."""
        if not self.remembers:
            self._advance = self._started()
        documents, began = self.events.documents, cpu()
        self._advance()
        self.fetched += self.events.documents - documents
        self.cpu += cpu() - began

    def _started(self) -> Callable[[], object]:
        state = self.connection.state()
        cluster = self.connection.events()
        if not isinstance(cluster, EventCluster):
            raise TypeError(f"{type(cluster).__name__} reads no cluster")
        parts = {part.name: getattr(cluster, part.name) for part in fields(EventCluster)}
        detector = Detector(
            source=self.source,
            events=TimedCluster(**{**parts, "transport": self.events}, clock=self.clock),
            alert_store=AlertStore(state, self.prefix),
            rules=_rules(self.source),
        )
        checkpoints = Checkpoints(StateDocuments(state, self.prefix))
        return source_search(detector, checkpoints, self.connection.event_counts()).live.advance


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRate:
    """What the live search fetched under one kind of arrival."""

    arrival: str
    shards: int
    events: int  # indexed while it was measured
    ticks: int
    fetched: Mapping[str, int]
    cpu: Mapping[str, float]


def measure(target: Path, *, minutes: int, rate: int) -> int:
    """Start an engine, measure each arrival on one shard and on three, and write the page."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with start(OPENSEARCH, cache=default_cache(os.environ), progress=_print_progress, runtime=_RUNTIME) as node:
        connection = connect(Cluster(hosts=(node.url,), timeout=timedelta(minutes=2)))

        def cpu() -> float:
            return time.clock_gettime((~node.pid << 3) | _OF_PROCESS)

        rates = []
        for number, arrival in enumerate(ARRIVALS):
            for shards in (1, 3):
                index = f"bench-live-{number}-{shards}"
                rates.append(_rate(connection, index, arrival, shards=shards, minutes=minutes, rate=rate, cpu=cpu))
                print(*_row(rates[-1]), sep="\n", flush=True)
        connection.close()
    target.write_text("\n".join(_lines(rates, rate)) + "\n", encoding="utf-8")
    return 0


def _print_progress(stage: str, part: float | None) -> None:
    if not part:
        print(stage, flush=True)


def _rules(source: Source) -> Sequence[PreparedRule]:
    rules, _ = read_file(_RULE, file="rule.yml", origin=RuleOrigin(folder="bench", path="rule.yml"))
    return [prepare_rule(rule, rule_settings(rule, Settings()), source) for rule in rules]


def _rate(  # noqa: PLR0913 - the cell of a table
    connection: Connection,
    index: str,
    arrival: Arrival,
    *,
    shards: int,
    minutes: int,
    rate: int,
    cpu: Callable[[], float],
) -> LiveRate:
    settings = {"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"}
    connection.transport.request("PUT", f"/{index}", body={"settings": settings, "mappings": _MAPPING})
    clock = [START]
    searches = {}
    for name in ("before", "after"):
        prefix = f"{index}-state-{name}"
        Installation(state=connection.state(), prefix=prefix).install()
        source = Source(index=index, search="scan")
        searches[name] = Searching(
            connection=connection, prefix=prefix, source=source, clock=clock, remembers=name == "after"
        )
    indexed = 0
    for minute, batch in enumerate(_arriving(arrival, minutes=WARM_UP + minutes, rate=rate)):
        _index(connection, index, batch)
        clock.append(START + (minute + 1) * MINUTE)
        if minute == WARM_UP:
            indexed = 0
            for search in searches.values():
                search.fetched, search.cpu = 0, 0.0
        indexed += len(batch)
        for search in searches.values():
            if minute >= WARM_UP - 1 or search.remembers:  # the other needs no warm-up but the first window
                search.search(cpu)
    return LiveRate(
        arrival=arrival.title,
        shards=shards,
        events=indexed,
        ticks=minutes,
        fetched={name: search.fetched for name, search in searches.items()},
        cpu={name: search.cpu for name, search in searches.items()},
    )


def _arriving(arrival: Arrival, *, minutes: int, rate: int) -> Iterator[list[datetime]]:
    """Yield the times of the events that are indexed in each minute, in the order of their arrival."""
    chance = random.Random(_SEED)  # noqa: S311 - nothing is secret here
    arriving = []
    for number in range(minutes * 60 * rate):
        moment = START + timedelta(seconds=number / rate)
        arriving.append((moment + timedelta(seconds=arrival.seconds(chance)), moment))
    arriving.sort()
    position = 0
    for minute in range(minutes):
        batch = []
        while position < len(arriving) and arriving[position][0] < START + (minute + 1) * MINUTE:
            batch.append(arriving[position][1])
            position += 1
        yield batch


def _index(connection: Connection, index: str, moments: Sequence[datetime]) -> None:
    lines: list[Mapping[str, Any]] = []
    for moment in moments:
        data = {"channel": "Security", "event_data": {"CommandLine": "a process"}}
        lines += [
            {"create": {}},
            {"@timestamp": moment.isoformat(timespec="milliseconds"), "event": {"code": "4688"}, "winlog": data},
        ]
    answer = connection.transport.request("POST", f"/{index}/_bulk", body=lines, timeout=timedelta(minutes=2))
    if answer.status != 200 or answer.body["errors"]:
        raise RuntimeError(f"{index}: {str(answer.body)[:300]}")
    connection.transport.request("POST", f"/{index}/_refresh", timeout=timedelta(minutes=2))


def _lines(rates: Sequence[LiveRate], rate: int) -> Iterator[str]:
    yield from ("# What the live search fetches", "", _ABOUT, "")
    yield f"- {rate} events a second, {rates[0].ticks} minutes, {rates[0].events:,} events"
    yield ""
    yield "| events arrive | shards | fetched per event, without memory | with memory | CPU of the cluster per tick |"
    yield "|---|---|---|---|---|"
    for measured in rates:
        yield from _row(measured)


def _row(measured: LiveRate) -> Iterator[str]:
    before, after = (measured.fetched[name] / measured.events for name in ("before", "after"))
    cpu = " → ".join(f"{measured.cpu[name] / measured.ticks:.3f} s" for name in ("before", "after"))
    yield f"| {measured.arrival} | {measured.shards} | {before:.2f} | {after:.2f} | {cpu} |"
