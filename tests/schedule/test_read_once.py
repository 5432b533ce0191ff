"""The live search reads each event once, and every event that becomes searchable within the overlap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_source import MINUTE, OTHER, SOURCE, FakeSource
from support.fakes import NOW, rule
from support.sharded_events import ShardedEvents

from watcher.errors import ClusterError, Incomplete, Refused
from watcher.ports import FieldType, Incarnation, IndexMapping, Tallies

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


def started(shards: int = 1) -> tuple[FakeSource, ShardedEvents]:
    """Return a source that searched once, with 60 events in a minute."""
    events = ShardedEvents(indices=("winlogbeat-1", "winlogbeat-2"))
    fake = FakeSource(events=events)
    for second in range(60):
        events.write(NOW - MINUTE + second * SECOND, shard=second % shards)
    fake.search.live.advance()
    assert len(events.read) == 60
    events.read.clear()
    return fake, events


def tick(fake: FakeSource, events: ShardedEvents) -> list[str]:
    """Search the next minute, and return the ids of the events that were read."""
    events.read.clear()
    events.time += MINUTE
    result = fake.search.live.advance()
    assert result is not None
    assert result.fetched == len(events.read)
    return sorted(document.id for document in events.read)


def test_an_event_is_read_once() -> None:
    fake, events = started()
    assert tick(fake, events) == []
    events.write(events.time + 10 * SECOND)
    assert tick(fake, events) == ["e60"]
    assert tick(fake, events) == []
    assert len(fake.ids("hits")) == 61


def test_of_a_slice_that_grows_only_the_late_event_is_read() -> None:
    fake, events = started()
    late = [events.write(NOW - second * SECOND) for second in (3, 3, 40)]
    assert tick(fake, events) == [entry.document.id for entry in late]
    assert len(fake.ids("hits")) == 63


def test_every_event_is_counted_although_it_is_not_read_again() -> None:
    fake, events = started()
    tick(fake, events)
    assert fake.checkpoints.counts("windows", events.windows[-1]) == {NOW - 5 * MINUTE: 60}


def test_an_event_that_replaces_a_deleted_one_in_its_slice_is_read() -> None:
    fake, events = started()
    events.delete(events.written[30])
    late = events.write(NOW - 30 * SECOND)
    assert late.document.id in tick(fake, events)


def test_an_event_that_is_written_again_is_read_again() -> None:
    fake, events = started()
    events.update(events.written[30])
    assert tick(fake, events) == ["e30"]


def test_an_event_that_becomes_visible_after_later_ones_is_read() -> None:
    fake, events = started()
    events.write(NOW - 30 * SECOND, hidden=2 * MINUTE)
    events.write(NOW - 30 * SECOND)
    assert tick(fake, events) == ["e61"]
    assert "e60" in tick(fake, events)


def test_an_event_in_a_shard_that_lags_behind_is_read() -> None:
    fake, events = started()  # all 60 in one shard
    events.write(NOW - 30 * SECOND, shard=1)
    assert "e60" in tick(fake, events)


def test_a_new_index_is_read() -> None:
    fake, events = started()
    events.write(NOW - 30 * SECOND, index="winlogbeat-2")
    assert tick(fake, events) == ["e60"]


def test_an_index_that_was_created_anew_is_read_completely() -> None:
    fake, events = started()
    events.incarnations = {"winlogbeat-1": Incarnation(uuid="second", primary_terms=(1,))}
    assert len(tick(fake, events)) == 60


def test_an_index_of_an_unknown_incarnation_is_read_completely_each_time() -> None:
    fake, events = started()
    events.incarnations = {}
    assert [len(tick(fake, events)) for _ in range(2)] == [60, 60]


def test_after_a_restart_the_overlap_is_read_completely_once() -> None:
    fake, events = started()
    fake.restart()
    assert [len(tick(fake, events)) for _ in range(2)] == [60, 0]


def test_after_another_sidecar_had_the_lease_the_overlap_is_read_completely_once() -> None:
    fake, events = started()
    mine = fake.search
    fake.restart()
    tick(fake, events)
    fake.search = mine
    assert [len(tick(fake, events)) for _ in range(2)] == [60, 0]


def test_other_rules_read_the_overlap_completely_once() -> None:
    fake, events = started()
    fake.reload(rule(), OTHER)
    assert [len(tick(fake, events)) for _ in range(2)] == [120, 0]


def test_after_a_failed_search_the_overlap_is_read_completely_once() -> None:
    fake, events = started()
    events.answers = [Incomplete("one shard")]
    events.write(NOW + SECOND)
    assert tick(fake, events) == []
    assert fake.gaps() == [(-5, 1, ())]
    assert [len(tick(fake, events)) for _ in range(2)] == [61, 0]
    assert (fake.gaps(), len(fake.ids("hits"))) == ([], 61)


def test_a_span_that_has_a_gap_is_read_completely() -> None:
    fake, events = started()
    events.fails[NOW - MINUTE] = Incomplete("one shard")
    events.time += MINUTE
    with pytest.raises(Incomplete):
        fake.search.live.advance()
    events.fails.clear()
    assert [len(tick(fake, events)) for _ in range(2)] == [60, 0]


def test_another_mapping_reads_the_overlap_completely_once() -> None:
    fake, events = started()

    def remapped(pattern: str, paths: tuple[str, ...], **_: object) -> IndexMapping:
        mapping = ShardedEvents.mapping(events, pattern, paths)
        return replace(mapping, fields={path: (FieldType(type="wildcard"),) for path in paths})

    events.mapping = remapped  # type: ignore[method-assign, assignment] - as if the index had been mapped otherwise
    assert [len(tick(fake, events)) for _ in range(2)] == [60, 0]


@pytest.mark.parametrize("fault", [Refused("too many buckets"), Refused("no doc values")])
def test_where_the_engine_cannot_tally_everything_is_read(fault: ClusterError) -> None:
    class Untallied(ShardedEvents):
        def tallies(self, step: timedelta) -> Tallies:  # noqa: ARG002 - the port's name
            raise fault

    events = Untallied()
    fake = FakeSource(events=events)
    events.write(NOW - 30 * SECOND)
    fake.search.live.advance()
    assert [tick(fake, events) for _ in range(2)] == [["e0"], ["e0"]]


def test_where_slices_are_too_many_longer_ones_are_compared() -> None:
    class Limited(ShardedEvents):
        def tallies(self, step: timedelta) -> Tallies:
            if step < 5 * SECOND:
                raise Refused("too many buckets")
            return super().tallies(step)

    events = Limited()
    fake = FakeSource(events=events)
    events.write(NOW - 30 * SECOND)
    fake.search.live.advance()
    assert tick(fake, events) == []


# --------------------------------------------------------------------------- whatever happens

Action = tuple[str, int, int, int, int]
KINDS = ("write", "write", "write", "delete", "update", "replace")
INDICES = ("winlogbeat-1", "winlogbeat-2")


def minutes_of(*kinds: str, shards: int) -> st.SearchStrategy[list[list[Action]]]:
    """Return what happens in some minutes."""
    actions = st.tuples(
        st.sampled_from(kinds),
        st.integers(0, 299),  # seconds before now
        st.integers(0, shards - 1),
        st.integers(1, 2),  # index
        st.sampled_from([0, 0, 0, 20, 70]),  # seconds until it is visible
    )
    return st.lists(st.lists(actions, max_size=8), min_size=2, max_size=6)


def act(events: ShardedEvents, action: Action) -> None:
    """Do one of the things that happen in an index."""
    kind, ago, shard, index, hidden = action
    if kind != "write" and not events.written:
        return
    victim = events.written[ago % len(events.written)] if events.written else None
    if kind in {"delete", "replace"} and victim is not None:
        events.delete(victim)
    if kind == "update" and victim is not None and victim.gone is None:
        events.update(victim, hidden=hidden * SECOND)
    if kind == "write":
        events.write(events.time - ago * SECOND, shard=shard, index=f"winlogbeat-{index}", hidden=hidden * SECOND)
    if kind == "replace" and victim is not None:
        events.write(events.moment(victim.document) + MILLISECOND, shard=shard, index=victim.document.index)


def keeps_up(minutes: list[list[Action]], events: ShardedEvents, overlap: timedelta = 5 * MINUTE) -> None:
    """Search after each minute, and check that every visible event of the window was read."""
    fake = FakeSource(source=replace(SOURCE, overlap=overlap), events=events)
    for actions in minutes:
        for action in actions:
            act(events, action)
        events.time += MINUTE
        fake.search.live.advance()
        window = events.windows[-1]
        visible = {
            id(document): document.id
            for document in events.visible()
            if window.start <= events.moment(document) < window.end
        }
        read = {id(document) for document in events.read}
        assert {name for key, name in visible.items() if key not in read} == set()


@settings(max_examples=150)
@given(minutes=minutes_of(*KINDS, shards=1))
def test_every_visible_event_is_read_whatever_is_deleted_or_written_again(minutes: list[list[Action]]) -> None:
    keeps_up(minutes, ShardedEvents(indices=INDICES))


@settings(max_examples=150)
@given(minutes=minutes_of(*KINDS, shards=1))
def test_so_it_is_in_longer_slices(minutes: list[list[Action]]) -> None:
    keeps_up(minutes, ShardedEvents(indices=INDICES), overlap=20 * MINUTE)


@settings(max_examples=150)
@given(minutes=minutes_of("write", shards=3))
def test_every_visible_event_of_several_shards_is_read(minutes: list[list[Action]]) -> None:
    keeps_up(minutes, ShardedEvents(indices=INDICES))


@settings(max_examples=150)
@given(minutes=minutes_of(*KINDS, shards=3))
def test_so_it_is_where_events_of_shards_are_deleted(minutes: list[list[Action]]) -> None:
    """The numbers of the shards differ: of deleted and new events with the same numbers, the sums may be the same."""
    events = ShardedEvents(indices=INDICES)
    events.numbers.update({(index, shard): 10_007 * shard**2 for index in INDICES for shard in range(3)})
    keeps_up(minutes, events)
