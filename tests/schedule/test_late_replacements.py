"""Late events are found although other events of their slice were deleted; what changed is searched, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.fake_source import MINUTE, SOURCE, FakeSource
from support.fakes import NOW, rule
from support.sharded_events import ShardedEvents

from watcher.errors import Incomplete, Refused
from watcher.ports import Incarnation, MarkedIndex, NewerEvents
from watcher.schedule import late_slices
from watcher.settings import Source

HOUR = timedelta(hours=1)
OLD = NOW - HOUR


def checked(events: ShardedEvents | None = None) -> tuple[FakeSource, ShardedEvents]:
    """Return a source with three events of an hour ago, found by a check."""
    events = events or ShardedEvents(indices=("winlogbeat-1", "winlogbeat-2"))
    fake = FakeSource(events=events)
    fake.searched(NOW - 24 * HOUR, NOW)
    for second in range(3):
        events.write(OLD + timedelta(seconds=second))
    events.time += MINUTE
    assert [result.hits for result in fake.search.late_events.check()] == [3]
    assert recheck(fake) == 0
    events.read.clear()
    return fake, events


def recheck(fake: FakeSource) -> int:
    """Check again, and return the number of new hits."""
    fake.events.time += fake.source.late_events.every
    return sum(result.hits for result in fake.search.late_events.check())


def test_an_event_that_comes_where_another_was_deleted_is_found() -> None:
    fake, events = checked()
    events.delete(events.written[0])
    events.write(OLD)
    assert recheck(fake) == 1
    assert recheck(fake) == 0


def test_an_event_that_comes_where_several_were_deleted_is_found() -> None:
    fake, events = checked()
    events.delete(events.written[0])
    events.delete(events.written[1])
    events.write(OLD)
    assert recheck(fake) == 1


def test_an_event_that_comes_to_another_shard_is_found() -> None:
    events = ShardedEvents(
        incarnations={"winlogbeat-1": Incarnation(uuid="first", primary_terms=(1, 1))}, indices=("winlogbeat-1",)
    )
    fake, events = checked(events)
    events.delete(events.written[0])
    events.write(OLD, shard=1)
    assert recheck(fake) == 1


def test_an_event_of_the_future_that_comes_where_another_was_deleted_is_found() -> None:
    fake, events = checked()
    early = events.write(NOW + 5 * HOUR)
    assert recheck(fake) == 1
    events.delete(early)
    events.write(NOW + 5 * HOUR)
    assert recheck(fake) == 1


def test_a_slice_that_left_the_overlap_since_the_last_check_is_compared_with_what_was_read() -> None:
    fake, events = checked()
    events.write(events.time - MINUTE)
    fake.search.live.advance()
    events.delete(events.written[-1])
    events.time += 11 * MINUTE  # the live search does not reach it any more
    fake.search.live.advance()
    events.write(events.time - 12 * MINUTE)
    assert recheck(fake) == 1
    assert recheck(fake) == 0


def test_what_did_not_change_is_not_searched_again() -> None:
    fake, events = checked()
    for _ in range(30):
        events.write(events.time - MINUTE / 2)
        fake.search.live.advance()
        events.time += MINUTE
    events.read.clear()
    assert recheck(fake) == 0
    assert events.read == []


class Failing(ShardedEvents):
    """Events of which short windows cannot be counted for a while."""

    fails_now = False

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        if self.fails_now and self.windows[-1].length < HOUR:
            raise Incomplete("one shard")
        return super().counts(step)


def test_a_slice_whose_search_fails_is_searched_by_the_next_check() -> None:
    events = Failing(indices=("winlogbeat-1",))
    fake, _ = checked(events)
    events.delete(events.written[0])
    events.write(OLD)
    events.fails_now = True
    assert recheck(fake) == 0
    events.fails_now = False
    assert recheck(fake) == 1


def test_a_rule_that_fails_there_gets_a_gap() -> None:
    fake, events = checked()
    events.delete(events.written[0])
    events.write(OLD)
    events.answers = [Incomplete("one shard")]
    assert recheck(fake) == 0
    assert [rules for _, _, rules in fake.gaps()] == [(rule().id,)]
    events.time += MINUTE
    assert sum(result.hits for result in fake.search.gaps.fill(MINUTE)) == 1


def test_without_marks_counts_alone_are_compared() -> None:
    fake, events = checked(ShardedEvents(incarnations={}))
    events.delete(events.written[0])
    events.write(OLD)
    assert recheck(fake) == 0
    events.write(OLD)
    assert recheck(fake) == 2


def test_where_the_marks_are_refused_counts_are_compared_and_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, events = checked()

    def refused(_self: object, _indices: Sequence[MarkedIndex], *_: object, **__: object) -> Sequence[NewerEvents]:
        raise Refused("no sequence numbers")

    monkeypatch.setattr(type(fake.search.late_events.counts), "newer", refused)
    events.write(OLD)
    with capture_logs() as entries:
        assert recheck(fake) == 1
    assert [entry["event"] for entry in entries if entry["log_level"] == "warning"] == ["late_events.counts_only"]


def test_an_index_that_was_created_anew_is_searched_again() -> None:
    fake, events = checked()
    events.incarnations = {"winlogbeat-1": Incarnation(uuid="second", primary_terms=(1,))}
    events.delete(events.written[0])
    events.write(OLD)
    assert recheck(fake) == 1


def test_where_that_is_too_much_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_slices, "MOST_UNPROVEN", 2)
    fake, events = checked()
    events.incarnations = {"winlogbeat-1": Incarnation(uuid="second", primary_terms=(1,))}
    with capture_logs() as entries:
        assert recheck(fake) == 0
    assert [entry["slices"] for entry in entries if entry["event"] == "late_events.unproven"] == [1]


# --------------------------------------------------------------------------- deleted indices


def test_a_deleted_index_is_reported_once_although_the_live_search_goes_on() -> None:
    fake, events = checked()
    lost = events.write(OLD, index="winlogbeat-2")
    fake.search.live.advance()
    assert recheck(fake) == 1
    events.delete(lost)
    events.indices = ("winlogbeat-1",)
    events.time += MINUTE
    fake.search.live.advance()
    with capture_logs() as entries:
        recheck(fake)
        fake.search.live.advance()
        recheck(fake)
    assert [entry["indices"] for entry in entries if entry["event"] == "index.gone"] == [("winlogbeat-2",)]
    assert [(entry.indices, entry.events) for entry in fake.checkpoint.lost_indices] == [(("winlogbeat-2",), 1)]
    assert fake.checkpoint.indices == ("winlogbeat-1",)


@pytest.mark.parametrize(("brought_back", "reported"), [(0, [3]), (2, [1]), (3, [])])
def test_an_index_that_was_deleted_and_created_anew_is_reported_for_what_it_lost(
    brought_back: int, reported: list[int]
) -> None:
    fake, events = checked()
    events.incarnations = {"winlogbeat-1": Incarnation(uuid="second", primary_terms=(1,))}
    for event in events.written[brought_back:]:
        events.delete(event)
    with capture_logs() as entries:
        recheck(fake)
        recheck(fake)
    gone = [entry for entry in entries if entry["event"] == "index.gone"]
    assert [(entry["indices"], entry["events"]) for entry in gone] == [(("winlogbeat-1",), lost) for lost in reported]
    assert [entry.events for entry in fake.checkpoint.lost_indices] == reported


def test_an_index_whose_events_are_older_than_the_check_reaches_is_not_reported() -> None:
    fake, events = checked()
    events.write(NOW - timedelta(days=8), index="winlogbeat-2")
    fake.search.live.advance()
    recheck(fake)
    events.delete(events.written[-1])
    events.indices = ("winlogbeat-1",)
    recheck(fake)
    assert (fake.checkpoint.lost_indices, fake.checkpoint.indices) == ((), ("winlogbeat-1",))


# --------------------------------------------------------------------------- a source that selects other events


@pytest.mark.parametrize(
    "changed",
    [
        replace(SOURCE, index="other-*"),
        replace(SOURCE, fields={"Image": ("process.path",)}),
    ],
    ids=["pattern", "fields"],
)
def test_what_a_changed_source_holds_is_searched_as_a_gap(changed: Source) -> None:
    fake, events = checked()
    fake.search.live.advance()
    events.write(events.time - 20 * MINUTE)
    fake.search.live.advance()
    fake.source = changed
    fake.restart()
    events.time += MINUTE
    with capture_logs() as entries:
        fake.search.live.advance()
    assert [entry["after"].split()[0] for entry in entries if entry["event"] == "source.changed"] == [fake.source.index]
    (gap,) = fake.checkpoint.gaps
    assert "selected other events before: winlogbeat-*" in gap.reason
    assert sum(result.hits for result in fake.search.gaps.fill(MINUTE)) == 1
    events.time += MINUTE
    fake.search.live.advance()
    assert fake.checkpoint.gaps == ()


def test_a_source_whose_selection_was_not_stored_yet_is_not_searched_again() -> None:
    fake = FakeSource()
    fake.searched(NOW - 24 * HOUR, NOW)
    fake.events.time += MINUTE
    fake.search.live.advance()
    assert fake.gaps() == []
    assert (fake.checkpoint.searched_as or "").startswith("winlogbeat-* by @timestamp, fields ")
