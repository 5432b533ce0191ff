"""Checkpoints, event counts and rule starts are stored and read again, also those of earlier versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, MemoryState, rule

from watcher.checkpoints.checkpoint import AddGaps, Advance, Begin, Checkpoint, LostIndices, OlderEvents
from watcher.checkpoints.checkpoint_body import checkpoint_to_body
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, Gap, slice_floor
from watcher.errors import Incomplete
from watcher.model import Window
from watcher.ports import StoredDocument
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FULL = Checkpoint(
    since=NOW - DAY,
    watermark=NOW + timedelta(microseconds=123_456),
    gaps=(
        Gap(window=Window(start=NOW - DAY, end=NOW - 2 * MINUTE), reason="away", rules=("a", "b"), attempts=3, due=NOW),
        Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="not searched yet", due=NOW),
    ),
    indices=("winlogbeat-1", "winlogbeat-2"),
    lost_indices=(LostIndices(indices=("winlogbeat-0",), events=7, noticed=NOW),),
    last_late_check=NOW,
    too_late=3,
    older_events=OlderEvents(before=NOW - 7 * DAY, events=12),
    future_events=4,
)


def stored() -> tuple[MemoryState, Checkpoints]:
    """Return an empty state and its checkpoints."""
    state = MemoryState()
    return state, Checkpoints(StateDocuments(state))


def store(state: MemoryState, body: Body) -> None:
    """Write the body of a checkpoint."""
    key = DocumentKey(kind="live", source="windows")
    StateDocuments(state).change(key, lambda _: body, now=NOW)


@pytest.mark.parametrize("checkpoint", [FULL, Checkpoint(since=NOW, watermark=NOW)], ids=["full", "empty"])
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    state, checkpoints = stored()
    assert checkpoints.read("windows") is None
    store(state, checkpoint_to_body(checkpoint))
    assert checkpoints.read("windows") == checkpoint
    assert checkpoints.read("other") is None


def test_the_first_commands_create_the_checkpoint_and_later_ones_change_it() -> None:
    _, checkpoints = stored()
    begin = Begin(since=NOW - DAY, watermark=NOW)
    created = checkpoints.apply("windows", [AddGaps(gaps=(FULL.gaps[0],))], now=NOW, begin=begin)
    assert created == Checkpoint(since=NOW - DAY, watermark=NOW, gaps=(FULL.gaps[0],))
    changed = checkpoints.apply("windows", [Advance(to=NOW + MINUTE)], now=NOW, begin=replace(begin, since=NOW))
    assert changed == replace(created, watermark=NOW + MINUTE)
    assert checkpoints.read("windows") == changed


def test_a_deleted_checkpoint_is_not_created_anew_by_a_change() -> None:
    state, checkpoints = stored()
    with pytest.raises(Incomplete, match="the checkpoint of `windows` was deleted"):
        checkpoints.apply("windows", [Advance(to=NOW)], now=NOW)
    assert state.documents == {}


class Contested(MemoryState):
    """A state where another sidecar writes just before the first replacement."""

    conflicts = 1

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        if self.conflicts:
            self.conflicts = 0
            Checkpoints(StateDocuments(self)).apply("windows", [AddGaps(gaps=(FULL.gaps[0],))], now=NOW)
        return super().replace(stored, document)


def test_commands_are_applied_again_to_what_another_sidecar_wrote_meanwhile() -> None:
    state = Contested()
    checkpoints = Checkpoints(StateDocuments(state))
    checkpoints.apply("windows", [], now=NOW, begin=Begin(since=NOW - DAY, watermark=NOW))
    gap = Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="own", due=NOW)
    checkpoints.apply("windows", [AddGaps(gaps=(gap,))], now=NOW)
    checkpoint = checkpoints.read("windows")
    assert checkpoint is not None
    assert {gap.reason for gap in checkpoint.gaps} == {"away", "own"}
    assert state.conflicts == 0


# --------------------------------------------------------------------------- earlier versions of the state

VERSION_2 = {  # as watcher with state version 2 wrote it
    "since": "2026-11-22T12:00:00.000000Z",
    "until": "2026-11-23T12:00:00.123456Z",
    "holes": [
        {
            "start": "2026-11-22T12:00:00.000000Z",
            "end": "2026-11-23T11:58:00.000000Z",
            "reason": "away",
            "rules": ["a", "b"],
            "attempts": 3,
            "due": "2026-11-23T12:00:00.000000Z",
        },
        {
            "start": "2026-11-23T11:59:00.000000Z",
            "end": "2026-11-23T12:00:00.000000Z",
            "reason": "not searched yet",
            "rules": [],
            "attempts": 0,
            "due": "2026-11-23T12:00:00.000000Z",
        },
    ],
    "indices": ["winlogbeat-1", "winlogbeat-2"],
    "gaps": [{"indices": ["winlogbeat-0"], "events": 7, "noticed": "2026-11-23T12:00:00.000000Z"}],
    "swept": "2026-11-23T12:00:00.000000Z",
    "older": 3,
    "counted": {"before": "2026-11-16T12:00:00.000000Z", "events": 12},
    "ahead": 4,
}
VERSIONS = [
    (VERSION_2, FULL),
    # nothing was lost and no check was done yet
    (
        {"since": VERSION_2["since"], "until": VERSION_2["until"], "holes": [], "gaps": [], "swept": None},
        Checkpoint(since=FULL.since, watermark=FULL.watermark),
    ),
    # version 1 did not store where the search began
    ({"until": VERSION_2["until"]}, Checkpoint(since=FULL.watermark - 60 * MINUTE, watermark=FULL.watermark)),
]


@pytest.mark.parametrize(("body", "expected"), VERSIONS, ids=["version 2", "version 2, empty", "version 1"])
def test_a_checkpoint_of_an_earlier_version_is_read_and_written_in_the_form_of_this_version(
    body: Body, expected: Checkpoint
) -> None:
    state, checkpoints = stored()
    store(state, body)
    assert checkpoints.read("windows") == expected
    checkpoints.apply("windows", [Advance(to=NOW)], now=NOW)
    assert checkpoints.read("windows") == expected
    written = state.documents["watcher-state", "live-windows"].document["body"]
    assert written.keys() == checkpoint_to_body(expected).keys()


def test_an_earlier_version_cannot_read_a_checkpoint_of_this_version_and_so_cannot_drop_its_gaps() -> None:
    assert "until" not in checkpoint_to_body(FULL)  # which every earlier version requires


def test_a_slice_is_covered_before_the_watermark_and_outside_gaps() -> None:
    now = slice_floor(NOW)
    gap = Gap(window=Window(start=now - 4 * SLICE, end=now - 3 * SLICE), reason="", rules=("a",), due=NOW)
    checkpoint = Checkpoint(since=now - 5 * SLICE, watermark=now - MINUTE, gaps=(gap,))
    assert [checkpoint.covers(now - number * SLICE) for number in (6, 5, 4, 3, 2, 1, 0)] == [
        False,  # before it began
        True,
        False,  # the gap
        True,
        True,
        False,  # the watermark is in it
        False,
    ]


# --------------------------------------------------------------------------- counts


def test_counts_are_kept_by_slice_over_the_edge_of_a_day_and_what_is_empty_is_left_out() -> None:
    _, checkpoints = stored()
    midnight = NOW.replace(hour=0)
    span = Window(start=midnight - 2 * SLICE, end=midnight + 2 * SLICE)
    steps = {midnight - SLICE: 3, midnight: 5}
    checkpoints.record_counts("windows", span, steps, now=NOW)
    assert checkpoints.counts("windows", span) == steps
    assert checkpoints.counts("windows", Window(start=midnight + MINUTE, end=midnight + SLICE)) == {midnight: 5}
    assert checkpoints.counts("other", span) == {}


def test_a_slice_is_counted_anew_and_its_neighbours_keep_their_counts() -> None:
    _, checkpoints = stored()
    span = Window(start=NOW, end=NOW + 3 * SLICE)
    checkpoints.record_counts("windows", span, {NOW: 1, NOW + SLICE: 2, NOW + 2 * SLICE: 3}, now=NOW)
    checkpoints.record_counts("windows", Window(start=NOW + SLICE, end=NOW + 2 * SLICE), {}, now=NOW)
    assert checkpoints.counts("windows", span) == {NOW: 1, NOW + 2 * SLICE: 3}


def test_an_empty_day_writes_nothing() -> None:
    state, checkpoints = stored()
    checkpoints.record_counts("windows", Window(start=NOW, end=NOW + SLICE), {}, now=NOW)
    assert state.documents == {}


# --------------------------------------------------------------------------- rules

A, B = rule(id="a", hash="1"), rule(id="b", hash="1")


def test_a_new_rule_begins_at_the_watermark_a_changed_one_keeps_its_start_a_removed_one_is_forgotten() -> None:
    _, checkpoints = stored()
    later, latest = NOW + MINUTE, NOW + 2 * MINUTE
    assert checkpoints.record_rules("windows", [A], NOW, now=NOW) == {"a": NOW}
    assert checkpoints.record_rules("windows", [rule(id="a", hash="2"), B], later, now=NOW) == {"a": NOW, "b": later}
    assert checkpoints.rule_starts("windows") == {"a": NOW, "b": later}
    assert checkpoints.record_rules("windows", [B], latest, now=NOW) == {"b": later}
    # one that comes back is new
    assert checkpoints.record_rules("windows", [A, B], latest, now=NOW) == {"a": latest, "b": later}
    assert checkpoints.rule_starts("other") == {}
