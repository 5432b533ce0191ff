"""What correlations keep: its size, and that a search looks only at what is due."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest
from correlate.correlation_fixture import correlation, hit

from watcher.correlate import BEGINNING, CorrelationState, CorrelationStates, Spans
from watcher.correlate.packed_hits import HitPacker
from watcher.digests import digest
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation

WEEK = timedelta(days=7)
CHUNK = 10_000
MEGABYTE = 1_000_000


def base_hits(first: int, count: int, *, groups: int) -> Iterator[BaseHit]:
    """Yield base hits as a week of events has them."""
    for number in range(first, first + count):
        yield BaseHit(
            rule_id="a",
            hit_id=digest(str(number)),
            time=number * 600,
            values={"user": (f"user{number * 7919 % groups:07d}",), "port": (str(number % 50_000),)},
            index=f"winlogbeat-2026.11.{number // 150_000:02d}",
            event_id=digest("event", str(number))[:20],
        )


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
    [("event_count", 1_000_000), ("event_count", 1), ("value_count", 1), ("temporal", 1_000_000)],
)
def test_a_million_base_hits_stay_below_500_megabytes(kind: str, groups: int) -> None:
    fields = ("port",) if kind == "value_count" else ()
    condition = {} if kind == "temporal" else {"gte": "2000000"}
    rule = correlation(kind, condition, group_by=("user",), timespan=WEEK, fields=fields)
    assert size_of(rule, hits=1_000_000, groups=groups) < 500 * MEGABYTE


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
