"""What was not searched whole is a hole, and found again; what came late is found by its count, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.fakes import EPOCH, NOW, RULE, ArrivingEvents, FakeClock, MemoryState, event_document, rule

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoint_body import checkpoint_to_body
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, Gap, slice_floor
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused, Unexpected, Unreachable
from watcher.model import EventDocument, Rule, Window
from watcher.pipeline import Detector, PreparedRule, Stopped, prepare_rule
from watcher.ports import Page, SearchRequest
from watcher.schedule import source_search
from watcher.settings import LateEventSettings, Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.state_documents import DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp

MINUTE = timedelta(minutes=1)
SOURCE = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30), search="query")
OTHER = rule(RULE.replace("7f6f2c52", "8f6f2c52").replace("contains: shell", "contains: notepad"))


def made(number: int, moment: datetime, **more: Any) -> EventDocument:
    """Make an event of a moment."""
    return event_document(number, time=format_timestamp(moment), **more)


@dataclass
class World:
    """One source on fakes."""

    source: Source = SOURCE
    rules: tuple[Rule, ...] = field(default_factory=lambda: (rule(),))
    events: ArrivingEvents = field(default_factory=ArrivingEvents)
    state: MemoryState = field(default_factory=MemoryState)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin a new sidecar on the same state."""
        detector = Detector(
            source=self.source, events=self.events, alert_store=AlertStore(self.state), rules=self.prepared()
        )
        self.checkpoints = Checkpoints(StateDocuments(self.state))
        self.search = source_search(detector, self.checkpoints, clock=self.clock)

    def prepared(self) -> list[PreparedRule]:
        """Prepare the rules."""
        return [prepare_rule(enabled, rule_settings(enabled, Settings()), self.source) for enabled in self.rules]

    def reload(self, *rules: Rule) -> None:
        """Replace the rules while the sidecar runs."""
        self.rules = rules
        self.search.rules.reload(self.prepared())

    def store(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint into the state, whatever it holds."""
        body = checkpoint_to_body(checkpoint)
        key = DocumentKey(kind="live", source=self.source.name)
        StateDocuments(self.state).change(key, lambda _: body, now=NOW)

    @property
    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint."""
        read = self.checkpoints.read(self.source.name)
        assert read is not None
        return read

    def gaps(self) -> list[tuple[float, float, tuple[str, ...]]]:
        """Write the holes in minutes before now."""
        return [
            ((one.window.start - NOW) / MINUTE, (one.window.end - NOW) / MINUTE, one.rules)
            for one in self.checkpoint.gaps
        ]

    def windows(self) -> list[tuple[float, float]]:
        """Write the windows that were opened since the last call, in minutes from now."""
        told = [((one.start - NOW) / MINUTE, (one.end - NOW) / MINUTE) for one in self.events.windows]
        self.events.windows.clear()
        return told

    def kept(self, kind: str) -> set[str]:
        """Give the ids of the alerts or hits."""
        return {name for index, name in self.state.documents if f"-{kind}-" in index}

    def searched(self, since: datetime, until: datetime) -> None:
        """Let a span be covered."""
        self.store(Checkpoint(since=since, watermark=until))
        rules = (prepared.rule for prepared in self.search.rules.detector.rules)
        self.checkpoints.record_rules(self.source.name, rules, since, now=NOW)


# --------------------------------------------------------------------------- the live edge


def test_a_whole_window_is_covered_and_its_hits_are_kept() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    detected = world.search.live.advance()
    assert detected is not None
    assert (detected.hits, detected.alerts, detected.is_complete) == (1, 1, True)
    assert (world.checkpoint.since, world.checkpoint.watermark) == (NOW - 5 * MINUTE, NOW)


def test_the_next_tick_searches_an_overlap_and_tells_nothing_again() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    world.search.live.advance()
    world.windows()
    world.events.time += MINUTE
    detected = world.search.live.advance()
    assert detected is not None
    assert (detected.hits, detected.alerts) == (0, 0)
    assert world.windows() == [(-5, 1)]


def test_the_rest_of_a_downtime_is_a_hole_and_the_present_is_searched_at_once() -> None:
    world = World()
    world.searched(NOW - timedelta(days=20), NOW - timedelta(days=14))
    world.search.live.advance()
    assert world.checkpoint.watermark == NOW
    assert world.gaps() == [(-14 * 1440 - 5, -5, ())]


@pytest.mark.parametrize("fault", [Incomplete("a shard is missing"), Overloaded("later"), Refused("no")])
def test_a_window_that_failed_is_a_hole_and_keeps_no_later_one_waiting(fault: ClusterError) -> None:
    world = World()
    world.events.fails[NOW - MINUTE] = fault
    with pytest.raises(type(fault)):
        world.search.live.advance()
    assert world.gaps() == [(-5, 0, ())]
    assert world.checkpoint.gaps[0].reason == str(fault)
    assert world.checkpoint.watermark == NOW
    world.events.fails.clear()
    world.events.time += 20 * MINUTE
    world.search.live.advance()
    assert (world.checkpoint.watermark, world.gaps()) == (NOW + 20 * MINUTE, [])


@pytest.mark.parametrize("fault", [RecursionError("too deep"), KeyError("hits"), MemoryError()])
def test_an_error_that_is_in_no_plan_makes_a_hole_everywhere_and_keeps_nothing_else_waiting(fault: Exception) -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    world.events.fails[NOW - MINUTE] = fault
    with pytest.raises(Unexpected):
        world.search.live.advance()
    assert (world.gaps(), world.checkpoint.watermark) == ([(-5, 0, ())], NOW)
    assert type(fault).__name__ in world.checkpoint.gaps[0].reason
    world.events.time += MINUTE
    assert world.search.gaps.fill(MINUTE) == ()  # the gap is tried again, and stays
    assert (world.gaps(), world.checkpoint.gaps[0].attempts) == ([(-5, 0, ())], 2)
    world.events.time += 10 * MINUTE
    with pytest.raises(Unexpected):
        world.search.live.advance()  # its overlap holds the poison
    world.events.time += 10 * MINUTE
    world.events.feed(made(2, world.events.time - MINUTE))
    assert world.search.live.advance() is not None
    assert len(world.kept("hits")) == 1
    world.events.fails.clear()
    world.events.time += 20 * MINUTE
    world.search.gaps.fill(MINUTE)
    assert (world.gaps(), len(world.kept("hits"))) == ([], 2)


def test_an_error_that_is_in_no_plan_in_a_sweep_makes_a_hole_and_the_sweep_goes_on() -> None:
    class Poisoned(ArrivingEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            if any(one.id == "e1" for one in self.documents):
                raise RecursionError("too deep")
            return super().search(requests)

    world = World(events=Poisoned())
    world.searched(NOW - timedelta(days=1), NOW)
    world.events.feed(made(1, NOW - 58 * MINUTE), made(2, NOW - 38 * MINUTE))
    world.events.time += MINUTE
    assert [one.hits for one in world.search.late_events.check()] == [1]
    assert world.gaps() == [(-60, -55, ())]
    assert "RecursionError: too deep" in world.checkpoint.gaps[0].reason


def test_a_cluster_that_is_away_leaves_coverage_where_it_stood() -> None:
    world = World()
    world.search.live.advance()
    world.events.time += 10 * MINUTE
    world.events.fails[NOW + MINUTE] = Unreachable("away")
    with pytest.raises(Unreachable):
        world.search.live.advance()
    assert (world.checkpoint.watermark, world.gaps()) == (NOW, [])


def test_a_rule_that_failed_has_a_hole_of_its_own_and_the_others_are_covered() -> None:
    world = World(rules=(rule(), OTHER))
    world.events.answers = [Incomplete("one shard"), Page(found=(), total=0, after=None)]
    world.search.live.advance()
    assert world.gaps() == [(-5, 0, (rule().id,))]
    world.events.feed(made(1, NOW - MINUTE))
    world.events.time += MINUTE
    (filled,) = world.search.gaps.fill(MINUTE)
    assert (filled.hits, world.gaps()) == (1, [])


def test_where_every_rule_failed_it_is_one_hole() -> None:
    world = World(rules=(rule(), OTHER))
    world.events.answers = [Incomplete("one shard"), Incomplete("one shard")]
    world.search.live.advance()
    assert world.gaps() == [(-5, 0, ())]


def test_the_next_tick_closes_what_it_covers_of_a_hole() -> None:
    world = World()
    world.events.answers = [Incomplete("one shard")]
    world.search.live.advance()
    world.events.time += MINUTE
    world.search.live.advance()
    assert world.gaps() == []


def test_without_indices_coverage_goes_on() -> None:
    world = World(events=ArrivingEvents(indices=()))
    detected = world.search.live.advance()
    assert detected is not None
    assert (detected.indices, world.checkpoint.watermark) == ((), NOW)


def test_a_tick_that_is_to_end_leaves_coverage_where_it_was() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    world.search.live.stopping = lambda: True
    with pytest.raises(Stopped):
        world.search.live.advance()
    assert world.checkpoints.read("windows") is None
    assert world.kept("hits") == set()


def test_a_state_that_was_deleted_begins_anew() -> None:
    world = World()
    world.search.live.advance()
    world.state.documents.clear()
    world.events.time += timedelta(hours=3)
    world.search.live.advance()
    assert world.checkpoint.since == world.events.time - 5 * MINUTE
    assert world.checkpoints.rule_starts("windows") == {rule().id: world.checkpoint.since}


@dataclass
class Interrupted(ArrivingEvents):
    """Events in whose search something else happens, once."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().counts(step)


@pytest.mark.parametrize("fails", [{}, {NOW: Incomplete("a shard is missing")}], ids=["searched", "failed"])
def test_a_state_that_was_deleted_in_the_middle_of_a_search_begins_anew_and_says_so(
    fails: dict[datetime, ClusterError],
) -> None:
    events = Interrupted()
    world = World(events=events)
    world.search.live.advance()
    gap = Gap(window=Window(start=NOW - 60 * MINUTE, end=NOW - 30 * MINUTE), reason="one", due=NOW + MINUTE)
    edge = replace(world.checkpoint, gaps=(gap,))
    world.store(edge)
    world.events.time += MINUTE
    events.meanwhile.append(world.state.documents.clear)
    events.fails = dict(fails)
    with pytest.raises(Incomplete, match="was deleted"):
        world.search.live.advance()
    assert world.checkpoints.read("windows") is None  # what lost its holes is not taken for whole
    events.fails.clear()
    with capture_logs() as said:
        world.search.live.advance()
    assert [one["log_level"] for one in said if one["event"] == "checkpoint.created"] == ["error"]
    assert world.checkpoints.rule_starts("windows") == {rule().id: world.checkpoint.since}


# --------------------------------------------------------------------------- rules


def test_a_new_rule_begins_at_the_live_edge_and_a_changed_one_keeps_when_it_began() -> None:
    world = World()
    world.search.live.advance()
    world.events.feed(made(1, NOW - MINUTE, CommandLine="notepad"), made(2, NOW + MINUTE, CommandLine="notepad"))
    world.rules = (rule(hash="changed"), OTHER)
    world.restart()
    world.events.time += 2 * MINUTE
    detected = world.search.live.advance()
    assert detected is not None
    assert detected.hits == 1  # the one after the edge
    assert world.checkpoints.rule_starts("windows") == {rule().id: NOW - 5 * MINUTE, OTHER.id: NOW}


def test_the_past_of_a_rule_that_nobody_watched_yet_is_not_searched_by_it() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW)
    world.events.feed(made(1, NOW - 60 * MINUTE, CommandLine="notepad in a shell"))
    world.rules = (rule(), OTHER)  # another sidecar has the live edge, and the old rules
    world.restart()
    world.events.time += MINUTE
    (swept,) = world.search.late_events.check()
    assert swept.by_rule == {rule().id: 1, OTHER.id: 0}
    assert len(world.kept("hits")) == 1


def test_a_rule_that_is_added_under_way_begins_at_the_live_edge() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    world.search.live.advance()
    world.reload(*world.rules, OTHER)
    world.events.time += MINUTE
    world.events.feed(made(2, NOW - MINUTE, CommandLine="notepad"), made(3, NOW + MINUTE / 2, CommandLine="notepad"))
    detected = world.search.live.advance()
    assert detected is not None
    assert (detected.hits, detected.by_rule) == (1, {world.rules[0].id: 1, OTHER.id: 1})
    assert world.checkpoints.rule_starts(world.source.name)[OTHER.id] == NOW


def test_a_rule_that_is_written_anew_under_way_keeps_when_it_began_and_tells_nothing_again() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    world.search.live.advance()
    (old,) = world.rules
    new = rule(RULE.replace("contains: shell", "contains: [shell, notepad]"))
    assert (new.id, new.hash != old.hash) == (old.id, True)
    world.reload(new)
    world.events.feed(made(2, NOW - 2 * MINUTE, CommandLine="notepad"))
    world.events.time += MINUTE
    detected = world.search.live.advance()
    assert detected is not None
    assert (detected.hits, detected.by_rule) == (1, {new.id: 2})


def test_a_rule_that_is_removed_under_way_finds_nothing_more() -> None:
    world = World(rules=(rule(), OTHER))
    world.search.live.advance()
    world.reload(OTHER)
    world.events.feed(made(1, NOW + MINUTE / 2))
    world.events.time += MINUTE
    detected = world.search.live.advance()
    assert detected is not None
    assert detected.hits == 0
    assert set(world.checkpoints.rule_starts(world.source.name)) == {OTHER.id}


def test_a_search_that_is_under_way_ends_by_the_rules_that_it_began_with() -> None:
    world = World()
    world.events.feed(made(1, NOW - MINUTE))
    detector = world.search.rules.detector
    world.reload(OTHER)
    assert detector.detect(Window(start=NOW - 5 * MINUTE, end=NOW)).hits == 1


def test_a_removed_rule_closes_its_holes_without_a_search() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW)
    gone = Gap(window=Window(start=NOW - 60 * MINUTE, end=NOW - 50 * MINUTE), reason="", rules=("gone",), due=NOW)
    world.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(gone,)))
    assert world.search.gaps.fill(MINUTE) == ()
    assert (world.gaps(), world.windows()) == ([], [])


# --------------------------------------------------------------------------- catching up


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("oldest", [(-125, -95), (-95, -65), (-65, -35), (-35, -5)]),
        ("newest", [(-35, -5), (-65, -35), (-95, -65), (-125, -95)]),
    ],
)
def test_a_downtime_is_searched_in_bounded_slices_the_oldest_or_the_newest_first(
    which: str, expected: list[tuple[float, float]]
) -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30), catch_up=which)
    world = World(source=source)
    world.searched(NOW - timedelta(days=1), NOW - 120 * MINUTE)
    world.search.live.advance()
    world.windows()
    assert len(world.search.gaps.fill(MINUTE)) == 4
    assert (world.windows(), world.gaps()) == (expected, [])


def test_a_slice_that_fails_again_and_again_does_not_keep_the_rest_of_its_hole_waiting() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW - 120 * MINUTE)
    poison = NOW - 80 * MINUTE
    world.events.fails[poison] = Overloaded("too much at once")
    world.events.feed(made(1, NOW - 110 * MINUTE), made(2, NOW - 20 * MINUTE))
    world.search.live.advance()
    done = world.search.gaps.fill(MINUTE)
    assert (len(done), len(world.kept("hits"))) == (3, 2)
    assert world.gaps() == [(-95, -65, ())]
    assert world.checkpoint.gaps[0].attempts == 1
    world.windows()
    assert world.search.gaps.fill(MINUTE) == ()  # not yet due
    assert world.windows() == []
    del world.events.fails[poison]
    world.events.time += MINUTE
    assert len(world.search.gaps.fill(MINUTE)) == 1
    assert world.gaps() == []


def test_catching_up_stays_within_its_budget() -> None:
    world = World()
    world.searched(NOW - timedelta(days=2), NOW - timedelta(days=1))
    world.search.live.advance()
    world.search.gaps.clock = FakeClock(step=20)
    assert len(world.search.gaps.fill(MINUTE)) == 2


# --------------------------------------------------------------------------- late events


def test_a_sweep_searches_just_the_slices_that_grew() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW)
    world.events.feed(made(1, NOW - 200 * MINUTE), made(2, NOW - 198 * MINUTE), made(3, NOW - 60 * MINUTE))
    world.events.time += MINUTE
    swept = world.search.late_events.check()
    assert [((one.window.start - NOW) / MINUTE, (one.window.end - NOW) / MINUTE) for one in swept] == [
        (-200, -195),
        (-60, -55),
    ]
    assert len(world.kept("hits")) == 3
    world.windows()
    world.events.time += world.source.late_events.every
    assert world.search.late_events.check() == ()
    assert len(world.windows()) == 4  # the counts: of the span, of what lies before and ahead


def test_a_sweep_is_due_once_in_its_period_and_looks_no_further_than_settings_say() -> None:
    world = World()
    world.searched(NOW - timedelta(days=30), NOW)
    world.events.feed(made(1, NOW - timedelta(days=8)))
    assert world.search.late_events.check() == ()
    assert world.windows()[0] == (-7 * 1440, 1440)
    world.events.time += world.source.late_events.every - MINUTE
    assert world.search.late_events.check() == ()
    assert world.windows() == []


def test_what_came_too_late_for_any_sweep_is_counted() -> None:
    world = World()
    world.searched(NOW - timedelta(days=30), NOW)
    world.events.feed(made(1, NOW - timedelta(days=8)))
    world.search.late_events.check()
    assert world.checkpoint.too_late == 0  # it was there before
    world.events.feed(made(2, NOW - timedelta(days=9)), made(3, NOW + timedelta(days=40)))
    world.events.time += world.source.late_events.every
    world.search.late_events.check()
    assert (world.checkpoint.too_late, world.checkpoint.future_events) == (1, 1)
    assert world.kept("hits") == set()


def test_events_dated_ahead_are_found_at_once_and_not_told_again_when_their_time_comes() -> None:
    world = World()
    world.search.live.advance()
    world.events.feed(made(1, NOW + 60 * MINUTE))
    world.search.late_events.check()
    assert len(world.kept("hits")) == 1
    world.events.time = NOW + 61 * MINUTE
    world.search.live.advance()
    world.search.gaps.fill(MINUTE)
    assert (len(world.kept("hits")), len(world.kept("alerts"))) == (1, 1)


def test_the_slice_of_the_present_is_left_to_the_next_tick() -> None:
    world = World()
    world.search.live.advance()
    world.events.time = NOW + MINUTE
    world.events.feed(made(1, NOW + MINUTE / 2))
    assert world.search.late_events.check() == ()
    world.search.live.advance()
    assert len(world.kept("hits")) == 1


def test_an_event_that_comes_late_into_a_slice_that_one_rule_misses_is_found_by_the_others() -> None:
    world = World(rules=(rule(), OTHER))
    world.searched(NOW - timedelta(days=1), NOW)
    span = Window(start=NOW - 60 * MINUTE, end=NOW - 55 * MINUTE)
    missed = Gap(window=span, reason="", rules=(OTHER.id,), due=NOW + timedelta(hours=1))
    world.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(missed,)))
    world.events.feed(made(1, NOW - 58 * MINUTE))
    world.events.time += MINUTE
    assert [one.hits for one in world.search.late_events.check()] == [1]


def test_an_event_that_comes_late_while_one_rule_s_hole_is_filled_is_found_by_the_others() -> None:
    world = World(rules=(rule(), OTHER))
    world.searched(NOW - timedelta(days=1), NOW)
    span = Window(start=NOW - 60 * MINUTE, end=NOW - 55 * MINUTE)
    missed = Gap(window=span, reason="", rules=(OTHER.id,), due=NOW)
    world.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(missed,)))
    world.events.feed(made(1, NOW - 58 * MINUTE))  # after the first search, before the second
    world.search.gaps.fill(MINUTE)
    assert (world.gaps(), world.kept("hits")) == ([], set())
    world.search.late_events.check()
    assert len(world.kept("hits")) == 1


def test_a_rule_that_fails_in_a_sweep_gets_a_hole_and_the_slice_is_not_searched_by_all_for_ever() -> None:
    world = World(rules=(rule(), OTHER))
    world.searched(NOW - timedelta(days=1), NOW)
    world.events.feed(made(1, NOW - 58 * MINUTE))
    world.events.time += MINUTE
    world.events.answers = [
        Incomplete("one shard"),
        Page(found=(made(1, NOW - 58 * MINUTE),), total=1, after=None),
    ]
    world.search.late_events.check()
    assert world.gaps() == [(-60, -55, (rule().id,))]
    world.events.time += world.source.late_events.every
    assert world.search.late_events.check() == ()
    world.search.gaps.fill(MINUTE)
    assert (len(world.kept("hits")), world.gaps()) == (1, [])


def test_a_slice_that_lost_events_is_noted_so_that_it_is_seen_to_grow_again() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW)
    world.events.feed(made(1, NOW - 60 * MINUTE), made(2, NOW - 59 * MINUTE))
    world.events.time += MINUTE
    world.search.late_events.check()
    world.events.arriving.pop()
    world.events.time += world.source.late_events.every
    assert world.search.late_events.check() == ()
    world.events.feed(made(3, NOW - 57 * MINUTE))
    world.events.time += world.source.late_events.every
    assert [one.hits for one in world.search.late_events.check()] == [1]


def test_an_index_that_vanished_with_its_events_is_a_named_gap() -> None:
    world = World()
    world.searched(NOW - timedelta(days=1), NOW - MINUTE)
    world.events.indices = ("winlogbeat-1", "winlogbeat-2")
    world.search.live.advance()
    world.events.feed(made(1, NOW - 60 * MINUTE))
    world.events.time += MINUTE
    world.search.late_events.check()
    world.events.arriving.clear()
    world.events.indices = ("winlogbeat-1",)
    world.events.time += world.source.late_events.every
    world.search.late_events.check()
    assert [(lost_index.indices, lost_index.events) for lost_index in world.checkpoint.lost_indices] == [
        (("winlogbeat-2",), 1)
    ]


def test_time_may_be_that_of_arrival_and_alerts_are_still_those_of_the_event_s_own_time() -> None:
    source = Source(delay=timedelta(0), time_field="event.ingested")
    world, plain = World(source=source), World()
    late = made(1, NOW - timedelta(hours=2))
    ingested = EventDocument(
        index=late.index,
        id=late.id,
        event={**late.event, "event": {"code": "4688", "ingested": format_timestamp(NOW - MINUTE)}},
    )
    world.events.feed(ingested)
    detected = world.search.live.advance()
    assert detected is not None
    assert detected.hits == 1
    plain.searched(NOW - timedelta(days=1), NOW)
    plain.events.feed(late)
    plain.events.time += MINUTE
    plain.search.late_events.check()
    assert world.kept("hits") == plain.kept("hits")
    assert world.kept("alerts") == plain.kept("alerts")


# --------------------------------------------------------------------------- the same past, the same alerts

HOSTS = ("A", "B", None)
minutes_of_events = st.lists(
    st.tuples(
        st.integers(0, 300),  # minute of the event
        st.one_of(st.just(0), st.integers(0, 400), st.integers(-200, 0)),  # how many minutes later it can be searched
        st.sampled_from(HOSTS),
        st.sampled_from(("a shell", "notepad")),
    ),
    max_size=12,
)


def everything(documents: Sequence[EventDocument], since: datetime) -> tuple[set[str], set[str]]:
    """Give the hits and alerts of one search over all of some events."""
    world = World()
    world.events.feed(*documents, at=EPOCH)
    world.search.rules.detector.detect(Window(start=since, end=NOW + timedelta(days=3)))
    return world.kept("hits"), world.kept("alerts")


@settings(max_examples=60, deadline=None)
@given(
    events=minutes_of_events,
    ticks=st.lists(st.integers(1, 90), min_size=1, max_size=12),
    faults=st.sets(st.integers(0, 11)),
)
def test_ticks_at_random_times_over_events_of_any_lateness_open_what_one_search_over_all_opens(
    events: list[tuple[int, int, str | None, str]], ticks: list[int], faults: set[int]
) -> None:
    source = Source(
        delay=timedelta(0), slice=timedelta(minutes=30), late_events=LateEventSettings(every=MINUTE), search="query"
    )
    world = World(source=source)
    world.search.live.advance()
    documents = [
        made(number, NOW + minute * MINUTE, host=host, CommandLine=line)
        for number, (minute, _, host, line) in enumerate(events)
    ]
    for document, (minute, late, _, _) in zip(documents, events, strict=True):
        world.events.feed(document, at=NOW + (minute + late) * MINUTE)
    for number, wait in enumerate([*ticks, 300, 900, 60, 60, 60]):
        world.events.time += wait * MINUTE
        world.events.answers = [Incomplete("a shard")] if number in faults and number < len(ticks) else []
        for work in (world.search.live.advance, lambda: world.search.gaps.fill(MINUTE), world.search.late_events.check):
            try:
                work()
            except ClusterError:
                world.events.answers = []
    assert (world.kept("hits"), world.kept("alerts")) == everything(documents, slice_floor(NOW) - SLICE)


@dataclass
class RecordingEvents(ArrivingEvents):
    """Events that record the searches for them."""

    requests: list[SearchRequest] = field(default_factory=list)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        self.requests.extend(requests)
        return super().search(requests)


def test_a_check_without_late_events_requests_no_event() -> None:
    events = RecordingEvents()
    world = World(events=events)
    world.searched(NOW - timedelta(days=8), NOW)
    world.search.late_events.check()
    assert events.requests == []
    events.feed(made(1, NOW - 60 * MINUTE))
    world.events.time += world.source.late_events.every
    world.search.late_events.check()
    assert len(events.requests) == 1
