"""Undecided events are evaluated once, hold up no others, and a search that was stopped finds its hits later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from support.fakes import NOW, RULE, ListedEvents, event_document, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.errors import Incomplete
from watcher.match.event_view import EventView
from watcher.match.predicate import Predicate
from watcher.model import Rule, Window
from watcher.pipeline import DetectionScope, Detector, Stopped, prepare_rule
from watcher.ports import StateQuery
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings

WINDOW = Window(start=NOW - timedelta(minutes=5), end=NOW)
SLOW = rule(RULE.replace("contains: shell", "re: '(?=x)x(?:a|a)*(?<!q)(?:a|a)*(?:a|a)*b'"), id="slow")
SLOW_VALUE = "shell x" + "a" * 100_000 + "-b"


@dataclass
class Counted:
    """A predicate that counts its calls."""

    predicate: Predicate
    calls: int = 0

    @property
    def scope(self) -> Any:
        return self.predicate.scope

    def __call__(self, view: EventView) -> bool:
        self.calls += 1
        return self.predicate(view)

    def compiled(self, readings: tuple[bool, ...]) -> Callable[[EventView], bool]:
        compiled = self.predicate.compiled(readings)

        def evaluate(view: EventView) -> bool:
            self.calls += 1
            return compiled(view)

        return evaluate


def counting(events: ListedEvents, state: MemoryDocuments, watched: Rule = SLOW) -> tuple[Detector, Counted]:
    """Return a detector of a rule, and its predicate."""
    source = Source()
    prepared = prepare_rule(watched, rule_settings(watched, Settings()), source)
    counted = Counted(prepared.predicate)
    prepared = replace(prepared, predicate=cast("Predicate", counted))
    return Detector(source=source, events=events, alert_store=AlertStore(state), rules=(prepared,)), counted


def test_an_undecided_event_is_evaluated_once_by_all_sidecars_together() -> None:
    state, events = MemoryDocuments(), ListedEvents([event_document(1, CommandLine=SLOW_VALUE)])
    watching, counted = counting(events, state)
    assert [watching.detect(WINDOW).alerts for _ in range(3)] == [1, 0, 0]
    assert counted.calls == 1
    following, counted = counting(events, state)
    assert following.detect(WINDOW).alerts == 0
    assert counted.calls == 0
    assert [undecided.events for undecided in following.undecided_rules(NOW)] == [1]  # operators still hear of it


def test_a_rule_that_was_rewritten_is_evaluated_again() -> None:
    state, events = MemoryDocuments(), ListedEvents([event_document(1, CommandLine=SLOW_VALUE)])
    counting(events, state)[0].detect(WINDOW)
    watching, counted = counting(events, state, replace(SLOW, hash="mended", node=rule().node))
    assert watching.detect(WINDOW).hits == 1
    assert counted.calls == 2  # by the scan, and to confirm it


def test_where_the_state_does_not_name_undecided_events_they_are_evaluated_again() -> None:
    class Damaged(MemoryDocuments):
        def search(self, state_query: StateQuery) -> Any:
            raise Incomplete(f"no shard of {state_query.index} answers")

    state, events = Damaged(), ListedEvents([event_document(1, CommandLine=SLOW_VALUE)])
    assert counting(events, state)[0].detect(WINDOW).alerts == 1
    watching, counted = counting(events, state)
    assert watching.detect(WINDOW).alerts == 0
    assert counted.calls == 1


@pytest.mark.parametrize("event_number", range(1, 8))
def test_a_search_that_is_stopped_leaves_its_hits_to_the_next_search(event_number: int) -> None:
    """Nothing is recorded under a lease that may be lost: the watermark stays, and the window is searched again."""
    state, events = MemoryDocuments(), ListedEvents([event_document(number) for number in range(6)])
    watching, counted = counting(events, state, rule())

    def is_stopping() -> bool:
        return counted.calls >= event_number

    with pytest.raises(Stopped):
        watching.detect(WINDOW, DetectionScope(stopping=is_stopping))
    assert not state.documents
    following, _ = counting(events, state, rule())
    assert following.detect(WINDOW).hits == 6
