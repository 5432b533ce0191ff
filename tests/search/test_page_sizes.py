"""Pages of large events are small, so that an engine of little memory answers them; usual pages stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from looking import FakeClock, many, ruled
from support.fakes import ListedEvents

from watcher.errors import ClusterError, Overloaded, Unreachable
from watcher.match.compiled_rule import CompiledRule
from watcher.ports import Page, SearchRequest
from watcher.search.page_sizes import FEW, FIRST_PAGE, PageSizes
from watcher.search.searcher import MatchedPage, SearchContext, Searcher
from watcher.search.write_growth import Growth
from watcher.settings import Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

MEGABYTE = 1_000_000


@dataclass
class SmallEngine(ListedEvents):
    """An engine of little memory, whose events have a size that is only reported."""

    bytes_per_event: int = 20 * MEGABYTE
    bytes_read: int = 20 * MEGABYTE  # of these, those in fields that rules read
    memory: int = 300 * MEGABYTE
    fault: ClusterError = field(default_factory=lambda: Overloaded("[parent] Data too large"))
    asked: list[SearchRequest] = field(default_factory=list)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: SearchRequest) -> Page | ClusterError:
        self.asked.append(request)
        (page,) = super().search([request])
        assert isinstance(page, Page)
        length = self._length(page, request)
        if length <= self.memory:
            return replace(page, length=length)
        if isinstance(self.fault, Unreachable):
            raise self.fault
        return self.fault

    def _length(self, page: Page, request: SearchRequest) -> int:
        return len(page.documents) * (self.bytes_per_event if request.only is None else self.bytes_read)


@dataclass
class LateBurst(SmallEngine):
    """An engine whose first events are small, and the others huge in what rules read."""

    small: int = 0

    def _length(self, page: Page, request: SearchRequest) -> int:
        huge = sum(int(document.id[1:]) >= self.small for document in page.documents)
        return super()._length(page, request) + huge * 20 * MEGABYTE


def searching(events: SmallEngine, growth: Growth = Growth.USUAL, search: str = "scan") -> Callable[[], list[str]]:
    """Return a search of one window, which returns the ids of its hits; each call is a window of the same source."""
    source, rules = Source(search=search), [ruled(1)]
    cache = PlanCache(source, rules)
    mapping = events.mapping(source.index, cache.paths)
    compiled = [CompiledRule(rule, rule_predicate(rule, source)) for rule in rules]
    searcher = Searcher(source, compiled, clock=FakeClock())
    context = SearchContext(
        snapshot=events,
        translator=cache.translator_for(mapping),
        event_reader=EventReader(source, mapping),
        growth=growth,
    )

    def search_window() -> list[str]:
        outcomes = searcher.search(context, cache.plans(mapping))
        pages = [outcome.documents for outcome in outcomes if isinstance(outcome, MatchedPage)]
        return [document.id for documents in pages for document in documents]

    return search_window


def test_pages_shrink_until_an_engine_of_little_memory_answers_them() -> None:
    events = SmallEngine(many(60))
    assert len(searching(events)()) == 60
    assert [request.size for request in events.asked[:6]] == [500, 250, 125, 62, 7, 1]
    assert max(request.size for request in events.asked[4:]) <= 15


def test_an_event_at_the_limit_of_the_engine_is_read_alone() -> None:
    events = SmallEngine(many(3), bytes_per_event=100 * MEGABYTE, memory=150 * MEGABYTE)
    assert searching(events)() == ["e0", "e1", "e2"]


def test_after_an_engine_died_pages_start_small_and_leave_out_what_no_rule_reads() -> None:
    events = SmallEngine(many(60), bytes_read=1_000, fault=Unreachable("closed the connection"))
    search = searching(events)
    with pytest.raises(Unreachable):
        search()
    events.asked.clear()
    assert len(search()) == 60
    first = events.asked[0]
    assert first.size == FEW
    assert first.only is not None
    assert all(request.size <= FEW for request in events.asked if request.only is None)


def test_large_pages_of_large_events_make_the_next_windows_start_small() -> None:
    events = SmallEngine(many(60), memory=10_000 * MEGABYTE)
    search = searching(events)
    assert len(search()) == 60
    events.asked.clear()
    assert len(search()) == 60
    assert events.asked[0].size == FEW


def test_usual_events_are_read_in_large_pages() -> None:
    events = SmallEngine(many(3 * FIRST_PAGE - 1), bytes_per_event=1_500)
    search = searching(events)
    for _ in range(2):
        events.asked.clear()
        assert len(search()) == 3 * FIRST_PAGE - 1
        assert [request.size for request in events.asked] == [FIRST_PAGE, 2 * FIRST_PAGE]
        assert all(request.only is None for request in events.asked)


def test_a_failure_makes_a_number_of_scans_start_small_the_last_with_complete_documents() -> None:
    sizes = PageSizes()
    sizes.start_small()
    starts = []
    while sizes.first(Growth.USUAL) == FEW:
        starts.append(sizes.without_unread_fields)
        sizes.finish_scan()
    assert starts == [True] * 90 + [False] * 10
    assert (sizes.first(Growth.USUAL), sizes.without_unread_fields) == (FIRST_PAGE, False)


@pytest.mark.parametrize(("length", "following"), [(0, 100), (7_500, 40), (75_000_000, 1), (300_000_000, 1)])
def test_the_next_page_fits_by_the_bytes_of_the_last_one(length: int, following: int) -> None:
    page = Page(documents=tuple(many(5)), total=None, after=(5,), length=length)
    assert PageSizes().following(page, FIRST_PAGE, 5) == following


def test_after_huge_writes_no_page_is_too_large_wherever_the_huge_events_are() -> None:
    """The engine bears 15 of them; they come after 2,000 small events, and rules read what is large."""
    events = LateBurst(
        many(2_060), bytes_per_event=1_500, bytes_read=1_000, small=2_000, fault=Unreachable("closed the connection")
    )
    assert len(searching(events, Growth.HUGE)()) == 2_060
    assert max(request.size for request in events.asked) == FEW


def test_the_number_of_small_pages_is_limited() -> None:
    sizes = PageSizes()
    sizes.start_small()
    page = Page(documents=tuple(many(10)), total=None, after=(5,), length=15_000)
    assert [sizes.following(page, FEW, total) for total in (60, 5_000, 9_500)] == [10, 10, 19]


def test_pages_start_small_and_grow_quickly_where_nothing_tells_what_was_written() -> None:
    events = SmallEngine(many(3_000), bytes_per_event=1_500)
    assert len(searching(events, Growth.UNKNOWN)()) == 3_000
    assert [request.size for request in events.asked] == [10, 80, 640, 1280, 2560]


@pytest.mark.parametrize(
    ("growth", "sizes"), [(Growth.USUAL, [500]), (Growth.UNKNOWN, [10, 80]), (Growth.HUGE, [1, 8, *[10] * 6])]
)
def test_queries_read_pages_of_such_sizes_too(growth: Growth, sizes: list[int]) -> None:
    events = SmallEngine(many(60), bytes_per_event=1_500)
    assert len(searching(events, growth, search="query")()) == 60
    assert [request.size for request in events.asked] == sizes
