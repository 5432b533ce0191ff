"""Commands on a checkpoint, as a table: the checkpoint, the commands, and what they change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.fakes import NOW

from watcher.checkpoints.checkpoint import (
    AddGaps,
    AddIndices,
    Advance,
    Checkpoint,
    CloseGaps,
    Command,
    CountReplacedTimes,
    LostIndices,
    OlderEvents,
    RecordIndices,
    RecordLateCheck,
    RecordLostIndices,
    RecordSelection,
    apply,
)
from watcher.checkpoints.gaps import Gap
from watcher.model import Window

DAY = timedelta(days=1)
EMPTY = Checkpoint(since=NOW - DAY, watermark=NOW)


def at(minutes: float) -> datetime:
    """Return a time by its minutes from now."""
    return NOW + timedelta(minutes=minutes)


def span(start: float, end: float) -> Window:
    """Return a window by its minutes from now."""
    return Window(start=at(start), end=at(end))


def gap(start: float, end: float, *rules: str) -> Gap:
    """Return a gap by its minutes from now."""
    return Gap(window=span(start, end), reason="away", rules=rules, due=NOW)


def in_index(start: float, end: float, *indices: str) -> Gap:
    """Return a gap of some indices."""
    return replace(gap(start, end), indices=indices)


def lost(*indices: str, noticed: datetime = NOW) -> LostIndices:
    """Return deleted indices."""
    return LostIndices(indices=indices, events=7, noticed=noticed)


def check(*, too_late: int = 0, future: int = 0, day: int = 0) -> RecordLateCheck:
    """Return the outcome of a late-event check."""
    older = OlderEvents(before=NOW + (day - 7) * DAY, events=100)
    return RecordLateCheck(at=NOW + day * DAY, too_late=too_late, older_events=older, future_events=future)


CHECKED = {"last_late_check": NOW, "older_events": OlderEvents(before=NOW - 7 * DAY, events=100)}
COMMANDS: list[tuple[str, Checkpoint, Sequence[Command], dict[str, Any]]] = [
    ("no command changes nothing", EMPTY, [], {}),
    ("the watermark moves forward", EMPTY, [Advance(to=at(5))], {"watermark": at(5)}),
    ("the watermark never moves back: the cluster's clock may", EMPTY, [Advance(to=at(-5))], {}),
    ("commands apply in order", EMPTY, [Advance(to=at(5)), Advance(to=at(3))], {"watermark": at(5)}),
    (
        "events of replaced times are counted",
        replace(EMPTY, replaced_times=2, last_replaced_time=at(-9)),
        [CountReplacedTimes(events=3, at=at(1))],
        {"replaced_times": 5, "last_replaced_time": at(1)},
    ),
    (
        "without such events the time of the last one stays",
        replace(EMPTY, replaced_times=2, last_replaced_time=at(-9)),
        [CountReplacedTimes(events=0, at=at(1))],
        {},
    ),
    (
        "indices are replaced, not merged",
        replace(EMPTY, indices=("a",)),
        [RecordIndices(indices=("b", "c"))],
        {"indices": ("b", "c")},
    ),
    (
        "no index matches the pattern any more",
        replace(EMPTY, indices=("a",)),
        [RecordIndices(indices=())],
        {"indices": ()},
    ),
    (
        "gaps of an index and of all indices stay apart",
        replace(EMPTY, gaps=(gap(-10, -5),)),
        [AddGaps(gaps=(in_index(-10, -5, "bad"),))],
        {"gaps": (gap(-10, -5), in_index(-10, -5, "bad"))},
    ),
    (
        "a search without an index closes the gap of all indices, and leaves that of the index",
        replace(EMPTY, gaps=(gap(-10, -5), in_index(-10, -5, "bad"))),
        [CloseGaps(window=span(-10, -5), without=("bad",))],
        {"gaps": (in_index(-10, -5, "bad"),)},
    ),
    (
        "a search in every index closes the gap of an index",
        replace(EMPTY, gaps=(in_index(-10, 0, "bad"),)),
        [CloseGaps(window=span(-10, -5))],
        {"gaps": (in_index(-5, 0, "bad"),)},
    ),
    (
        "a search in one of two indices leaves the other, and what every index misses",
        replace(EMPTY, gaps=(gap(-10, -5), in_index(-10, -5, "bad", "worse"))),
        [CloseGaps(window=span(-10, -5), indices=("bad",))],
        {"gaps": (gap(-10, -5), in_index(-10, -5, "worse"))},
    ),
    (
        "a search by some rules leaves the gap of an index to the others",
        replace(EMPTY, gaps=(replace(in_index(-10, -5, "bad"), rules=("a", "b")),)),
        [CloseGaps(window=span(-10, -5), rules=("a",))],
        {"gaps": (replace(in_index(-10, -5, "bad"), rules=("b",)),)},
    ),
    ("a gap is added", EMPTY, [AddGaps(gaps=(gap(-10, -5),))], {"gaps": (gap(-10, -5),)}),
    (
        "overlapping gaps merge",
        replace(EMPTY, gaps=(gap(-10, -5),)),
        [AddGaps(gaps=(gap(-7, 0),))],
        {"gaps": (gap(-10, 0),)},
    ),
    (
        "gaps of different rules stay apart",
        replace(EMPTY, gaps=(gap(-10, -5, "a"),)),
        [AddGaps(gaps=(gap(-10, -5, "b"),))],
        {"gaps": (gap(-10, -5, "a"), gap(-10, -5, "b"))},
    ),
    (
        "a search by every rule closes the gaps of every rule",
        replace(EMPTY, gaps=(gap(-10, -5), gap(-10, -5, "a"))),
        [CloseGaps(window=span(-10, -5))],
        {"gaps": ()},
    ),
    (
        "a search of a part leaves the rest",
        replace(EMPTY, gaps=(gap(-20, -5),)),
        [CloseGaps(window=span(-15, -10))],
        {"gaps": (gap(-20, -15), gap(-10, -5))},
    ),
    (
        "a search by some rules closes theirs alone",
        replace(EMPTY, gaps=(gap(-10, -5, "a"), gap(-10, -5, "b"))),
        [CloseGaps(window=span(-10, -5), rules=("a",))],
        {"gaps": (gap(-10, -5, "b"),)},
    ),
    (
        "a search by no rule closes nothing",
        replace(EMPTY, gaps=(gap(-10, -5),)),
        [CloseGaps(window=span(-10, -5), rules=())],
        {},
    ),
    (
        "closed first, then added: what failed again stays a gap",
        replace(EMPTY, gaps=(gap(-20, -5),)),
        [CloseGaps(window=span(-20, -5)), AddGaps(gaps=(gap(-20, -5, "a"),))],
        {"gaps": (gap(-20, -5, "a"),)},
    ),
    (
        "added first, then closed: the order matters",
        EMPTY,
        [AddGaps(gaps=(gap(-20, -5),)), CloseGaps(window=span(-20, -5))],
        {},
    ),
    (
        "deleted indices are listed beside earlier ones",
        replace(EMPTY, indices=("a", "b"), lost_indices=(lost("c"),)),
        [RecordIndices(indices=("b",)), RecordLostIndices(lost=lost("a"))],
        {"indices": ("b",), "lost_indices": (lost("c"), lost("a"))},
    ),
    (
        "indices are added to those that are listed",
        replace(EMPTY, indices=("b", "c")),
        [AddIndices(indices=("a", "b"))],
        {"indices": ("a", "b", "c")},
    ),
    (
        "how events are selected is stored",
        replace(EMPTY, searched_as="a by @timestamp"),
        [RecordSelection(searched_as="b by @timestamp")],
        {"searched_as": "b by @timestamp"},
    ),
    (
        "late events add up, events of the future do not",
        replace(EMPTY, too_late=3, future_events=5),
        [check(too_late=2, future=4)],
        {**CHECKED, "too_late": 5, "future_events": 4},
    ),
    (
        "deleted indices are listed for a week",
        replace(EMPTY, lost_indices=(lost("a", noticed=NOW - 7 * DAY), lost("b", noticed=NOW - 6 * DAY))),
        [check()],
        {**CHECKED, "lost_indices": (lost("b", noticed=NOW - 6 * DAY),)},
    ),
]


@pytest.mark.parametrize(
    ("checkpoint", "commands", "expected"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS]
)
def test_commands(checkpoint: Checkpoint, commands: Sequence[Command], expected: dict[str, Any]) -> None:
    after = apply(checkpoint, commands)
    changed = {
        part.name: getattr(after, part.name)
        for part in fields(Checkpoint)
        if getattr(after, part.name) != getattr(checkpoint, part.name)
    }
    assert after == replace(checkpoint, **expected)
    assert changed == expected
