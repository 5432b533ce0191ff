"""Events of any depth are walked and cut without recursion, and match as they would without a limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.match.event_view import EventView
from watcher.match.flat_event import ALL_FIELDS, leaf_objects, leaf_strings, scalar_strings, values_at
from watcher.nesting import MOST_LEVELS, NOTE, bounded, entries, is_deep, scalars

DEEP = 50_000
NODES = st.recursive(
    st.integers(0, 9) | st.sampled_from(["", "x", "y"]) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


def in_arrays(value: Any, depth: int = DEEP) -> Any:
    """Nest a value in arrays."""
    for _ in range(depth):
        value = [value]
    return value


def in_objects(value: Any, depth: int = DEEP) -> Any:
    """Nest a value in objects."""
    for _ in range(depth):
        value = {"a": value}
    return value


def process(command_line: Any) -> dict[str, Any]:
    """Return an event of a process."""
    return {"winlog": {"channel": "Security", "event_data": {"CommandLine": command_line}}, "event": {"code": "4688"}}


def test_what_is_nested_in_arrays_counts_at_its_path() -> None:
    event = process([in_arrays("first"), "second", in_arrays({"a": "third"}), in_arrays(4)])
    path = "winlog.event_data.CommandLine"
    for view in (EventView(event), EventView(bounded(event))):
        assert view.at(path) == ("first", "second", "4")
        assert view.values("CommandLine") == ("first", "second", "4")
        assert set(view.values("EventData")) == {"first", "second", "third", "4"}
        assert view.keyword_values() == view.values("EventData")
    assert values_at(event, path) == ("first", "second", "4")
    assert list(scalar_strings(in_arrays("x"))) == list(leaf_strings(in_arrays(in_objects("x")))) == ["x"]
    assert list(leaf_objects(in_arrays({"a": 1}))) == [{"a": 1}]


def test_objects_below_the_last_level_count_as_values_there() -> None:
    event = {"deep": in_objects([in_arrays("x"), {"b": 1}])}
    for flat_event in (ALL_FIELDS.flatten(event), ALL_FIELDS.flatten(bounded(event))):
        path = "deep" + ".a" * MOST_LEVELS
        assert flat_event[path] == ("x", "1")


@pytest.mark.parametrize("nest", [in_arrays, in_objects])
def test_an_event_that_is_too_deep_is_cut_and_says_so(nest: Any) -> None:
    event = {"deep": nest("x"), "flat": "y"}
    cut = bounded(event)
    assert (cut["flat"], NOTE in cut) == ("y", True)
    assert len(json.dumps(cut)) < 1_000
    assert not is_deep({name: value for name, value in cut.items() if name != "deep"})


@pytest.mark.parametrize("levels", [MOST_LEVELS - 2, MOST_LEVELS - 1])
def test_an_event_that_is_not_too_deep_stays_as_it_is(levels: int) -> None:
    event = {"deep": in_arrays("x", levels)}
    assert bounded(event) is event
    assert bounded({"deep": in_arrays("x", MOST_LEVELS)}) == {"deep": ["x"], NOTE: bounded({"d": in_arrays(1)})[NOTE]}


@given(NODES)
def test_what_is_cut_holds_the_same_values(node: Any) -> None:
    event = {"near": node, "far": in_arrays(node, MOST_LEVELS)}
    before, after = dict(ALL_FIELDS.flatten(event)), dict(ALL_FIELDS.flatten(bounded(event)))
    after.pop(NOTE)
    assert after == before


@given(NODES)
def test_scalars_and_entries_come_in_order(node: Any) -> None:
    def walked(value: Any) -> list[Any]:
        if isinstance(value, dict):
            value = list(value.values())
        return [scalar for entry in value for scalar in walked(entry)] if isinstance(value, list) else [value]

    assert list(scalars(node)) == walked(node)
    assert list(entries([[node], [[]], node])) == 2 * (list(entries(node)) if isinstance(node, list) else [node])
