"""Late events are found by the counts of their slices, and nothing else is searched again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from support.fake_source import MINUTE, OTHER, FakeSource, arriving
from support.fakes import NOW, ArrivingEvents, ListedCounts, rule

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.errors import ClusterError, Forbidden, Incomplete, TooSlow, Unreachable
from watcher.model import Window
from watcher.ports import Page, SearchRequest


def source_with_a_poisoned_slice(fault: Exception) -> FakeSource:
    """Return a source with two late events; the search of the first one's slice raises the fault."""

    class Poisoned(ArrivingEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            if any(document.id == "e1" for document in self.documents):
                raise fault
            return super().search(requests)

    fake = FakeSource(events=Poisoned())
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 58 * MINUTE), arriving(2, NOW - 38 * MINUTE))
    fake.events.time += MINUTE
    return fake


def test_an_unexpected_error_leaves_a_gap_and_the_check_goes_on() -> None:
    fake = source_with_a_poisoned_slice(RecursionError("too deep"))
    assert [result.hits for result in fake.search.late_events.check()] == [1]
    assert fake.gaps() == [(-60, -55, ())]
    assert "RecursionError: too deep" in fake.checkpoint.gaps[0].reason


@pytest.mark.parametrize("fault", [Unreachable("504"), TooSlow("ran out of time"), Forbidden("field level security")])
def test_a_late_slice_that_is_never_answered_becomes_a_gap_and_the_others_are_searched(fault: ClusterError) -> None:
    fake = source_with_a_poisoned_slice(fault)
    assert [result.hits for result in fake.search.late_events.check()] == [1]
    assert fake.gaps() == [(-60, -55, ())]
    assert fake.checkpoint.last_late_check == fake.events.time


def test_where_older_events_cannot_be_counted_late_ones_are_searched_and_the_counts_stay() -> None:
    class Uncounted(ListedCounts):
        def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
            raise Incomplete(f"{pattern} by {time_field} in {len(windows)} windows: a shard failed")

    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 58 * MINUTE))
    fake.search.late_events.counts = Uncounted(fake.events)
    assert [result.hits for result in fake.search.late_events.check()] == [1]
    assert (fake.checkpoint.last_late_check, fake.checkpoint.older_events) == (NOW, None)


def test_only_slices_with_more_events_are_searched() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 200 * MINUTE), arriving(2, NOW - 198 * MINUTE), arriving(3, NOW - 60 * MINUTE))
    fake.events.time += MINUTE
    results = fake.search.late_events.check()
    assert [((result.window.start - NOW) / MINUTE, (result.window.end - NOW) / MINUTE) for result in results] == [
        (-200, -195),
        (-60, -55),
    ]
    assert len(fake.ids("hits")) == 3
    fake.windows()
    fake.events.time += fake.source.late_events.every
    assert fake.search.late_events.check() == ()
    assert len(fake.windows()) == 4  # the counts: of the span, of what lies before and ahead


def test_a_check_is_due_once_in_its_period_and_covers_the_span_of_the_settings() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=30), NOW)
    fake.events.feed(arriving(1, NOW - timedelta(days=8)))
    assert fake.search.late_events.check() == ()
    assert fake.windows()[0] == (-7 * 1440, 1440)
    fake.events.time += fake.source.late_events.every - MINUTE
    assert fake.search.late_events.check() == ()
    assert fake.windows() == []


def test_events_too_late_for_any_check_are_counted() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=30), NOW)
    fake.events.feed(arriving(1, NOW - timedelta(days=8)))
    fake.search.late_events.check()
    assert fake.checkpoint.too_late == 0  # it was there before
    fake.events.feed(arriving(2, NOW - timedelta(days=9)), arriving(3, NOW + timedelta(days=40)))
    fake.events.time += fake.source.late_events.every
    fake.search.late_events.check()
    assert (fake.checkpoint.too_late, fake.checkpoint.future_events) == (1, 1)
    assert fake.ids("hits") == set()


def test_the_present_slice_is_left_to_the_live_search() -> None:
    fake = FakeSource()
    fake.search.live.advance()
    fake.events.time = NOW + MINUTE
    fake.events.feed(arriving(1, NOW + MINUTE / 2))
    assert fake.search.late_events.check() == ()
    fake.search.live.advance()
    assert len(fake.ids("hits")) == 1


