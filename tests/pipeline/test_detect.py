"""A window on fakes: what is found is confirmed, recorded once, and hides nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes import NOW, RULE, ListedEvents, MemoryState, found, rule

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import event_time
from watcher.errors import Refused, Unreachable
from watcher.model import EventDocument, Rule, Window
from watcher.pipeline import DetectionScope, Detector, Stopped, prepare_rule
from watcher.ports import Page
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings

WINDOW = Window(start=NOW - timedelta(minutes=5), end=NOW)
OTHER = rule(RULE.replace("7f6f2c52", "8f6f2c52").replace("contains: shell", "contains: notepad"))


def detector(events: ListedEvents, state: MemoryState, *rules: Rule, **changes: Any) -> Detector:
    """Watch some rules."""
    source = Source()
    watched = [prepare_rule(one, rule_settings(one, Settings()), source) for one in rules or (rule(),)]
    return Detector(source=source, events=events, alert_store=AlertStore(state), rules=watched, **changes)


def test_what_the_query_returns_too_much_is_not_told() -> None:
    state = MemoryState()
    events = ListedEvents([found(1), found(2, CommandLine="notepad")])
    detected = detector(events, state).detect(WINDOW)
    assert (detected.hits, detected.alerts) == (1, 1)
    assert [stored.document["watcher"]["hit"]["id"] for (i, _), stored in state.documents.items() if "hits" in i] == [
        "e1"
    ]


def test_two_rules_on_one_event_are_two_hits_and_two_alerts() -> None:
    events = ListedEvents([found(1, CommandLine="notepad in a shell")])
    detected = detector(events, MemoryState(), rule(), OTHER).detect(WINDOW)
    assert (detected.hits, detected.alerts) == (2, 2)


def test_the_same_window_again_records_nothing() -> None:
    state, events = MemoryState(), ListedEvents([found()])
    detector(events, state).detect(WINDOW)
    again = detector(events, state).detect(WINDOW)
    assert (again.hits, again.alerts, again.whole) == (0, 0, True)


def test_an_event_that_cannot_be_read_is_told_and_hides_neither_others_nor_the_window() -> None:
    timeless = EventDocument(index="winlogbeat-1", id="odd", event={**found().event, "@timestamp": "no time"})
    state = MemoryState()
    detected = detector(ListedEvents([timeless, found(2)]), state).detect(WINDOW)
    assert (detected.hits, detected.whole) == (1, True)
    (refused,) = detected.refused
    assert "the event `odd` of `winlogbeat-1` cannot be read: the event has no `@timestamp`" in str(refused.error)


def test_a_query_that_the_engine_refuses_is_searched_by_its_log_source() -> None:
    page = Page(found=(found(),), total=1, after=None)
    detected = detector(ListedEvents(answers=[Refused("no such clause"), page]), MemoryState()).detect(WINDOW)
    assert (detected.hits, detected.failed, detected.refused) == (1, (), ())


def test_nothing_is_written_once_it_is_time_to_end() -> None:
    asked = iter((False, False, False))
    state = MemoryState()
    with pytest.raises(Stopped):
        detector(ListedEvents([found()]), state).detect(WINDOW, DetectionScope(stopping=lambda: next(asked, True)))
    assert state.documents == {}


def test_only_the_rules_that_are_asked_for_search_and_none_finds_what_was_before_it_began() -> None:
    events = ListedEvents([found(1, CommandLine="notepad in a shell")])
    detected = detector(events, MemoryState(), rule(), OTHER).detect(
        WINDOW, DetectionScope(rules=frozenset({OTHER.id}))
    )
    assert (detected.hits, set(detected.by_rule)) == (1, {OTHER.id})
    at = event_time(found().event)
    for since, hits in ((at, 1), (at + timedelta(milliseconds=1), 0)):
        assert detector(events, MemoryState()).detect(WINDOW, DetectionScope(since={rule().id: since})).hits == hits


def test_the_events_of_a_window_are_counted_by_slices() -> None:
    events = ListedEvents([found(1), found(2), found(3, time="2026-11-23T12:00:01Z")])
    assert detector(events, MemoryState()).detect(WINDOW).counts == {NOW - timedelta(minutes=5): 2}


def test_what_is_refused_in_every_way_is_said_and_holds_up_nothing() -> None:
    refusals = [Refused("no"), Refused("still no")]
    detected = detector(ListedEvents(answers=list(refusals)), MemoryState()).detect(WINDOW)
    assert detected.whole
    assert [str(one.error) for one in detected.refused] == ["still no"]


def test_nothing_is_asked_once_it_is_time_to_end() -> None:
    events = ListedEvents([found()])
    with pytest.raises(Stopped):
        detector(events, MemoryState()).detect(WINDOW, DetectionScope(stopping=lambda: True))


def test_a_state_that_is_away_ends_the_window_and_keeps_it_to_be_searched() -> None:
    class Away(MemoryState):
        def get(self, keys: object) -> Any:
            raise Unreachable(f"the state is away: {keys}")

    with pytest.raises(Unreachable):
        detector(ListedEvents([found()]), Away()).detect(WINDOW)
