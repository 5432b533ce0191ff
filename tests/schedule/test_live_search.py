"""The live search moves the watermark; what it could not search completely becomes a gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.fake_source import MINUTE, OTHER, SOURCE, FakeSource, arriving
from support.fakes import NOW, ArrivingEvents, rule

from watcher.checkpoints.gaps import Gap
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused, Unexpected, Unreachable
from watcher.model import EventDocument, Window
from watcher.pipeline import Stopped
from watcher.ports import Page, Tallies
from watcher.timestamps import format_timestamp


def test_a_window_moves_the_watermark_and_its_hits_are_stored() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.alerts, result.is_complete) == (1, 1, True)
    assert (fake.checkpoint.since, fake.checkpoint.watermark) == (NOW - 5 * MINUTE, NOW)


def test_the_next_search_covers_an_overlap_and_repeats_no_alert() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.search.live.advance()
    fake.windows()
    fake.events.time += MINUTE
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.alerts) == (0, 0)
    assert fake.windows() == [(-5, 1)]


def impossible(number: int, ingested: datetime) -> EventDocument:
    """Return an event that was stored at a time, dated ten years before."""
    event = arriving(number, ingested - timedelta(days=3650), host=f"H{number}")
    return replace(event, event=event.event | {"event.ingested": format_timestamp(ingested)})


def test_events_of_impossible_times_are_counted_once_whichever_search_finds_them() -> None:
    fake = FakeSource(source=replace(SOURCE, time_field="event.ingested"))
    fake.searched(NOW - 300 * MINUTE, NOW - 200 * MINUTE)
    fake.events.feed(impossible(1, NOW - MINUTE), impossible(2, NOW - MINUTE), impossible(3, NOW - 100 * MINUTE))
    fake.search.live.advance()
    assert (fake.checkpoint.replaced_times, fake.checkpoint.last_replaced_time) == (2, NOW)
    fake.search.gaps.fill(MINUTE)
    assert fake.checkpoint.replaced_times == 3
    fake.events.time += MINUTE
    fake.search.live.advance()
    assert (fake.checkpoint.replaced_times, fake.checkpoint.last_replaced_time) == (3, NOW)


def test_after_a_downtime_the_present_is_searched_at_once_and_the_rest_is_a_gap() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=20), NOW - timedelta(days=14))
    fake.search.live.advance()
    assert fake.checkpoint.watermark == NOW
    assert fake.gaps() == [(-14 * 1440 - 5, -5, ())]


@pytest.mark.parametrize("fault", [Incomplete("a shard is missing"), Overloaded("later"), Refused("no")])
def test_a_failed_window_is_a_gap_and_does_not_delay_later_ones(fault: ClusterError) -> None:
    fake = FakeSource()
    fake.events.fails[NOW - MINUTE] = fault
    with pytest.raises(type(fault)):
        fake.search.live.advance()
    assert fake.gaps() == [(-5, 0, ())]
    assert fake.checkpoint.gaps[0].reason == str(fault)
    assert fake.checkpoint.watermark == NOW
    fake.events.fails.clear()
    fake.events.time += 20 * MINUTE
    fake.search.live.advance()
    assert (fake.checkpoint.watermark, fake.gaps()) == (NOW + 20 * MINUTE, [])


@pytest.mark.parametrize("fault", [RecursionError("too deep"), KeyError("hits"), MemoryError()])
def test_an_unexpected_error_leaves_a_gap_and_does_not_delay_other_windows(fault: Exception) -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.events.fails[NOW - MINUTE] = fault
    with pytest.raises(Unexpected):
        fake.search.live.advance()
    assert (fake.gaps(), fake.checkpoint.watermark) == ([(-5, 0, ())], NOW)
    assert type(fault).__name__ in fake.checkpoint.gaps[0].reason
    fake.events.time += MINUTE
    assert fake.search.gaps.fill(MINUTE) == ()  # the gap is tried again, and stays
    assert (fake.gaps(), fake.checkpoint.gaps[0].attempts) == ([(-5, 0, ())], 2)
    fake.events.time += 10 * MINUTE
    with pytest.raises(Unexpected):
        fake.search.live.advance()  # its overlap holds the poison
    fake.events.time += 10 * MINUTE
    fake.events.feed(arriving(2, fake.events.time - MINUTE))
    assert fake.search.live.advance() is not None
    assert len(fake.ids("hits")) == 1
    fake.events.fails.clear()
    fake.events.time += 20 * MINUTE
    fake.search.gaps.fill(MINUTE)
    assert (fake.gaps(), len(fake.ids("hits"))) == ([], 2)


def test_an_unreachable_cluster_leaves_the_watermark_where_it_was() -> None:
    fake = FakeSource()
    fake.search.live.advance()
    fake.events.time += 10 * MINUTE
    fake.events.fails[NOW + MINUTE] = Unreachable("away")
    with pytest.raises(Unreachable):
        fake.search.live.advance()
    assert (fake.checkpoint.watermark, fake.gaps()) == (NOW, [])


def test_a_failed_rule_has_its_own_gap() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.events.answers = [Incomplete("one shard"), Page(documents=(), total=0, after=None)]
    fake.search.live.advance()
    assert fake.gaps() == [(-5, 0, (rule().id,))]
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.events.time += MINUTE
    (filled,) = fake.search.gaps.fill(MINUTE)
    assert (filled.hits, fake.gaps()) == (1, [])


def test_where_every_rule_failed_there_is_a_single_gap() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.events.answers = [Incomplete("one shard"), Incomplete("one shard")]
    fake.search.live.advance()
    assert fake.gaps() == [(-5, 0, ())]


def test_the_next_search_closes_the_gap_that_it_covers() -> None:
    fake = FakeSource()
    fake.events.answers = [Incomplete("one shard")]
    fake.search.live.advance()
    fake.events.time += MINUTE
    fake.search.live.advance()
    assert fake.gaps() == []


def test_without_indices_the_watermark_moves() -> None:
    fake = FakeSource(events=ArrivingEvents(indices=()))
    result = fake.search.live.advance()
    assert result is not None
    assert (result.indices, fake.checkpoint.watermark) == ((), NOW)


def test_a_search_that_is_stopped_leaves_no_checkpoint() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.search.live.stopping = lambda: True
    with pytest.raises(Stopped):
        fake.search.live.advance()
    assert fake.checkpoints.read("windows") is None
    assert fake.ids("hits") == set()


def test_a_deleted_state_begins_anew() -> None:
    fake = FakeSource()
    fake.search.live.advance()
    fake.state.documents.clear()
    fake.events.time += timedelta(hours=3)
    fake.search.live.advance()
    assert fake.checkpoint.since == fake.events.time - 5 * MINUTE
    assert fake.checkpoints.rule_starts("windows") == {rule().id: fake.checkpoint.since}


@dataclass
class Interrupted(ArrivingEvents):
    """Events in whose search something else happens, once."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def tallies(self, step: timedelta) -> Tallies:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().tallies(step)


