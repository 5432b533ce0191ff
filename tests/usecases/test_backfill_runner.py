"""A backfill searches every slice with events once, and an interrupted one is resumed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.fakes import NOW, rule
from support.memory_state import MemoryDocuments

from watcher.model import Window
from watcher.state.state_documents import StateDocuments
from watcher.usecases.backfill_digest import digest_text
from watcher.usecases.backfill_job import (
    INTERRUPTED,
    BackfillJob,
    BackfillProgress,
    SliceResult,
    interrupted_window,
    progress_from_body,
    progress_to_body,
)
from watcher.usecases.backfill_runner import BackfillRunner, slices

DAY = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(start: float, end: float) -> Window:
    """Return a window in hours from the first of the month."""
    return Window(start=DAY + start * HOUR, end=DAY + end * HOUR)


def in_hours(*windows: Window) -> list[tuple[float, float]]:
    """Return windows as hours from the first of the month."""
    return [((part.start - DAY) / HOUR, (part.end - DAY) / HOUR) for part in windows]


CUTS = [
    # no events: nothing to search
    (window(0, 48), {}, []),
    # few events in a day: one slice for the day, none for the day without events
    (window(0, 72), {1: 10, 50: 10}, [(0, 24), (48, 72)]),
    # many events: one slice per hour, and only for hours with events
    (window(0, 24), {1: 6000, 5: 1}, [(1, 2), (5, 6)]),
    # no slice crosses midnight, and none begins or ends outside the window
    (window(22.5, 26.25), {22: 1, 23: 1, 24: 1, 26: 1}, [(22.5, 24), (24, 26.25)]),
]


@pytest.mark.parametrize(("span", "counts", "expected"), CUTS)
def test_a_span_is_cut_where_there_are_events(
    span: Window, counts: dict[int, int], expected: list[tuple[float, float]]
) -> None:
    by_hour = {DAY + number * HOUR: count for number, count in counts.items()}
    assert in_hours(*slices(span, HOUR, by_hour)) == expected


def completed(value: SliceResult) -> Future[SliceResult]:
    """Return a future that is completed."""
    future: Future[SliceResult] = Future()
    future.set_result(value)
    return future


SPAN = window(0, 4)
JOB = BackfillJob(source="windows", start=SPAN.start, end=None, rules={rule().id: rule().hash}, notify="digest")
PARTS = tuple(window(start, start + 1) for start in range(4))


def runner(state: MemoryDocuments, search: Callable[[Window], SliceResult], job: BackfillJob = JOB) -> BackfillRunner:
    """Return a runner on a state in memory."""
    return BackfillRunner(
        job=job,
        window=SPAN,
        documents=StateDocuments(state),
        submit=lambda part: completed(search(part)),
        slices=PARTS,
        now=lambda: NOW,
        channels=("mail", "slack"),
    )


def two_hits(part: Window) -> SliceResult:
    """Return two hits and an alert for a slice."""
    return SliceResult(window=part, events=10, by_rule={rule().id: 2}, hits=2, alerts=1)


def ignore(_: BackfillProgress, __: float) -> None:
    """Ignore the progress."""


def test_every_slice_is_counted_once_and_the_digest_is_pending_for_every_channel() -> None:
    progress = runner(MemoryDocuments(), two_hits).run(ignore)
    assert (progress.events, progress.hits, progress.alerts, progress.finished) == (40, 8, 4, True)
    assert progress.by_rule == {rule().id: {"2026-11-01": 8}}
    assert progress.done == (window(0, 4),)
    assert progress.pending_channels == ("mail", "slack")


def test_a_killed_backfill_is_resumed() -> None:
    state, searched = MemoryDocuments(), list[Window]()

    def interrupted(part: Window) -> SliceResult:
        searched.append(part)
        if part.start == PARTS[2].start:
            raise KeyboardInterrupt
        return two_hits(part)

    running = runner(state, interrupted)
    with pytest.raises(KeyboardInterrupt):
        running.run(ignore)
    searched.clear()

    def recording(part: Window) -> SliceResult:
        searched.append(part)
        return two_hits(part)

    progress = runner(state, recording).run(ignore)
    assert PARTS[0] not in searched
    assert interrupted_window(JOB, StateDocuments(state)) == SPAN  # the digest is still pending
    assert (progress.events, progress.hits, progress.finished) == (40, 8, True)


def test_a_failed_slice_stays_undone_and_is_all_that_is_searched_again() -> None:
    state, searched = MemoryDocuments(), list[Window]()

    def failing(part: Window) -> SliceResult:
        searched.append(part)
        fails = part == PARTS[1] and len(searched) < 5
        return SliceResult(window=part, error="a shard is missing") if fails else two_hits(part)

    progress = runner(state, failing).run(ignore)
    assert (progress.finished, dict(progress.failed)) == (False, {PARTS[1]: "a shard is missing"})
    searched.extend(PARTS)
    before = len(searched)
    progress = runner(state, failing).run(ignore)
    assert searched[before:] == [PARTS[1]]
    assert (progress.finished, progress.events) == (True, 40)


def test_an_unreachable_cluster_is_not_tried_for_every_slice() -> None:
    searched = list[Window]()

    def unreachable(part: Window) -> SliceResult:
        searched.append(part)
        return SliceResult(window=part, error="unreachable", unreachable=True)

    progress = runner(MemoryDocuments(), unreachable).run(ignore)
    assert not progress.finished
    assert len(searched) == 2  # those in progress


def test_a_worker_that_dies_ends_the_backfill_with_a_sentence() -> None:
    def dying(_window: Window) -> Future[SliceResult]:
        future: Future[SliceResult] = Future()
        future.set_exception(BrokenProcessPool("it was killed"))
        return future

    progress = replace(runner(MemoryDocuments(), two_hits), submit=dying).run(ignore)
    assert not progress.finished
    assert len(progress.failed) == 2  # those in progress; the others are not submitted
    assert all("worker process ended unexpectedly" in error for error in progress.failed.values())


def test_slices_that_do_not_end_are_asked_again_until_they_do() -> None:
    """The second call ends their processes."""
    running: list[Future[SliceResult]] = []
    calls: list[int] = []

    def submitted(_window: Window) -> Future[SliceResult]:
        running.append(Future())
        return running[-1]

    def cancel() -> None:
        calls.append(len(running))
        if len(calls) == 2:
            for future in running:
                future.set_exception(BrokenProcessPool("it was killed"))

    stopped = replace(
        runner(MemoryDocuments(), two_hits), submit=submitted, cancel=cancel, stopping=lambda: bool(running)
    )
    progress = stopped.run(ignore)
    assert calls == [1, 1, 1]  # at the third it had ended
    assert list(progress.failed.values()) == [INTERRUPTED]


def test_a_finished_backfill_begins_anew_unless_a_channel_still_waits_for_the_digest() -> None:
    state = MemoryDocuments()
    running = runner(state, two_hits)
    running.run(ignore)
    again = runner(state, two_hits).run(ignore)
    assert (again.events, again.pending_channels) == (40, ("mail", "slack"))
    running.mark_sent("mail")
    running.mark_sent("slack")
    anew = runner(state, lambda part: SliceResult(window=part, events=10)).run(ignore)
    assert (anew.events, anew.hits, anew.pending_channels) == (40, 0, ())


def test_another_span_other_rules_or_other_messages_are_another_job() -> None:
    others = [
        replace(JOB, end=SPAN.end),
        replace(JOB, rules={}),
        replace(JOB, notify="none"),
        replace(JOB, source="linux"),
    ]
    assert len({job.id for job in (JOB, *others)}) == 5


def test_the_id_of_a_job_is_the_one_of_earlier_versions() -> None:
    """A backfill that an earlier version began is resumed by this one."""
    job = BackfillJob(source="windows", start=DAY, end=None, rules={"a": "1", "b": "2"}, notify="digest")
    assert job.id == "3c2c903a7259004adfa665fff5667823"


def test_the_progress_that_an_earlier_version_stored_is_read() -> None:
    progress = BackfillProgress(window=SPAN, done=(PARTS[0],), finished=True, pending_channels=("mail",))
    body = progress_to_body(progress)
    earlier = {("untold" if name == "pending_channels" else name): value for name, value in body.items()}
    assert progress_from_body(body) == progress_from_body(earlier) == progress


def test_indices_that_a_slice_was_searched_without_are_kept_and_named() -> None:
    state = MemoryDocuments()
    reasons = iter(("it is blocked", "closed"))

    def without_an_index(part: Window) -> SliceResult:
        index = f"bad-{part.start:%d-%H%M}"
        return replace(two_hits(part), unsearchable={index: next(reasons)} if part in PARTS[:2] else {})

    running = runner(state, without_an_index)
    progress = running.run(ignore)
    assert progress.finished
    assert sorted(progress.unsearchable.values()) == ["closed", "it is blocked"]
    body = StateDocuments(state).read(JOB.key)
    assert body is not None
    assert progress_from_body(body).unsearchable == progress.unsearchable
    assert digest_text({rule().id: rule()}, progress, SPAN).count("not searched: `bad-") == 2


def test_the_digest_names_the_rules_with_their_hits() -> None:
    progress = runner(MemoryDocuments(), two_hits).run(ignore)
    text = digest_text({rule().id: rule()}, progress, SPAN)
    assert "40 events, 8 hits of 1 rule, 4 alerts opened" in text
    assert "8 hits on   1 days   [high] A Shell Starts" in text
