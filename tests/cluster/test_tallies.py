"""Tallies, and the live search that reads each event once, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.borrowed_indices import TIME, Indices
from support.fakes import event, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.cluster.connections import Connection
from watcher.cluster.event_cluster import EventCluster
from watcher.model import Rule, Window
from watcher.pipeline import Detector, prepare_rule
from watcher.ports import EventCounts, EventSpan, IndexMarks, MarkedIndex, Page, SearchRequest, Snapshot, Tally
from watcher.schedule import SourceSearch, source_search
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.state_documents import StateDocuments

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
KEYWORD = {"type": "keyword"}
MAPPING = {
    "properties": {
        **TIME,
        "event": {"properties": {"code": KEYWORD}},
        "host": {"properties": {"name": KEYWORD}},
        "winlog": {"properties": {"channel": KEYWORD, "event_data": {"properties": {"CommandLine": KEYWORD}}}},
    }
}


def total(snapshot: Snapshot) -> int | None:
    (page,) = snapshot.search([SearchRequest(query={"match_all": {}}, size=10)])
    assert isinstance(page, Page), page
    return page.total


def test_tallies_add_up_by_index_and_second(connection: Connection, lent: Indices) -> None:
    lent.make("winlogbeat-tally-a", {"properties": TIME})
    lent.make("winlogbeat-tally-b", {"properties": {"@timestamp": {"type": "date_nanos"}}})
    lent.fill("winlogbeat-tally-a", [{"@timestamp": f"2026-03-01T12:00:0{n // 2}.250Z"} for n in range(4)])
    lent.fill("winlogbeat-tally-b", [{"@timestamp": "2026-03-01T12:00:01.123456789Z"}])
    with connection.events().open("winlogbeat-tally-*", HOUR, time_field="@timestamp") as snapshot:
        assert snapshot.tallies(SECOND) == {
            ("winlogbeat-tally-a", START): Tally(events=2, total=1, highest=1, milliseconds=500),
            ("winlogbeat-tally-a", START + SECOND): Tally(events=2, total=5, highest=3, milliseconds=500),
            ("winlogbeat-tally-b", START + SECOND): Tally(events=1, total=0, highest=0, milliseconds=123),
        }


def test_a_limited_snapshot_shows_the_events_of_its_spans(connection: Connection, lent: Indices) -> None:
    lent.make("winlogbeat-span-a", {"properties": TIME})
    lent.make("winlogbeat-span-b", {"properties": TIME})
    for name in ("a", "b"):
        lent.fill(f"winlogbeat-span-{name}", [{"@timestamp": f"2026-03-01T12:00:0{n}Z"} for n in range(5)])
    until = Window(start=START, end=START + 4 * SECOND)
    with connection.events().open("winlogbeat-span-*", HOUR, time_field="@timestamp") as snapshot:
        spans = [
            EventSpan(window=Window(start=START + 4 * SECOND, end=HOUR.end)),
            EventSpan(window=until, indices=("winlogbeat-span-a",), above=1),
        ]
        limited = snapshot.limited_to(spans)
        assert total(limited) == 4
        assert sum(tally.events for tally in limited.tallies(SECOND).values()) == 4
        assert total(snapshot.limited_to([EventSpan(window=until, indices=("winlogbeat-span-b",))])) == 4
        assert (total(snapshot.limited_to([])), total(snapshot)) == (0, 10)


def test_the_incarnation_of_an_index_changes_where_it_is_created_anew(connection: Connection, lent: Indices) -> None:
    lent.make("winlogbeat-incarnation", MAPPING)
    first = connection.events().mapping("winlogbeat-incarnation", ["event.code"]).incarnations
    assert set(first) == {"winlogbeat-incarnation"}
    lent.ask("DELETE", "/winlogbeat-incarnation")
    lent.make("winlogbeat-incarnation", MAPPING)
    assert connection.events().mapping("winlogbeat-incarnation", ["event.code"]).incarnations != first


def test_each_shard_is_asked_for_events_above_its_mark(connection: Connection, lent: Indices) -> None:
    lent.make("winlogbeat-newer", MAPPING, number_of_shards=2)
    incarnation = connection.events().mapping("winlogbeat-newer", ["event.code"]).incarnations["winlogbeat-newer"]
    assert incarnation.shards == 2
    blank = MarkedIndex(index="winlogbeat-newer", marks=IndexMarks(uuid=incarnation.uuid, numbers=(-1, -1)))
    counts = connection.event_counts()
    (empty,) = counts.newer([blank], MINUTE, time_field="@timestamp")
    assert (empty.counts, empty.marks) == ({}, blank.marks)
    lent.fill("winlogbeat-newer", [{"@timestamp": f"2026-03-01T12:00:{n:02}Z"} for n in range(20)])
    (first,) = counts.newer([blank], MINUTE, time_field="@timestamp")
    assert (first.counts, first.marks.newest) == ({START: 20}, START + 19 * SECOND)
    assert sum(number + 1 for number in first.marks.numbers) == 20
    lent.ask("PUT", "/winlogbeat-newer/_doc/late?refresh=true", {"@timestamp": "2026-03-01T11:00:30.5Z"})
    marked = MarkedIndex(index="winlogbeat-newer", marks=first.marks)
    (second,) = counts.newer([marked], MINUTE, time_field="@timestamp")
    assert (second.counts, second.marks.newest) == ({START - 60 * MINUTE: 1}, START + 19 * SECOND)
    assert sum(second.marks.numbers) == sum(first.marks.numbers) + 1
    assert counts.newer([], MINUTE, time_field="@timestamp") == []


# --------------------------------------------------------------------------- the live search


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCluster(EventCluster):
    """The events of a cluster at a time that the test sets."""

    clock: list[datetime]

    def now(self) -> datetime:
        return self.clock[-1]


@dataclass
class CountingTransport:
    """A transport that lists the events that searches return."""

    transport: Any
    read: list[str] = field(default_factory=list)

    def request(self, method: str, path: str, **more: Any) -> Any:
        answer = self.transport.request(method, path, **more)
        if path == "/_msearch":
            self.read += [hit["_id"] for response in answer.body["responses"] for hit in response["hits"]["hits"]]
        return answer

    def close(self) -> None:
        self.transport.close()


@dataclass
class Live:
    """The live search of some indices of an engine, with its state in memory."""

    indices: Indices
    events: EventCluster
    pattern: str
    search: str
    counts: EventCounts
    clock: list[datetime] = field(default_factory=lambda: [START + MINUTE])
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    written: int = 0

    def __post_init__(self) -> None:
        self.transport = CountingTransport(self.events.transport)
        parts = {part.name: getattr(self.events, part.name) for part in fields(EventCluster)}
        self.cluster = TimedCluster(**{**parts, "transport": self.transport}, clock=self.clock)
        self.sidecar = self.start()

    def start(self, *rules: Rule) -> SourceSearch:
        """Start a sidecar on the state."""
        source = Source(index=self.pattern, delay=timedelta(0), search=self.search)
        prepared = [prepare_rule(each, rule_settings(each, Settings()), source) for each in rules or (rule(),)]
        detector = Detector(source=source, events=self.cluster, alert_store=AlertStore(self.state), rules=prepared)
        return source_search(detector, Checkpoints(StateDocuments(self.state)), self.counts)

    def write(self, second: float, index: str, *, name: str = "", routing: str | None = None) -> str:
        """Write an event of a second after the start, and refresh."""
        self.written += 1
        name = name or f"e{self.written}"
        path = f"/{index}/_doc/{name}?refresh=true" + (f"&routing={routing}" if routing else "")
        moment = START + timedelta(seconds=second)
        self.indices.ask("PUT", path, event(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")))
        return name

    def tick(self) -> list[str]:
        """Search the next minute, and return the ids of the events that were read."""
        self.transport.read.clear()
        self.clock.append(self.clock[-1] + MINUTE)
        result = self.sidecar.live.advance()
        assert result is not None
        assert result.is_complete
        return sorted(self.transport.read)

    def hits(self) -> int:
        """Return the number of hits so far."""
        return sum("-hits-" in index for index, _ in self.state.documents)


@pytest.fixture
def live(connection: Connection, lent: Indices) -> Callable[..., Live]:
    """Return a function that starts the live search of indices that hold ten events each."""

    def started(name: str, *, indices: Mapping[str, int], search: str = "scan") -> Live:
        events = connection.events()
        assert isinstance(events, EventCluster)
        running = Live(lent, events, f"winlogbeat-{name}-*", search, connection.event_counts())
        for index, shards in indices.items():
            lent.make(f"winlogbeat-{name}-{index}", MAPPING, number_of_shards=shards)
            for second in range(10):
                running.write(second, f"winlogbeat-{name}-{index}")
        assert len(running.tick()) == 10 * len(indices)
        return running

    return started


@pytest.mark.parametrize("search", ["scan", "query"])
def test_each_event_is_read_once(live: Callable[..., Live], search: str) -> None:
    running = live(f"once-{search}", indices={"a": 1, "b": 1}, search=search)
    assert running.tick() == []
    late = [running.write(4.5, f"winlogbeat-once-{search}-a"), running.write(4.6, f"winlogbeat-once-{search}-b")]
    new = running.write(185, f"winlogbeat-once-{search}-a")
    assert running.tick() == sorted([*late, new])
    assert running.tick() == []
    assert running.hits() == 23


def test_a_replaced_and_an_updated_event_are_read(live: Callable[..., Live], lent: Indices) -> None:
    running = live("replaced", indices={"a": 1})
    lent.ask("DELETE", "/winlogbeat-replaced-a/_doc/e5?refresh=true")
    late = running.write(4.5, "winlogbeat-replaced-a")
    assert running.tick() == [late]  # its slice is read again, which holds nothing else
    running.write(7, "winlogbeat-replaced-a", name="e8")
    assert running.tick() == ["e8"]
    assert running.tick() == []


def test_late_events_of_several_shards_are_read(live: Callable[..., Live], lent: Indices) -> None:
    running = live("sharded", indices={"a": 3})
    for number in range(4):
        late = running.write(number + 0.5, "winlogbeat-sharded-a", routing=f"r{number}")
        assert late in running.tick()
    assert running.tick() == []
    assert running.hits() == 14
    lent.ask("DELETE", "/winlogbeat-sharded-a/_doc/e3?refresh=true")
    late = running.write(2.25, "winlogbeat-sharded-a", routing="elsewhere")
    assert late in running.tick()


def test_a_rollover_and_an_index_created_anew_are_read(live: Callable[..., Live], lent: Indices) -> None:
    running = live("rollover", indices={"a": 1})
    lent.make("winlogbeat-rollover-b", MAPPING)
    late = running.write(4.5, "winlogbeat-rollover-b")
    assert running.tick() == [late]
    lent.ask("DELETE", "/winlogbeat-rollover-a")
    lent.make("winlogbeat-rollover-a", MAPPING)
    for second in range(10):  # as many, with the same numbers and times
        running.write(second, "winlogbeat-rollover-a", name=f"n{second}")
    assert running.tick() == [f"n{second}" for second in range(10)]
    assert running.tick() == []


def test_a_restart_and_other_rules_read_the_overlap_once(live: Callable[..., Live]) -> None:
    running = live("restart", indices={"a": 1})
    running.sidecar = running.start()
    assert [len(running.tick()) for _ in range(2)] == [10, 0]
    running.sidecar.rules.reload([*running.sidecar.rules.detector.rules])
    assert [len(running.tick()) for _ in range(2)] == [10, 0]


def test_a_late_event_is_found_where_another_was_deleted(live: Callable[..., Live], lent: Indices) -> None:
    running = live("late", indices={"a": 2})
    running.clock.append(running.clock[-1] + 30 * MINUTE)
    running.sidecar.live.advance()
    assert running.sidecar.late_events.check() == ()  # it sets the marks
    lent.ask("DELETE", "/winlogbeat-late-a/_doc/e5?refresh=true")
    running.write(4.5, "winlogbeat-late-a")
    running.clock.append(running.clock[-1] + 15 * MINUTE)
    running.sidecar.live.advance()
    assert [result.hits for result in running.sidecar.late_events.check()] == [1]
    running.clock.append(running.clock[-1] + 15 * MINUTE)
    assert running.sidecar.late_events.check() == ()


def test_a_slice_that_left_the_overlap_is_compared_with_its_digest(live: Callable[..., Live], lent: Indices) -> None:
    running = live("left", indices={"a": 1})
    assert running.sidecar.late_events.check() == ()  # the slice is in the overlap
    running.clock.append(running.clock[-1] + 15 * MINUTE)
    running.sidecar.live.advance()
    lent.ask("DELETE", "/winlogbeat-left-a/_doc/e5?refresh=true")
    running.write(4.5, "winlogbeat-left-a")
    assert [result.hits for result in running.sidecar.late_events.check()] == [1]
    running.clock.append(running.clock[-1] + 15 * MINUTE)
    assert running.sidecar.late_events.check() == ()