@pytest.mark.parametrize("fails", [{}, {NOW: Incomplete("a shard is missing")}], ids=["searched", "failed"])
def test_a_state_deleted_during_a_search_begins_anew_and_logs_an_error(
    fails: dict[datetime, ClusterError],
) -> None:
    events = Interrupted()
    fake = FakeSource(events=events)
    fake.search.live.advance()
    gap = Gap(window=Window(start=NOW - 60 * MINUTE, end=NOW - 30 * MINUTE), reason="one", due=NOW + MINUTE)
    edge = replace(fake.checkpoint, gaps=(gap,))
    fake.store(edge)
    fake.events.time += MINUTE
    events.meanwhile.append(fake.state.documents.clear)
    events.fails = dict(fails)
    with pytest.raises(Incomplete, match="was deleted"):
        fake.search.live.advance()
    assert fake.checkpoints.read("windows") is None  # a checkpoint that lost its gaps is not taken as complete
    events.fails.clear()
    with capture_logs() as entries:
        fake.search.live.advance()
    assert [entry["log_level"] for entry in entries if entry["event"] == "checkpoint.created"] == ["error"]
    assert fake.checkpoints.rule_starts("windows") == {rule().id: fake.checkpoint.since}


def test_the_span_for_which_a_first_start_waited_for_its_cluster_is_searched() -> None:
    fake = FakeSource()
    fake.search.live.waited = lambda: timedelta(hours=2)
    fake.events.feed(arriving(1, NOW - timedelta(minutes=110)))
    fake.search.live.advance()
    assert fake.gaps() == [(-125, -5, ())]
    fake.search.gaps.fill(MINUTE)
    assert (len(fake.ids("hits")), fake.gaps()) == (1, [])


def test_the_wait_of_a_first_start_ends_with_its_first_checkpoint_and_not_with_its_first_try() -> None:
    fake = FakeSource()
    waited = timedelta(minutes=1)
    fake.search.live.waited = lambda: waited
    fake.events.feed(arriving(1, NOW + MINUTE))
    fake.events.fails = {NOW - MINUTE: Unreachable("away"), NOW + 119 * MINUTE: Unreachable("away")}
    for minutes in (0, 120):
        fake.events.time, waited = NOW + minutes * MINUTE, timedelta(minutes=minutes)
        with capture_logs() as entries, pytest.raises(Unreachable):
            fake.search.live.advance()
        assert [entry["log_level"] for entry in entries if entry["event"] == "checkpoint.created"] == ["info"]
    fake.events.fails.clear()
    fake.events.time += 2 * MINUTE
    waited += 2 * MINUTE
    fake.search.live.advance()
    ((start, end, rules),) = fake.gaps()
    assert -10 <= start <= -5  # an overlap before the first try, from the start of a slice
    assert (end, rules) == (115, ())
    fake.search.gaps.fill(MINUTE)
    assert (len(fake.ids("hits")), fake.gaps()) == (1, [])

    waited += 1000 * MINUTE
    fake.events.time += MINUTE
    fake.search.live.advance()
    assert fake.gaps() == []
