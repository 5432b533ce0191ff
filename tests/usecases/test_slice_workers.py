"""A slice is searched with further attempts, and says why it could not be."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime, timedelta
from multiprocessing import active_children, get_context

from support.fakes import FakeClock, ListedEvents, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.clock import SystemClock
from watcher.errors import ClusterError
from watcher.model import Window
from watcher.pipeline import Detector, prepare_rule
from watcher.ports import Page, SearchRequest
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.usecases.slice_workers import SliceSearcher, SliceWorkers

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))


def test_a_slice_that_fails_with_an_unexpected_error_stays_undone_and_says_why() -> None:
    class FailingEvents(ListedEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            raise RecursionError(f"too deep for {len(requests)} queries")

    source = Source()
    prepared = prepare_rule(rule(), rule_settings(rule(), Settings()), source)
    detector = Detector(
        source=source, events=FailingEvents(), alert_store=AlertStore(MemoryDocuments()), rules=(prepared,)
    )
    result = SliceSearcher(detector=detector, clock=FakeClock(), stopping=lambda: False)(HOUR)
    assert "RecursionError: too deep" in result.error
    assert not result.unreachable


def test_a_process_that_does_not_end_in_time_is_ended() -> None:
    context = get_context("spawn")
    clock, others = FakeClock(), frozenset(active_children())
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        hung = pool.submit(SystemClock().wait, 600)
        workers = SliceWorkers(pool, context.Event(), others, clock)
        workers.cancel()
        assert workers.stop.is_set()
        workers.cancel()
        assert frozenset(active_children()) > others
        clock.wait(60)
        workers.cancel()
        assert isinstance(hung.exception(timeout=60), BrokenProcessPool)
