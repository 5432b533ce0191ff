"""Checkpoints, event counts and rule starts are stored and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from checkpoints.full_checkpoint import FULL
from support.fakes import NOW, rule
from support.memory_state import MemoryDocuments

from watcher.checkpoints.checkpoint import AddGaps, Advance, Begin, Checkpoint
from watcher.checkpoints.checkpoint_body import checkpoint_to_body
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, Gap, slice_floor
from watcher.errors import Incomplete, Refused
from watcher.model import Window
from watcher.ports import StoredDocument
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def stored() -> tuple[MemoryDocuments, Checkpoints]:
    """Return an empty state and its checkpoints."""
    state = MemoryDocuments()
    return state, Checkpoints(StateDocuments(state))


def store(state: MemoryDocuments, body: Body) -> None:
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


class Contested(MemoryDocuments):
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


def test_a_checkpoint_of_an_older_version_is_refused_and_stays_as_it_is() -> None:
    """It is met where an older program writes after the migration; the next migration rewrites it."""
    state, checkpoints = stored()
    store(state, {"since": "2026-11-22T12:00:00.000Z", "until": "2026-11-23T12:00:00.000Z", "gaps": []})
    before = dict(state.documents)
    message = "the checkpoint of `windows` has the form of an older state version; run `watcher setup`"
    with pytest.raises(Refused, match=message):
        checkpoints.read("windows")
    with pytest.raises(Refused, match=message):
        checkpoints.apply("windows", [Advance(to=NOW)], now=NOW, begin=Begin(since=NOW, watermark=NOW))
    assert state.documents == before


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
