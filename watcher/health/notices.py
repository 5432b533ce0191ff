"""Recorded problems → the notice that operators get: everything new and everything that is over, in one message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.health.recorded_problems import ProblemKind, RecordedProblem

_SETTLE = {
    ProblemKind.CHANNEL_FAILS: timedelta(minutes=1),
    ProblemKind.UNSEARCHABLE_INDEX: timedelta(minutes=1),  # shards move when a node restarts
    ProblemKind.NOT_SEARCHED: timedelta(minutes=1),  # a sidecar that just started catches up meanwhile
}
"""How long a problem of a kind lasts before operators hear of it; others are recorded only where they last."""

_MOST_TITLES = 3  # of a subject
_MOST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message for operators, and the problems that it is about."""

    subject: str
    text: str
    notified: tuple[str, ...] = ()  # keys of the new problems
    over: tuple[str, ...] = ()  # keys of those that are over


def notice_of(recorded: Iterable[RecordedProblem], outside: Sequence[str], *, now: datetime) -> Notice | None:
    """Return what operators have not heard of yet, None where there is nothing."""
    entries = tuple(recorded)
    new = [entry for entry in entries if entry.notified is None and entry.ended is None and _is_settled(entry, now)]
    over = [entry for entry in entries if entry.notified is not None and entry.ended is not None]
    if not new and not over and not outside:
        return None
    titles = [*(entry.problem.title for entry in new), *(f"over: {entry.problem.title}" for entry in over)]
    titles += ["events that no rule searches"] if outside else []
    lines = [entry.problem.message for entry in new]
    lines += [
        f"over: {entry.problem.title} (from {entry.since:%H:%M:%S} to {entry.ended or now:%H:%M:%S} UTC)"
        for entry in over
    ]
    lines += outside
    return Notice(
        subject=_subject(titles),
        text="\n".join(_shortened(lines)),
        notified=tuple(entry.key for entry in new),
        over=tuple(entry.key for entry in over),
    )


def _is_settled(entry: RecordedProblem, now: datetime) -> bool:
    return now - entry.since >= _SETTLE.get(entry.problem.kind, timedelta(0))


def _subject(titles: Sequence[str]) -> str:
    rest = len(titles) - _MOST_TITLES
    return "; ".join(titles[:_MOST_TITLES]) + (f"; {rest} more" if rest > 0 else "")


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return (*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES:,} more; `watcher status` lists them")
