"""A backfill searches what there is, once, and goes on where it stood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import NOW, FakeClock, ListedEvents, MemoryState, rule

from watcher.alerts.alert_store import AlertStore
from watcher.errors import ClusterError
from watcher.model import Window
from watcher.pipeline import Detector, prepare_rule
from watcher.ports import Page, SearchRequest
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.state_documents import StateDocuments
from watcher.usecases.backfill import (
    Backfill,
    BackfillJob,
    BackfillProgress,
    SliceResult,
    SliceSearcher,
    begun,
    digest_text,
    slices,
)

DAY = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(start: float, end: float) -> Window:
    """Give a window in hours from the first of the month."""
    return Window(start=DAY + start * HOUR, end=DAY + end * HOUR)


def hours(*made: Window) -> list[tuple[float, float]]:
    """Write windows as hours."""
    return [((one.start - DAY) / HOUR, (one.end - DAY) / HOUR) for one in made]


CUTS = [
    # no events: nothing to search
    (window(0, 48), {}, []),
    # few events in a day: the day in one, the day without any left out
    (window(0, 72), {1: 10, 50: 10}, [(0, 24), (48, 72)]),
    # many: an hour at a time, and only the hours that hold any
    (window(0, 24), {1: 6000, 5: 1}, [(1, 2), (5, 6)]),
    # no slice lies over midnight, and none begins or ends outside the window
    (window(22.5, 26.25), {22: 1, 23: 1, 24: 1, 26: 1}, [(22.5, 24), (24, 26.25)]),
]


@pytest.mark.parametrize(("whole", "counts", "expected"), CUTS)
def test_the_past_is_cut_where_there_are_events(
    whole: Window, counts: dict[int, int], expected: list[tuple[float, float]]
) -> None:
    by_hour = {DAY + number * HOUR: count for number, count in counts.items()}
    assert hours(*slices(whole, HOUR, by_hour)) == expected


def done(value: SliceResult) -> Future[SliceResult]:
    """Give a future that is there already."""
    future: Future[SliceResult] = Future()
    future.set_result(value)
    return future


WHOLE = window(0, 4)
ASKED = BackfillJob(source="windows", start=WHOLE.start, end=None, rules={rule().id: rule().hash}, notify="digest")
PARTS = tuple(window(at, at + 1) for at in range(4))


def backfill(state: MemoryState, answer: Callable[[Window], SliceResult], asked: BackfillJob = ASKED) -> Backfill:
    """Run on a state in memory."""
    return Backfill(
        job=asked,
        window=WHOLE,
        notes=StateDocuments(state),
        submit=lambda one: done(answer(one)),
        slices=PARTS,
        now=lambda: NOW,
        channels=("mail", "slack"),
    )


def found(one: Window) -> SliceResult:
    """Find two hits and an alert in a slice."""
    return SliceResult(window=one, events=10, by_rule={rule().id: 2}, hits=2, alerts=1)


def quiet(_: BackfillProgress, __: float) -> None:
    """Say nothing."""


def test_every_slice_is_counted_once_and_the_digest_is_owed_to_every_channel() -> None:
    progress = backfill(MemoryState(), found).run(quiet)
    assert (progress.events, progress.hits, progress.alerts, progress.finished) == (40, 8, 4, True)
    assert progress.by_rule == {rule().id: {"2026-11-01": 8}}
    assert progress.done == (window(0, 4),)
    assert progress.untold == ("mail", "slack")


def test_one_that_was_killed_goes_on_where_it_stood() -> None:
    state, asked = MemoryState(), list[Window]()

    def dies(one: Window) -> SliceResult:
        asked.append(one)
        if one.start == PARTS[2].start:
            raise KeyboardInterrupt
        return found(one)

    running = backfill(state, dies)
    with pytest.raises(KeyboardInterrupt):
        running.run(quiet)
    asked.clear()

    def lives(one: Window) -> SliceResult:
        asked.append(one)
        return found(one)

    progress = backfill(state, lives).run(quiet)
    assert PARTS[0] not in asked
    assert begun(ASKED, StateDocuments(state)) == WHOLE  # the digest is still to be told
    assert (progress.events, progress.hits, progress.finished) == (40, 8, True)


def test_what_could_not_be_searched_stays_undone_and_is_all_that_is_searched_again() -> None:
    state, asked = MemoryState(), list[Window]()

    def answers(one: Window) -> SliceResult:
        asked.append(one)
        return SliceResult(window=one, error="a shard is missing") if one == PARTS[1] and len(asked) < 5 else found(one)

    progress = backfill(state, answers).run(quiet)
    assert (progress.finished, dict(progress.failed)) == (False, {PARTS[1]: "a shard is missing"})
    asked.extend(PARTS)
    before = len(asked)
    progress = backfill(state, answers).run(quiet)
    assert asked[before:] == [PARTS[1]]
    assert (progress.finished, progress.events) == (True, 40)


def test_a_cluster_that_is_away_is_not_asked_for_every_slice() -> None:
    asked = list[Window]()

    def away(one: Window) -> SliceResult:
        asked.append(one)
        return SliceResult(window=one, error="away", away=True)

    progress = backfill(MemoryState(), away).run(quiet)
    assert not progress.finished
    assert len(asked) == 2  # those that were under way


def test_a_finished_one_begins_anew_unless_somebody_is_still_to_be_told() -> None:
    state = MemoryState()
    running = backfill(state, found)
    running.run(quiet)
    again = backfill(state, found).run(quiet)
    assert (again.events, again.untold) == (40, ("mail", "slack"))
    running.told("mail")
    running.told("slack")
    anew = backfill(state, lambda one: SliceResult(window=one, events=10)).run(quiet)
    assert (anew.events, anew.hits, anew.untold) == (40, 0, ())


def test_another_span_other_rules_or_another_way_to_tell_are_another_job() -> None:
    others = [
        replace(ASKED, end=WHOLE.end),
        replace(ASKED, rules={}),
        replace(ASKED, notify="none"),
        replace(ASKED, source="linux"),
    ]
    assert len({one.id for one in (ASKED, *others)}) == 5


def test_the_digest_names_the_rules_with_their_hits() -> None:
    progress = backfill(MemoryState(), found).run(quiet)
    text = digest_text({rule().id: rule()}, progress, WHOLE)
    assert "40 events, 8 hits of 1 rules, 4 alerts opened" in text
    assert "8 hits on   1 days   [high] A Shell Starts" in text


def test_a_slice_that_an_error_in_no_plan_ends_stays_undone_and_says_why() -> None:
    class Poisoned(ListedEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            raise RecursionError(f"too deep for {len(requests)} queries")

    source = Source()
    watched = prepare_rule(rule(), rule_settings(rule(), Settings()), source)
    detector = Detector(source=source, events=Poisoned(), alert_store=AlertStore(MemoryState()), rules=(watched,))
    searched = SliceSearcher(detector=detector, clock=FakeClock(), stopping=lambda: False)(window(0, 1))
    assert "RecursionError: too deep" in searched.error
    assert not searched.away
