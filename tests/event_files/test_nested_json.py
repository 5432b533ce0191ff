"""JSON that the C decoders reject is read, and invalid JSON is rejected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.event_files.nested_json import _Reader, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=40,
)


@pytest.mark.parametrize("depth", [500, 990, 1_000, 5_000, 10_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[1,{"b":', "}]")])
def test_reads_nesting_of_any_depth(depth: int, opening: str, closing: str) -> None:
    value = loads((f'{{"deep": {opening * depth}"x"{closing * depth}, "after": 1}}').encode())
    assert list(value) == ["deep", "after"]
    levels, node = 0, value["deep"]
    while node != "x":
        node, levels = node[-1] if isinstance(node, list) else next(iter(node.values())), levels + 1
    assert levels == depth * (2 if opening.startswith("[1") else 1)


@given(VALUES, st.sampled_from([None, 2]))
def test_reads_the_same_as_the_standard_library(value: Any, indent: int | None) -> None:
    text = json.dumps([[[[[[[[[[value]]]]]]]]]], indent=indent)  # deeper than what is tried in C
    assert _Reader(text).read() == json.loads(text)
    assert loads(text) == json.loads(text)


def test_reads_every_member_by_itself_where_one_is_too_deep() -> None:
    deep = "[" * 2_000 + "]" * 2_000
    text = f'[ {{"a" : [ ] , "b":{{ }}, "deep": {deep} , "c": [1, {{"d": "e,]}}"}} , null, true, -1.5e3]}} , 2 ]'
    first, second = loads(text)
    assert second == 2
    del first["deep"]
    assert first == {"a": [], "b": {}, "c": [1, {"d": "e,]}"}, None, True, -1500.0]}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5_000, "-" + "9" * 5_000, "NaN", "Infinity", "-Infinity"])
def test_a_number_that_python_lacks_is_read_as_it_is_written(number: str) -> None:
    assert loads(f'{{"a": [{number}], "b": 2}}') == {"a": [number], "b": 2}


def test_reads_comments_half_surrogate_pairs_and_the_last_of_equal_keys() -> None:
    assert loads(b'{"a": 1, /* "b" */ "c": "// no comment", // d\n "c": "\\ud800"} ') == {"a": 1, "c": "\ud800"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,]", "[1", "[1] x", '{"a"}', '{"a" 1}', '{"a":1,}', "{1: 2}", '{"a": "b', "/*", "[1 2]", "nul", "]"],
)
def test_rejects_invalid_json(text: str) -> None:
    for wrapped in (text, "[" * 2_000 + text):
        with pytest.raises(ValueError, match="line"):
            loads(wrapped)


def test_rejects_invalid_utf_8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        loads(b'{"a": "\xff"}')
