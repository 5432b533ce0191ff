"""What was written since the last search is compared with the memory of the engine."""

from __future__ import annotations

import pytest

from watcher.ports import NodeWrites, WrittenBytes
from watcher.search.write_growth import Growth, WriteGrowth

MEGABYTE = 1_000_000
GIGABYTE = 2**30


def written(megabytes: float, writes: int, *, heap: int = GIGABYTE, node: str = "a") -> WrittenBytes:
    return WrittenBytes(nodes={node: NodeWrites(bytes=round(megabytes * MEGABYTE), writes=writes)}, heap=heap)


def judged(*readings: WrittenBytes | None) -> list[str]:
    growth = WriteGrowth()
    return [growth.since_last(reading).value for reading in readings]


def test_the_first_reading_tells_nothing() -> None:
    assert judged(written(10, 10_000)) == [Growth.UNKNOWN]


def test_60_events_of_20_megabytes_among_many_small_ones_are_huge_for_a_heap_of_a_gigabyte() -> None:
    readings = written(10, 7_000), written(20, 14_000), written(1_250, 34_060), written(1_260, 41_000)
    assert judged(*readings) == ["unknown", "usual", "huge", "usual"]


def test_many_usual_events_are_not_huge() -> None:
    """Ten times as many events as before, 1.5 GB of them: a page of 5,000 has the usual length."""
    assert judged(written(150, 100_000), written(300, 200_000), written(1_800, 1_200_000))[-1] == "usual"


def test_a_larger_heap_bears_more() -> None:
    readings = written(10, 7_000, heap=31 * GIGABYTE), written(1_210, 7_060, heap=31 * GIGABYTE)
    assert judged(*readings)[-1] == "usual"


def test_events_that_grow_slowly_become_the_usual_ones() -> None:
    growth, length, total, results = WriteGrowth(), 1_000.0, 0.0, []
    for number in range(40):
        total += length * 20_000
        results.append(growth.since_last(written(total / MEGABYTE, 20_000 * (number + 1))))
        length *= 1.02
    assert set(results[1:]) == {Growth.USUAL}


@pytest.mark.parametrize(
    "later",
    [None, written(5, 100), written(30, 14_000, node="b")],
    ids=["unknown", "a node that started again", "another node"],
)
def test_a_reading_that_does_not_continue_the_last_one_tells_nothing(later: WrittenBytes | None) -> None:
    assert judged(written(10, 7_000), later)[-1] == "unknown"
    assert judged(written(10, 7_000), later, written(30, 14_000))[-1] in {"unknown", "usual"}
