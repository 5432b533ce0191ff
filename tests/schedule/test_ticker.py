"""A tick advances coverage past what was searched whole, and past nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from fakes import NOW, ListedEvents, MemoryState, found, rule

from watcher.decide.ledger import Ledger
from watcher.errors import Incomplete, Overloaded, Unreachable
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.pipeline import Delivery, Detector, Stopped, watch
from watcher.ports import Page
from watcher.schedule import Sidecar, Ticker, _Patient
from watcher.settings import Settings, Source
from watcher.translate.select import choose

SOURCE = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30))


def ticker(events: ListedEvents, state: MemoryState) -> Ticker:
    """Watch one rule on fakes."""
    watched = watch(rule(), choose(rule(), Settings()), SOURCE)
    return Ticker(Detector(source=SOURCE, events=events, ledger=Ledger(state), rules=(watched,)))


def delivery(state: MemoryState) -> Delivery:
    """Tell nobody."""
    return Delivery(ledger=Ledger(state), channels={}, renderer=Renderer(), links=Links(), now=lambda: NOW)


def test_a_whole_window_is_covered_and_its_hits_are_kept() -> None:
    state = MemoryState()
    (detected,) = ticker(ListedEvents([found()]), state).tick()
    assert (detected.hits, len(detected.alerts), detected.whole) == (1, 1, True)
    assert Ledger(state).covered_until("windows") == NOW


def test_a_window_that_one_rule_could_not_search_whole_is_searched_again() -> None:
    state, events = MemoryState(), ListedEvents([found()], answers=[Incomplete("a shard is missing")])
    (detected,) = ticker(events, state).tick()
    assert not detected.whole
    assert Ledger(state).covered_until("windows") is None
    (detected,) = ticker(events, state).tick()
    assert (detected.whole, detected.hits) == (True, 1)


def test_catching_up_stops_at_the_first_window_that_is_not_whole() -> None:
    state = MemoryState()
    Ledger(state).advance("windows", NOW - timedelta(hours=2), now=NOW)
    empty = Page(found=(), total=0, after=None)
    events = ListedEvents(answers=[empty, Overloaded("later")])
    done = ticker(events, state).tick()
    assert [one.whole for one in done] == [True, False]
    assert Ledger(state).covered_until("windows") == done[0].window.end


def test_without_indices_coverage_goes_on() -> None:
    state = MemoryState()
    (detected,) = ticker(ListedEvents(indices=()), state).tick()
    assert detected.indices == 0
    assert Ledger(state).covered_until("windows") == NOW


def test_a_tick_that_is_to_end_leaves_coverage_where_it_was() -> None:
    state = MemoryState()
    one = ticker(ListedEvents([found()]), state)
    one.detector.stopping = lambda: True
    with pytest.raises(Stopped):
        one.tick()
    assert state.documents == {}


class Down(ListedEvents):
    """A cluster that is away."""

    def facts(self, pattern: str, paths: object) -> Mapping[str, object]:  # type: ignore[override] # it never answers
        raise Unreachable(f"`{pattern}` is away: {bool(paths)}")


def test_one_source_that_is_away_keeps_no_other_from_its_turn() -> None:
    state = MemoryState()
    sidecar = Sidecar(tickers=(ticker(Down(), state), ticker(ListedEvents([found()]), state)), delivery=delivery(state))
    with pytest.raises(Unreachable):
        sidecar.once()
    assert any(index.startswith("watcher-hits-") for index, _ in state.documents)


def test_what_fails_again_and_again_is_tried_less_often_and_goes_on_when_it_works() -> None:
    faults = [Unreachable("away")] * 3
    calls = []

    def work() -> None:
        calls.append(len(calls))
        if faults:
            raise faults.pop()

    patient = _Patient("source", work)
    tried = []
    for _ in range(9):
        before = len(calls)
        patient()
        tried.append(len(calls) - before)
    assert tried == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    assert patient.failures == 0


def test_an_unexpected_error_ends_no_schedule() -> None:
    def work() -> None:
        raise ZeroDivisionError

    patient = _Patient("source", work)
    patient()
    patient()
    assert patient.failures == 2
