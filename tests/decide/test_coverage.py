"""Coverage is noted and read again as it was; rules begin at the live edge and keep when they began."""

from __future__ import annotations

from datetime import timedelta

from support.fakes import NOW, MemoryState, rule

from watcher.checkpoints.checkpoints import Checkpoint, Checkpoints, LostIndices, with_gap
from watcher.checkpoints.gaps import SLICE, Gap, slice_floor
from watcher.model import Window
from watcher.ports import StoredDocument
from watcher.state.state_documents import StateDocuments

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WHOLE = Checkpoint(
    since=NOW - DAY,
    until=NOW + timedelta(microseconds=123_456),
    gaps=(
        Gap(window=Window(start=NOW - DAY, end=NOW - 2 * MINUTE), reason="away", rules=("a", "b"), attempts=3, due=NOW),
        Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="not searched yet", due=NOW),
    ),
    indices=("winlogbeat-1", "winlogbeat-2"),
    lost_indices=(LostIndices(indices=("winlogbeat-0",), events=7, noticed=NOW),),
    swept=NOW,
    older=3,
    counted=(NOW - 7 * DAY, 12),
    ahead=4,
)


def kept() -> tuple[MemoryState, Checkpoints]:
    """Give an empty state and its coverage."""
    state = MemoryState()
    return state, Checkpoints(StateDocuments(state))


def test_what_is_written_is_read_again_as_it_was() -> None:
    _, coverage = kept()
    assert coverage.read("windows") is None
    assert coverage.change("windows", lambda _: WHOLE, now=NOW) == WHOLE
    assert coverage.read("windows") == WHOLE
    assert coverage.read("other") is None


def test_the_least_that_can_be_known_is_read_again_as_it_was() -> None:
    _, coverage = kept()
    least = Checkpoint(since=NOW, until=NOW)
    coverage.change("windows", lambda _: least, now=NOW)
    assert coverage.read("windows") == least


class Contested(MemoryState):
    """A state where somebody else writes just before the first replacement."""

    others = 1

    def replace(self, stored: StoredDocument, document: object) -> bool:
        if self.others:
            self.others = 0
            Checkpoints(StateDocuments(self)).change(
                "windows", lambda known: with_gap(known or WHOLE, WHOLE.gaps[0]), now=NOW
            )
        return super().replace(stored, document)  # type: ignore[arg-type] # as the door has it


def test_what_somebody_else_wrote_meanwhile_is_not_lost() -> None:
    coverage = Checkpoints(StateDocuments(Contested()))
    coverage.change("windows", lambda _: Checkpoint(since=NOW - DAY, until=NOW), now=NOW)
    one = Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="mine", due=NOW)
    coverage.change("windows", lambda known: with_gap(known or WHOLE, one), now=NOW)
    read = coverage.read("windows")
    assert read is not None
    assert {gap.reason for gap in read.gaps} == {"away", "mine"}


def test_a_slice_is_covered_where_it_lies_before_the_edge_and_in_no_hole() -> None:
    edge = slice_floor(NOW)
    lost_index = Gap(window=Window(start=edge - 4 * SLICE, end=edge - 3 * SLICE), reason="", rules=("a",), due=NOW)
    checkpoint = Checkpoint(since=edge - 5 * SLICE, until=edge - MINUTE, gaps=(lost_index,))
    assert [checkpoint.covers(edge - number * SLICE) for number in (6, 5, 4, 3, 2, 1, 0)] == [
        False,  # before it began
        True,
        False,  # the hole
        True,
        True,
        False,  # the edge lies in it
        False,
    ]


# --------------------------------------------------------------------------- counts


def test_counts_are_kept_by_slice_over_the_edge_of_a_day_and_what_is_empty_is_left_out() -> None:
    _, coverage = kept()
    midnight = NOW.replace(hour=0)
    span = Window(start=midnight - 2 * SLICE, end=midnight + 2 * SLICE)
    steps = {midnight - SLICE: 3, midnight: 5}
    coverage.count("windows", span, steps, now=NOW)
    assert coverage.counted("windows", span) == steps
    assert coverage.counted("windows", Window(start=midnight + MINUTE, end=midnight + SLICE)) == {midnight: 5}
    assert coverage.counted("other", span) == {}


def test_a_slice_is_counted_anew_and_its_neighbours_keep_their_counts() -> None:
    _, coverage = kept()
    span = Window(start=NOW, end=NOW + 3 * SLICE)
    coverage.count("windows", span, {NOW: 1, NOW + SLICE: 2, NOW + 2 * SLICE: 3}, now=NOW)
    coverage.count("windows", Window(start=NOW + SLICE, end=NOW + 2 * SLICE), {}, now=NOW)
    assert coverage.counted("windows", span) == {NOW: 1, NOW + 2 * SLICE: 3}


def test_an_empty_day_writes_nothing() -> None:
    state, coverage = kept()
    coverage.count("windows", Window(start=NOW, end=NOW + SLICE), {}, now=NOW)
    assert state.documents == {}


# --------------------------------------------------------------------------- rules

A, B = rule(id="a", hash="1"), rule(id="b", hash="1")


def test_a_new_rule_begins_at_the_edge_a_changed_one_keeps_when_it_began_a_removed_one_is_forgotten() -> None:
    _, coverage = kept()
    later, latest = NOW + MINUTE, NOW + 2 * MINUTE
    assert coverage.watched("windows", [A], NOW, now=NOW) == {"a": NOW}
    assert coverage.watched("windows", [rule(id="a", hash="2"), B], later, now=NOW) == {"a": NOW, "b": later}
    assert coverage.since("windows") == {"a": NOW, "b": later}
    assert coverage.watched("windows", [B], latest, now=NOW) == {"b": later}
    # one that comes back is new
    assert coverage.watched("windows", [A, B], latest, now=NOW) == {"a": latest, "b": later}
    assert coverage.since("other") == {}
