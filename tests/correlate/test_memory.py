"""What correlations keep: its size, and that a search looks only at what is due."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until
from correlate.kept_memory import CHUNK, WEEK, base_hits, resident_bytes

from watcher.correlate import BEGINNING, CorrelationState, CorrelationStates, LackingGroups, Spans
from watcher.correlate.packed_hits import HitPacker
from watcher.model.correlations import Correlation

MEGABYTE = 1_000_000


def size_of(rule: Correlation, *, hits: int, groups: int) -> int:
    """Return the bytes that a correlation keeps of base hits, all of them within its timespan."""
    tracemalloc.start()
    try:
        states = CorrelationStates([rule])
        for first in range(0, hits, CHUNK):
            states.add(base_hits(first, min(CHUNK, hits - first), groups=groups))
        assert sum(len(kept.timelines) for kept in states.states.values()) == groups
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_base_hits_come_back_from_bytes_as_they_were() -> None:
    packer = HitPacker()
    for original in (
        hit(-5, "a", user="Zoë", ports=("1", "2")),
        hit(2**50, "b", id="0" * 32),
        hit(1, "b", id="F" * 32, text="\ud800"),
        hit(1, "b", id="z" * 32),
        next(base_hits(3, 1, groups=10)),
    ):
        packed = packer.pack(original)
        assert packer.unpack(packed) == original
        assert packer.rule_of(packed) == original.rule_id


@pytest.mark.parametrize("groups", [4_000, 400, 1])
def test_a_base_hit_takes_few_bytes(groups: int) -> None:
    rule = correlation("event_count", {"gte": "1000000"}, group_by=("user",), timespan=WEEK)
    assert size_of(rule, hits=4_000, groups=groups) < 4_000 * 500


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        ("event_count", 1_000_000),
        ("event_count", 1),
        ("value_count", 1_000_000),
        ("value_count", 1),
        ("temporal", 1_000_000),
    ],
)
def test_a_million_base_hits_stay_below_500_megabytes(kind: str, groups: int) -> None:
    measured = resident_bytes(kind, hits=1_000_000, groups=groups, most=10_000_000)
    assert (measured["groups"], measured["kept"], measured["lacking"]) == (groups, 1_000_000, 0)
    assert measured["peak"] < 500 * MEGABYTE


@pytest.mark.slow
def test_a_limit_bounds_the_memory_of_any_number_of_base_hits() -> None:
    measured = resident_bytes("event_count", hits=1_000_000, groups=10, most=100_000)
    assert (measured["groups"], measured["lacking"]) == (10, 10)
    assert 80_000 < measured["kept"] <= 100_000 + CHUNK
    assert measured["peak"] < 100 * MEGABYTE


def limited(condition: dict[str, str], most: int, **settings: object) -> CorrelationStates:
    return CorrelationStates([correlation("event_count", condition, group_by=("user",), **settings)], most)


def test_beyond_the_limit_the_fullest_group_loses_its_oldest_base_hits_and_no_group_all() -> None:
    states = limited({"gte": "5"}, 20)
    noisy = [hit(time, user="noisy") for time in range(100)]
    quiet = [hit(50 + number, user=f"quiet{number}") for number in range(10)]
    matches = [match for base_hit in (*noisy, *quiet) for match in states.add([base_hit])]
    (state,) = states.states.values()
    assert len(matches) == 96
    assert len(state.timelines) == 11
    assert state.timelines.kept <= 20
    assert {key: len(state.timelines[key].times) for key in [("quiet0",), ("quiet9",)]} == {
        ("quiet0",): 1,
        ("quiet9",): 1,
    }
    assert states.uncounted().groups == {
        "rule": LackingGroups(groups=1, until=state.timelines[("noisy",)].times[0] - 1)
    }
    before, after = matches[10], matches[-1]
    assert (before.cut_until, sum(before.counts.values())) == (None, 15)
    assert after.cut_until is not None
    assert sum(after.counts.values()) == after.time - after.cut_until


def test_what_lacking_base_hits_decide_is_not_reported() -> None:
    states = limited({"lt": "15"}, 10)
    for time in range(100):
        states.add([hit(time, user="noisy")])
    matches = states.decide({"a": until(1_000), "b": until(1_000), "c": until(1_000)})
    assert times(matches) == []  # some groups hold fewer than 15 events only because older ones were dropped
    states.forget(SPAN + 200)
    assert states.uncounted().groups == {}
    states.add([hit(SPAN + 300, user="noisy")])
    matches = states.decide({"a": until(2 * SPAN), "b": until(2 * SPAN), "c": until(2 * SPAN)})
    assert times(matches) == [SPAN + 300]


@pytest.mark.parametrize(("kind", "condition"), [("event_count", {"gte": "3"}), ("event_count", {"eq": "0"})])
def test_forgetting_leaves_nothing_behind(kind: str, condition: dict[str, str]) -> None:
    state = CorrelationState(correlation(kind, condition, group_by=("user",), timespan=timedelta(minutes=1)))
    for first in range(0, 20_000, 1_000):
        state.add(base_hits(first, 1_000, groups=5_000))
        state.decide(Spans.of([(BEGINNING, (first + 1_000) * 600)]))
        state.forget((first + 1_000) * 600)
        assert len(state.timelines) <= 1_000 + 2 * 60_000 // 600
    state.forget(10**12)
    assert not len(state.timelines)


def test_a_search_looks_only_at_groups_that_are_due() -> None:
    rule = correlation("event_count", {"eq": "0"}, group_by=("user",), timespan=WEEK)
    state = CorrelationState(rule)
    state.add(base_hits(0, 5_000, groups=5_000))
    assert state.decide(Spans.of([(BEGINNING, 5_000 * 600)])) == ()
    assert state.timelines.pending_before(5_000 * 600 - 7 * 86_400_000) == ()
    assert len(state.timelines.pending_before(2_500 * 600)) == 2_500
