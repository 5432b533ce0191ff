"""What the name of an index says of the time of its events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watcher.model import UnsearchableIndex, Window, affecting, may_hold

WINDOW = Window(start=datetime(2026, 11, 28, 10, tzinfo=UTC), end=datetime(2026, 11, 28, 11, tzinfo=UTC))
ROLLED_OVER = (
    ".ds-winlogbeat-8.19.0-2026.10.01-000001",
    ".ds-winlogbeat-8.19.0-2026.11.26-000002",
    ".ds-winlogbeat-8.19.0-2026.11.27-000003",
)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("winlogbeat-8.19.0-2026.11.28", True),
        ("winlogbeat-2026-11-27", True),  # named in local time
        ("winlogbeat-2026.11.29", True),
        ("winlogbeat-2026.11.26", False),
        ("winlogbeat-2026.11.30", False),
        ("winlogbeat-2026.11", True),
        ("winlogbeat-2026.12", False),
        ("winlogbeat-2026.10", False),
        ("partial-winlogbeat-2025.10.31", False),
        # no date, or none that is read
        ("winlogbeat", True),
        ("winlogbeat-2026", True),
        ("winlogbeat-2026.48", True),
        ("winlogbeat-2026.13.01", True),
        ("winlogbeat-2026.02.30", True),
        ("winlogbeat-12026.10", True),
        ("winlogbeat-2026.10.01-reindexed", True),
    ],
)
def test_a_date_bounds_the_events_within_a_day(index: str, *, expected: bool) -> None:
    assert may_hold(index, WINDOW) is expected


def test_an_index_of_a_rollover_ends_with_the_next_of_its_series() -> None:
    assert [may_hold(index, WINDOW, ROLLED_OVER) for index in ROLLED_OVER] == [False, True, True]
    assert all(may_hold(index, WINDOW) for index in ROLLED_OVER)  # alone, it may still be written to
    assert may_hold(ROLLED_OVER[0], WINDOW, (".ds-other-2026.10.02-000002",))
    early = Window(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2020, 1, 2, tzinfo=UTC))
    assert may_hold(ROLLED_OVER[2], early, ROLLED_OVER)  # an event may come years late


def test_each_index_that_matters_is_listed_once() -> None:
    def bad(index: str) -> UnsearchableIndex:
        return UnsearchableIndex(index=index, reason="closed")

    listed = affecting([bad("b"), bad("winlogbeat-2025.01"), bad("a"), bad("b")], WINDOW)
    assert listed == (bad("a"), bad("b"))
    assert affecting(map(bad, ROLLED_OVER), WINDOW) == tuple(map(bad, ROLLED_OVER[1:]))
