"""Problems begin and end once, whichever sidecar reports them, and operators hear of both."""

from __future__ import annotations

from datetime import timedelta

from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.health.notices import notice_of
from watcher.health.problem_record import ProblemRecord
from watcher.health.recorded_problems import (
    Problem,
    ProblemKind,
    RecordedProblem,
    Report,
    mark_notified,
    merge_report,
    problems_from_body,
    problems_to_body,
    with_offline,
)
from watcher.state.state_documents import StateDocuments

SILENT = Problem(kind=ProblemKind.SILENT_SOURCE, subject="a", title="`a` has no events", message="`a` has no events")
FAULT = Problem(kind=ProblemKind.RULE_FAULTS, subject="x.yml", title="`x.yml` does not run", message="x.yml:1: bad")
BOTH = frozenset({"m1", "m2"})
LATER = NOW + timedelta(minutes=5)


def report(member: str = "m1", own: tuple[Problem, ...] = (), shared: tuple[Problem, ...] | None = ()) -> Report:
    return Report(member=member, alive=BOTH, own=own, shared=shared)


def notified(recorded: tuple[RecordedProblem, ...]) -> tuple[RecordedProblem, ...]:
    return mark_notified(recorded, [entry.key for entry in recorded], (), now=NOW)


def test_a_problem_keeps_its_start_while_it_lasts() -> None:
    first = merge_report((), report(shared=(SILENT,)), now=NOW)
    again = merge_report(first, report(shared=(SILENT,)), now=LATER)
    assert [entry.since for entry in again] == [NOW]


def test_a_problem_that_operators_never_heard_of_ends_in_silence() -> None:
    recorded = merge_report((), report(shared=(SILENT,)), now=NOW)
    assert merge_report(recorded, report(), now=LATER) == ()


def test_a_problem_that_operators_heard_of_is_kept_until_they_hear_that_it_is_over() -> None:
    recorded = notified(merge_report((), report(shared=(SILENT,)), now=NOW))
    (over,) = merge_report(recorded, report(), now=LATER)
    assert (over.ended, over.since) == (LATER, NOW)
    assert merge_report((over,), report(), now=LATER + timedelta(minutes=1)) == (over,)
    assert mark_notified((over,), (), (over.key,), now=LATER) == ()


def test_a_problem_that_returns_before_operators_heard_of_its_end_goes_on() -> None:
    recorded = notified(merge_report((), report(shared=(SILENT,)), now=NOW))
    over = merge_report(recorded, report(), now=LATER)
    (again,) = merge_report(over, report(shared=(SILENT,)), now=LATER)
    assert (again.ended, again.notified, again.since) == (None, NOW, NOW)


def test_a_sidecar_that_does_not_look_at_the_state_ends_no_shared_problem() -> None:
    recorded = merge_report((), report(shared=(SILENT,)), now=NOW)
    assert merge_report(recorded, report("m2", shared=None), now=LATER) == recorded


def test_a_problem_of_two_sidecars_is_recorded_once_and_ends_with_the_last() -> None:
    recorded = merge_report((), report("m1", own=(FAULT,)), now=NOW)
    recorded = notified(merge_report(recorded, report("m2", own=(FAULT,)), now=NOW))
    assert [entry.members for entry in recorded] == [("m1", "m2")]
    recorded = merge_report(recorded, report("m1"), now=LATER)
    assert [(entry.members, entry.ended) for entry in recorded] == [(("m2",), None)]
    recorded = merge_report(recorded, report("m2"), now=LATER)
    assert [entry.ended for entry in recorded] == [LATER]


def test_the_problems_of_a_lost_sidecar_end_and_keep_their_start_where_the_next_reports_them() -> None:
    recorded = merge_report((), Report(member="gone", alive=BOTH, own=(FAULT,), shared=None), now=NOW)
    assert merge_report(recorded, report("m1"), now=LATER) == ()
    (kept,) = merge_report(recorded, report("m1", own=(FAULT,)), now=LATER)
    assert (kept.since, kept.members) == (NOW, ("m1",))


def test_what_operators_heard_of_while_the_state_was_away_is_not_repeated() -> None:
    offline = notified(merge_report((), report(own=(FAULT,), shared=None), now=NOW))
    (merged,) = merge_report(with_offline((), offline), report(own=(FAULT,)), now=LATER)
    assert (merged.since, merged.notified) == (NOW, NOW)


def test_a_record_survives_its_form_in_the_state_and_skips_kinds_of_newer_versions() -> None:
    recorded = notified(merge_report((), report(own=(FAULT,), shared=(SILENT,)), now=NOW))
    bodies = problems_to_body(recorded)
    newer = {**bodies[0], "kind": "of-tomorrow"}
    assert problems_from_body({"problems": [newer, *bodies]}) == recorded


def test_an_unchanged_record_is_not_written() -> None:
    state = MemoryDocuments()
    record = ProblemRecord(StateDocuments(state))
    assert record.merge(report(), (), now=NOW) == ()
    assert state.log == []
    record.merge(report(shared=(SILENT,)), (), now=NOW)
    writes = len(state.log)
    record.merge(report(shared=(SILENT,)), (), now=LATER)
    assert len(state.log) == writes == 1


# --------------------------------------------------------------------------- notices


def test_a_notice_names_what_is_new_and_what_is_over() -> None:
    recorded = notified(merge_report((), report(shared=(SILENT,)), now=NOW))
    recorded = merge_report(recorded, report(own=(FAULT,)), now=LATER)
    notice = notice_of(recorded, ("3 events are too late",), now=LATER)
    assert notice is not None
    assert notice.subject == "`x.yml` does not run; over: `a` has no events; events that no rule searches"
    assert notice.text.splitlines() == [
        "x.yml:1: bad",
        "over: `a` has no events (from 12:00:00 to 12:05:00 UTC)",
        "3 events are too late",
    ]
    assert (notice.notified, notice.over) == ((f"{FAULT.key}",), (f"{SILENT.key}",))


def test_without_news_there_is_no_notice() -> None:
    recorded = notified(merge_report((), report(shared=(SILENT,)), now=NOW))
    assert notice_of(recorded, (), now=LATER) is None
    assert notice_of((), (), now=LATER) is None


def test_a_channel_in_trouble_for_a_moment_is_no_news() -> None:
    channel = Problem(kind=ProblemKind.CHANNEL_FAILS, subject="mail", title="mail fails", message="451")
    recorded = merge_report((), report(shared=(channel,)), now=NOW)
    assert notice_of(recorded, (), now=NOW + timedelta(seconds=59)) is None
    assert notice_of(recorded, (), now=NOW + timedelta(seconds=60)) is not None


def test_a_hundred_faulty_files_are_one_notice_of_bounded_length() -> None:
    faults = tuple(
        Problem(kind=ProblemKind.RULE_FAULTS, subject=f"{number}.yml", title=f"rule {number}", message="bad")
        for number in range(100)
    )
    notice = notice_of(merge_report((), report(own=faults), now=NOW), (), now=NOW)
    assert notice is not None
    assert len(notice.text.splitlines()) == 41
    assert notice.subject.endswith("; 97 more")
