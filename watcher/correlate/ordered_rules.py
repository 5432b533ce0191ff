"""Base rules in order: hits with times that do not decrease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watcher.correlate.timeline import Timeline


def stand_in_order(timeline: Timeline, rules: Iterable[str], start: int, end: int) -> bool:
    """Return whether each rule has a hit between two times, none before that of the previous rule."""
    time: int | None = start
    for rule in rules:
        time = timeline.next_time(rule, start if time is None else time)
        if time is None or time > end:
            return False
    return True


def longest_run(timeline: Timeline, rules: Sequence[str], start: int, end: int) -> int:
    """Return how many different rules stand in order between two times; rules may be left out."""
    ends = [start]  # earliest end of a run, by its number of rules
    for rule in rules:
        for length in range(len(ends), 0, -1):
            time = timeline.next_time(rule, ends[length - 1])
            if time is None or time > end:
                continue
            if length == len(ends):
                ends.append(time)
            else:
                ends[length] = min(ends[length], time)
    return len(ends) - 1