def test_a_late_event_in_the_gap_of_another_rule_is_found() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.searched(NOW - timedelta(days=1), NOW)
    span = Window(start=NOW - 60 * MINUTE, end=NOW - 55 * MINUTE)
    missed = Gap(window=span, reason="", rules=(OTHER.id,), due=NOW + timedelta(hours=1))
    fake.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(missed,)))
    fake.events.feed(arriving(1, NOW - 58 * MINUTE))
    fake.events.time += MINUTE
    assert [result.hits for result in fake.search.late_events.check()] == [1]


def test_an_event_that_arrives_while_the_gap_of_another_rule_is_filled_is_found() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.searched(NOW - timedelta(days=1), NOW)
    span = Window(start=NOW - 60 * MINUTE, end=NOW - 55 * MINUTE)
    missed = Gap(window=span, reason="", rules=(OTHER.id,), due=NOW)
    fake.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(missed,)))
    fake.events.feed(arriving(1, NOW - 58 * MINUTE))  # after the first search, before the second
    fake.search.gaps.fill(MINUTE)
    assert (fake.gaps(), fake.ids("hits")) == ([], set())
    fake.search.late_events.check()
    assert len(fake.ids("hits")) == 1


def test_a_rule_that_fails_gets_a_gap_and_the_slice_is_not_searched_again_by_all() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 58 * MINUTE))
    fake.events.time += MINUTE
    fake.events.answers = [
        Incomplete("one shard"),
        Page(documents=(arriving(1, NOW - 58 * MINUTE),), total=1, after=None),
    ]
    fake.search.late_events.check()
    assert fake.gaps() == [(-60, -55, (rule().id,))]
    fake.events.time += fake.source.late_events.every
    assert fake.search.late_events.check() == ()
    fake.search.gaps.fill(MINUTE)
    assert (len(fake.ids("hits")), fake.gaps()) == (1, [])


def test_the_lower_count_of_a_slice_is_stored_so_that_growth_is_noticed() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 60 * MINUTE), arriving(2, NOW - 59 * MINUTE))
    fake.events.time += MINUTE
    fake.search.late_events.check()
    fake.events.arriving.pop()
    fake.events.time += fake.source.late_events.every
    assert fake.search.late_events.check() == ()
    fake.events.feed(arriving(3, NOW - 57 * MINUTE))
    fake.events.time += fake.source.late_events.every
    assert [result.hits for result in fake.search.late_events.check()] == [1]


def test_an_index_deleted_with_its_events_is_named() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW - MINUTE)
    fake.events.indices = ("winlogbeat-1", "winlogbeat-2")
    fake.search.live.advance()
    fake.events.feed(arriving(1, NOW - 60 * MINUTE))
    fake.events.time += MINUTE
    fake.search.late_events.check()
    fake.events.arriving.clear()
    fake.events.indices = ("winlogbeat-1",)
    fake.events.time += fake.source.late_events.every
    fake.search.late_events.check()
    assert [(lost_index.indices, lost_index.events) for lost_index in fake.checkpoint.lost_indices] == [
        (("winlogbeat-2",), 1)
    ]


@dataclass
class RecordingEvents(ArrivingEvents):
    """Events that record the searches for them."""

    requests: list[SearchRequest] = field(default_factory=list)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        self.requests.extend(requests)
        return super().search(requests)


def test_a_check_without_late_events_requests_no_event() -> None:
    events = RecordingEvents()
    fake = FakeSource(events=events)
    fake.searched(NOW - timedelta(days=8), NOW)
    fake.search.late_events.check()
    assert events.requests == []
    events.feed(arriving(1, NOW - 60 * MINUTE))
    fake.events.time += fake.source.late_events.every
    fake.search.late_events.check()
    assert len(events.requests) == 1


def test_events_dated_before_the_first_search_are_counted_where_they_come_later() -> None:
    fake = FakeSource()
    fake.searched(NOW - 60 * MINUTE, NOW)
    fake.events.feed(arriving(1, NOW - 90 * MINUTE))
    fake.search.late_events.check()
    assert fake.checkpoint.too_late == 0  # it was there when the search began
    fake.events.feed(arriving(2, NOW - 100 * MINUTE), arriving(3, NOW - 61 * MINUTE))
    fake.events.time += timedelta(hours=1)
    fake.search.late_events.check()
    assert fake.checkpoint.too_late == 2
