"""Events of any size are stored within a limit, as valid JSON that names the complete document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watcher.alerts.stored_event import LARGEST, event_json, stored_event
from watcher.model import EventDocument
from watcher.nesting import NOTE

HUGE = 40_000_000
DATA = {"winlog": {"event_data": {"CommandLine": "a shell"}}}


def document(**fields: Any) -> EventDocument:
    """Return a document with further fields."""
    return EventDocument(index="winlogbeat-1", id="e1", event={**DATA, **fields})


def nested(levels: int, width: int) -> Any:
    """Return a tree of objects: of any number of entries however few each object has."""
    return "leaf" if not levels else {f"field{number}": nested(levels - 1, width) for number in range(width)}


@pytest.mark.parametrize(
    "value", ["x" * (LARGEST - 100), 17, None, True, ["a"] * 1_000, 10**300], ids=lambda value: type(value).__name__
)
def test_an_event_within_the_limit_is_stored_as_it_is(value: Any) -> None:
    small = document(value=value)
    assert stored_event(small) is small.event


@pytest.mark.parametrize(
    "padding",
    [
        {"padding": "x" * HUGE},
        {"x" * HUGE: "value"},
        {"padding": ["x" * 30_000] * 500},
        {"padding": list(range(1_000_000))},
        {"padding": 10**4_000_000},
        {f"field{number}": "value" for number in range(300_000)},
        {"padding": nested(5, 12)},
        {"padding": nested(4, 25)},
        {"padding": "\N{PILE OF POO}\x00" * 1_000_000},
    ],
    ids=["value", "name", "values", "numbers", "number", "names", "deep", "wide", "escaped"],
)
def test_a_large_event_is_shortened_and_names_the_complete_one(padding: dict[str, Any]) -> None:
    stored = stored_event(document(**padding))
    text = event_json(stored)
    assert len(json.dumps(text)) < 5 * LARGEST
    assert json.loads(text)[NOTE].endswith("the complete event is `e1` in `winlogbeat-1`")


def test_what_is_short_stays_beside_what_is_cut() -> None:
    stored = stored_event(document(padding="x" * HUGE))
    assert stored["winlog"] == DATA["winlog"]
    assert stored["padding"].endswith("more characters)")
    assert "values were cut after 32,768 characters" in stored[NOTE]


def test_of_too_many_small_values_the_first_are_kept() -> None:
    stored = stored_event(document(padding=nested(5, 12)))
    assert stored["winlog"] == DATA["winlog"]
    assert "and the rest was left out" in stored[NOTE]
