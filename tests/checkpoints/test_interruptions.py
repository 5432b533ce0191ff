"""Interruptions: stored once, joined where they overlap, bounded, and removed when they were searched again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.memory_state import MemoryDocuments

from watcher.checkpoints.interruptions import Interruption, joined_interruptions
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.state.state_documents import StateDocuments

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def interruption(start: int, end: int, searched: int = 0, source: str = "s") -> Interruption:
    times = (NOW + number * MINUTE for number in (start, end, searched or end))
    return Interruption(source=source, **dict(zip(("start", "end", "searched"), times, strict=True)))


def test_of_overlapping_interruptions_the_one_that_was_searched_later_counts() -> None:
    several = [
        interruption(0, 5, 9),
        interruption(4, 7, 10),
        interruption(1, 2, 11),
        interruption(1, 2, source="other"),
    ]
    assert joined_interruptions(several) == (
        interruption(1, 2, source="other"),
        interruption(0, 1, 9),
        interruption(1, 2, 11),
        interruption(2, 4, 9),
        interruption(4, 7, 10),
    )


def test_searches_that_are_always_late_settle_one_after_the_other() -> None:
    interruptions: tuple[Interruption, ...] = ()
    for end in range(5, 60, 5):  # each reaches back into the previous one
        interruptions = joined_interruptions((*interruptions, interruption(end - 10, end)))
    assert [entry.is_settled(NOW + 55 * MINUTE, 10 * MINUTE) for entry in interruptions] == 9 * [True] + 2 * [False]


def test_of_too_many_the_nearest_are_joined() -> None:
    joined = joined_interruptions(interruption(3 * number, 3 * number + 1) for number in range(150))
    assert len(joined) == 100
    assert (joined[0].start, joined[-1].end) == (NOW, NOW + 448 * MINUTE)


def test_events_of_an_interruption_may_arrive_within_the_lateness() -> None:
    assert not interruption(0, 5, 9).is_settled(NOW + 13 * MINUTE, 5 * MINUTE)
    assert interruption(0, 5, 9).is_settled(NOW + 14 * MINUTE, 5 * MINUTE)


def test_sidecars_share_interruptions_and_read_again_when_one_is_settled() -> None:
    late = LateBaseHits(StateDocuments(MemoryDocuments()))
    assert late.add(NOW) == 1
    record = late.interrupt(interruption(0, 5), now=NOW)
    assert (record.count, record.interruptions) == (1, (interruption(0, 5),))
    assert late.read() == record
    assert late.add(NOW) == 2
    assert late.read().interruptions == record.interruptions
    settled = late.settle(record.interruptions, now=NOW)
    assert (settled.count, settled.interruptions) == (3, ())
