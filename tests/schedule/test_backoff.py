"""Back-off near zero and at its cap, and waits that end on a stop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from watcher.backoff import Backoff
from watcher.clock import SystemClock

DELAYS = [
    # without a failed attempt nothing waits, whatever the count says
    (-1, 0),
    (0, 0),
    # the first wait, then doubled
    (1, 30),
    (2, 60),
    (5, 480),
    # the cap is lower than the next doubling
    (6, 900),
    (7, 900),
    # no number of attempts overflows
    (10**6, 900),
]


@pytest.mark.parametrize(("attempts", "seconds"), DELAYS)
def test_delay(attempts: int, seconds: float) -> None:
    backoff = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=15))
    assert backoff.delay(attempts) == timedelta(seconds=seconds)


def test_a_factor_of_one_keeps_the_first_wait_and_a_low_cap_shortens_it() -> None:
    constant = Backoff(first=timedelta(seconds=2), longest=timedelta(minutes=1), factor=1)
    assert [constant.delay(attempts) for attempts in (1, 2, 9)] == [timedelta(seconds=2)] * 3
    assert Backoff(first=timedelta(seconds=9), longest=timedelta(seconds=4)).delay(1) == timedelta(seconds=4)


def test_a_wait_ends_at_once_where_stopping_is_true_and_with_what_it_raises() -> None:
    clock = SystemClock()
    calls: list[int] = []

    def second() -> bool:
        calls.append(1)
        return len(calls) > 1

    started = clock.monotonic()
    clock.wait(3600, second)
    assert (len(calls), clock.monotonic() - started < 60) == (2, True)

    def raising() -> bool:
        raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"):
        clock.wait(3600, raising)


def test_a_wait_of_nothing_does_not_ask_whether_to_stop() -> None:
    def asked() -> bool:
        raise AssertionError

    started = SystemClock().monotonic()
    SystemClock().wait(0, asked)
    SystemClock().wait(-1, asked)
    assert SystemClock().monotonic() - started < 60
