"""Indices that cannot be searched: a gap of their own, which heals, while all other searches go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from support.fake_source import MINUTE, FakeSource, arriving
from support.fakes import NOW, ArrivingEvents

from watcher.errors import ClusterError, Incomplete, Overloaded, Refused
from watcher.model import EventDocument
from watcher.ports import Page, SearchRequest

BAD, WELL = "winlogbeat-bad", "winlogbeat-1"


def event_of(number: int, index: str) -> EventDocument:
    return replace(arriving(number, NOW - MINUTE, host=f"host-{number}"), index=index)


def started(events: ArrivingEvents | None = None) -> FakeSource:
    """Return a source with an event in a good index and one in a bad index."""
    fake = FakeSource(events=events or ArrivingEvents(indices=(WELL, BAD)))
    fake.events.feed(event_of(1, WELL), event_of(2, BAD))
    return fake


def unsearched(fake: FakeSource) -> list[tuple[float, tuple[str, ...]]]:
    """Return the end of each gap in minutes from now, and its indices."""
    return [((gap.window.end - NOW) / MINUTE, gap.indices) for gap in fake.checkpoint.gaps]


def test_the_other_indices_alert_and_the_bad_one_is_searched_once_it_can_be() -> None:
    fake = started()
    fake.events.bad[BAD] = "it is blocked"
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, [entry.index for entry in result.unsearchable]) == (1, [BAD])
    assert unsearched(fake) == [(0, (BAD,))]
    assert fake.checkpoint.gaps[0].reason == f"`{BAD}`: it is blocked"

    fake.events.time += 2 * MINUTE
    fake.search.gaps.fill(MINUTE)
    assert [gap.attempts for gap in fake.checkpoint.gaps] == [2]
    assert len(fake.ids("hits")) == 1

    fake.events.bad.clear()
    fake.events.time += 20 * MINUTE
    (filled,) = fake.search.gaps.fill(MINUTE)
    assert (filled.hits, fake.gaps()) == (1, [])
    assert {document.index for document in fake.events.read} == {WELL, BAD}
    assert len(fake.events.read) == 2  # the gap of an index reads nothing of the others


def test_the_gap_of_an_index_stays_where_the_live_search_passes_without_it() -> None:
    fake = started()
    fake.events.bad[BAD] = "it is blocked"
    for _ in range(3):
        fake.search.live.advance()
        fake.events.time += MINUTE
    assert unsearched(fake) == [(2, (BAD,))]
    fake.events.bad.clear()
    fake.search.live.advance()
    assert len(fake.ids("hits")) == 2  # its newest part is searched by the live search already


def test_events_of_the_other_indices_are_read_once_beside_a_bad_index() -> None:
    fake = started()
    fake.events.bad[BAD] = "it is blocked"
    for _ in range(4):
        fake.search.live.advance()
        fake.events.time += timedelta(seconds=10)
    assert len(fake.events.read) == 1


def test_an_index_whose_name_is_of_another_time_does_not_matter() -> None:
    fake = started()
    fake.events.bad["winlogbeat-2019.04.01"] = "no copy of its shard 0 is available"
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.unsearchable, fake.gaps()) == (2, (), [])


def test_the_gap_of_a_deleted_index_closes() -> None:
    fake = started()
    fake.events.bad[BAD] = "it is blocked"
    fake.search.live.advance()
    fake.events.bad.clear()
    fake.events.indices = (WELL,)
    fake.events.arriving = [entry for entry in fake.events.arriving if entry[1].index != BAD]
    fake.events.time += 2 * MINUTE
    fake.search.gaps.fill(MINUTE)
    assert fake.gaps() == []


def test_late_events_of_the_other_indices_are_found_beside_a_bad_index() -> None:
    fake = started()
    fake.search.live.advance()
    fake.events.time += 30 * MINUTE
    fake.search.live.advance()
    fake.search.search_past()
    fake.events.bad[BAD] = "it is blocked"
    fake.events.feed(event_of(3, WELL))
    fake.events.time += 20 * MINUTE
    fake.search.live.advance()
    fake.search.search_past()
    assert len(fake.ids("hits")) == 3
    assert fake.checkpoint.lost_indices == ()  # it was not deleted


@dataclass
class RefusingIndex(ArrivingEvents):
    """Events of which an index makes every search fail."""

    error: type[ClusterError] = Refused

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        if requests and any(document.index == BAD for document in self.documents):
            return [self.error("all shards failed", indices={BAD: "the engine refuses to search it"})] * len(requests)
        return super().search(requests)


def test_an_index_that_refuses_even_a_scan_is_left_out() -> None:
    for error in (Refused, Incomplete):
        for strategy in ("scan", "query"):
            fake = started(RefusingIndex(indices=(WELL, BAD), error=error))
            fake.source = replace(fake.source, search=strategy)
            fake.restart()
            result = fake.search.live.advance()
            assert result is not None
            assert (result.hits, unsearched(fake)) == (1, [(0, (BAD,))]), (error, strategy)


def test_a_busy_index_leaves_a_gap_of_all_indices() -> None:
    class Busy(ArrivingEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            return [Overloaded("try later")] * len(requests)

    fake = started(Busy(indices=(WELL, BAD)))
    fake.source = replace(fake.source, search="query", budget=timedelta(0))
    fake.restart()
    fake.search.live.advance()
    assert unsearched(fake) == [(0, ())]


def test_a_query_that_an_index_cannot_run_is_replaced_by_a_scan_of_every_index() -> None:
    class OneQueryFails(ArrivingEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            fault = Incomplete("an engine's own fault", indices={BAD: "array_index_out_of_bounds_exception"})
            answers = super().search(requests)
            failing = ["shell" in str(request.query) for request in requests]
            failed.extend(failing)
            return [fault if fails else answer for fails, answer in zip(failing, answers, strict=True)]

    failed: list[bool] = []
    fake = started(OneQueryFails(indices=(WELL, BAD)))
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.unsearchable, fake.gaps()) == (2, (), [])
    assert failed == [True, False]
