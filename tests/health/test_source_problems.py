"""A source that nobody searches or that has no events is reported, one that rests as usual is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.fakes import NOW, ListedCounts, ListedEvents, event_document
from support.memory_state import MemoryState

from watcher.checkpoints.checkpoint import AddGaps, Begin, Checkpoint
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, Gap
from watcher.health.evidence import EvidenceReader
from watcher.health.outside_events import OutsideCounts, counts_from_body, counts_to_body, grown_counts
from watcher.health.recorded_problems import ProblemKind
from watcher.health.silence import LONGEST, SHORTEST, silence_limit, usual_silence
from watcher.health.source_problems import SourceEvidence, not_searched, replaced_times, unsearchable_indices
from watcher.model import Window
from watcher.settings import Source
from watcher.state.membership import Membership
from watcher.state.state_documents import StateDocuments

SOURCE = Source()  # every minute, delay 30 s
DAY = timedelta(days=1)


def checkpoint(*, lag: timedelta = timedelta(seconds=30), since: timedelta = 10 * DAY) -> Checkpoint:
    return Checkpoint(since=NOW - since, watermark=NOW - lag)


def membership(seen: timedelta | None, holder: str = "m1") -> Membership:
    last_seen = {holder: NOW - seen if seen is not None else None} if holder else {}
    return Membership(period=timedelta(seconds=30), holders={"live-windows": holder}, last_seen=last_seen)


# --------------------------------------------------------------------------- searched by nobody

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("lag", "holder", "seen", "title"),
    [
        (150 * SECOND, "m1", 90 * SECOND, None),  # the second search is not missed yet
        (151 * SECOND, "m1", 90 * SECOND, "nobody searches `windows`"),  # two searches were missed
        (151 * SECOND, "", None, "nobody searches `windows`"),  # it left in order, and no other came
        (151 * SECOND, "m1", 10 * SECOND, None),  # alive: a search takes longer
        (391 * SECOND, "m1", 10 * SECOND, "`windows` is far behind"),  # alive, and longer than its budget
        (391 * SECOND, "m1", None, "`windows` is far behind"),  # an older version that does not say when it was seen
    ],
)
def test_two_missed_searches_are_a_problem(
    lag: timedelta, holder: str, seen: timedelta | None, title: str | None
) -> None:
    evidence = SourceEvidence(source=SOURCE, checkpoint=checkpoint(lag=lag), now=NOW)
    problem = not_searched(evidence, holder, membership(seen, holder))
    assert (problem.title if problem else None) == title


def test_the_sentence_names_the_sidecar_and_when_it_was_last_seen() -> None:
    evidence = SourceEvidence(source=SOURCE, checkpoint=checkpoint(lag=timedelta(minutes=5)), now=NOW)
    problem = not_searched(evidence, "m1", membership(timedelta(minutes=5)))
    assert problem is not None
    assert "searched until 2026-11-23 11:55:00 UTC" in problem.message
    assert "sidecar `m1` has not renewed its leases since 11:55:00 UTC; start `watcher run`" in problem.message


# --------------------------------------------------------------------------- silence


def filled(until: datetime, *, without: tuple[Window, ...] = ()) -> set[datetime]:
    """Return the starts of slices with events, up to a time, except those of some windows."""
    starts = {until - number * SLICE for number in range(1, 14 * 288 + 1)}
    return {start for start in starts if not any(window.start <= start < window.end for window in without)}


def nights(count: int, length: timedelta) -> tuple[Window, ...]:
    return tuple(Window(start=NOW - number * DAY, end=NOW - number * DAY + length) for number in range(1, count + 1))


WEEKENDS = tuple(Window(start=NOW - ago, end=NOW - ago + timedelta(hours=60)) for ago in (13 * DAY, 6 * DAY))


@pytest.mark.parametrize(
    ("silences", "limit"),
    [
        ((), timedelta(minutes=10)),
        (nights(1, timedelta(hours=9)), timedelta(minutes=10)),  # happened only once: it may have been an outage
        (nights(2, timedelta(minutes=10)), timedelta(minutes=22.5)),
        (nights(7, timedelta(hours=12)), timedelta(hours=18, minutes=7.5)),  # an office at night
        (WEEKENDS, LONGEST),
    ],
)
def test_a_source_is_silent_after_half_as_long_again_as_usual(silences: tuple[Window, ...], limit: timedelta) -> None:
    point = checkpoint(lag=timedelta(0), since=14 * DAY)
    usual = usual_silence(filled(NOW, without=silences), point, NOW)
    assert silence_limit(usual) == limit


def test_the_present_silence_and_spans_that_were_not_searched_teach_nothing() -> None:
    quiet = Window(start=NOW - timedelta(hours=5), end=NOW)
    gaps = nights(2, timedelta(hours=3))
    point = replace(checkpoint(lag=timedelta(0)), gaps=tuple(Gap(window=window, reason="", due=NOW) for window in gaps))
    assert usual_silence(filled(NOW, without=(quiet, *gaps)), point, NOW) == timedelta(0)


def reader(events: ListedEvents, source: Source, state: MemoryState) -> EvidenceReader:
    return EvidenceReader(
        sources=(source,),
        checkpoints=Checkpoints(StateDocuments(state)),
        counts=ListedCounts(events),
        state=state,
        prefix="watcher",
        leases=("live-windows",),
        period=timedelta(seconds=30),
    )


@pytest.mark.parametrize(
    ("silent_after", "watched", "events", "reported"),
    [
        ("auto", timedelta(hours=1), (), True),
        ("auto", timedelta(hours=1), ("2026-11-23T11:52:00Z",), False),
        ("auto", timedelta(hours=1), ("2026-11-23T11:48:00Z",), True),
        ("auto", timedelta(minutes=5), (), False),  # not watched for long enough
        ("15m", timedelta(hours=1), ("2026-11-23T11:48:00Z",), False),
        ("never", timedelta(hours=1), (), False),
    ],
)
def test_a_source_without_events_is_reported(
    silent_after: str,
    watched: timedelta,
    events: tuple[str, ...],
    reported: bool,  # noqa: FBT001 - a column of the table
) -> None:
    state, source = MemoryState(), replace(SOURCE, silent_after=silent_after)
    listed = ListedEvents([event_document(number, time=time) for number, time in enumerate(events)])
    begin = Begin(since=NOW - watched, watermark=NOW - timedelta(seconds=30))
    Checkpoints(StateDocuments(state)).apply("windows", (AddGaps(gaps=()),), now=NOW, begin=begin)
    kinds = [problem.kind for problem in reader(listed, source, state).read(NOW).problems()]
    assert (ProblemKind.SILENT_SOURCE in kinds) is reported


def test_a_source_that_nobody_searches_is_not_called_silent_too() -> None:
    state = MemoryState()
    begin = Begin(since=NOW - DAY, watermark=NOW - timedelta(hours=1))
    Checkpoints(StateDocuments(state)).apply("windows", (AddGaps(gaps=()),), now=NOW, begin=begin)
    evidence = reader(ListedEvents(), SOURCE, state).read(NOW)
    assert [problem.kind for problem in evidence.problems()] == [ProblemKind.NOT_SEARCHED]


def test_each_index_that_a_source_is_searched_without_is_a_problem_until_its_gaps_close() -> None:
    every_index = Gap(window=Window(start=NOW - DAY, end=NOW), reason="away", due=NOW)
    closed = replace(every_index, indices=("bad-1",), reason="`bad-1`: closed")
    both = replace(
        every_index,
        window=Window(start=NOW - 60 * SECOND, end=NOW),
        indices=("bad-0", "bad-1"),
        reason="`bad-0`: its shard 0; it is lost; `bad-1`: blocked",
    )
    evidence = SourceEvidence(
        source=SOURCE, checkpoint=replace(checkpoint(), gaps=(both, every_index, closed)), now=NOW
    )
    problems = {problem.key: problem.message for problem in unsearchable_indices(evidence)}
    assert problems == {
        "unsearchable-index:windows bad-1": "`windows` is searched without `bad-1`: blocked; what it holds is searched "
        "as soon as it can be",
        "unsearchable-index:windows bad-0": "`windows` is searched without `bad-0`: its shard 0; it is lost; what it "
        "holds is searched as soon as it can be",
    }
    healed = replace(evidence, checkpoint=replace(checkpoint(), gaps=(every_index,)))
    assert unsearchable_indices(healed) == ()


def test_of_many_indices_that_a_source_is_searched_without_the_first_are_problems_of_their_own() -> None:
    gaps = tuple(
        Gap(
            window=Window(start=NOW - (90 - number) * SECOND, end=NOW),
            reason="closed",
            indices=(f"bad-{number}",),
            due=NOW,
        )
        for number in range(53)
    )
    evidence = SourceEvidence(source=SOURCE, checkpoint=replace(checkpoint(), gaps=gaps), now=NOW)
    *listed, last = unsearchable_indices(evidence)
    assert [problem.subject for problem in listed] == [f"windows bad-{number}" for number in range(50)]
    assert last.message == "`windows` is searched without 3 further indices; `watcher status` lists them"


def test_matched_events_of_impossible_times_are_a_problem_for_a_day() -> None:
    counted = replace(checkpoint(), replaced_times=1_234, last_replaced_time=NOW - DAY)
    evidence = SourceEvidence(source=Source(time_field="event.ingested"), checkpoint=counted, now=NOW)
    problem = replaced_times(evidence)
    assert problem is not None
    assert (problem.kind, problem.subject) == (ProblemKind.REPLACED_TIMES, "windows")
    assert "1,234 so far: more than 366 days before their `event.ingested`, or 7 days after it" in problem.message
    assert replaced_times(replace(evidence, now=NOW + SECOND)) is None
    assert replaced_times(replace(evidence, checkpoint=checkpoint())) is None


def test_the_shortest_limit_is_ten_minutes() -> None:
    assert silence_limit(timedelta(0)) == SHORTEST == timedelta(minutes=10)


# --------------------------------------------------------------------------- events far back or ahead


def test_operators_hear_when_the_counts_grow_and_no_more_than_once_an_hour() -> None:
    point = replace(checkpoint(), too_late=3, future_events=2)
    counts, sentence = grown_counts(SOURCE, point, None, now=NOW)
    assert counts == OutsideCounts(too_late=3, future=2, at=NOW)
    assert "3 more events of `windows` are older than 7 days" in sentence
    assert "2 more events of `windows` are dated more than 1 days ahead" in sentence
    assert counts_from_body({"outside": counts_to_body({"windows": counts})}) == {"windows": counts}
    assert grown_counts(SOURCE, point, counts, now=NOW + DAY) == (None, "")
    more = replace(point, too_late=9)
    assert grown_counts(SOURCE, more, counts, now=NOW + timedelta(minutes=59)) == (None, "")
    _, sentence = grown_counts(SOURCE, more, counts, now=NOW + timedelta(minutes=60))
    assert sentence.startswith("6 more events of `windows`")
    assert "ahead" not in sentence


def test_events_whose_time_came_are_forgotten() -> None:
    previous = OutsideCounts(too_late=3, future=2, at=NOW)
    counts, sentence = grown_counts(SOURCE, replace(checkpoint(), too_late=3), previous, now=NOW + DAY)
    assert (counts, sentence) == (OutsideCounts(too_late=3, future=0, at=NOW), "")
