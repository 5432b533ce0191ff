"""What of a document is looked at: nothing that is wanted is left out, however it is spelt, and nothing else counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.match import flat_event as module
from watcher.match.flat_event import ALL_FIELDS, FieldFilter

NAMES = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "ab"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["", "x", "y"]))
NODES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
DOCUMENTS = st.dictionaries(NAMES, NODES, max_size=4)


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.sets(NAMES, max_size=3))
def test_what_is_wanted_is_read_as_from_the_whole_document(documents: list[dict[str, Any]], paths: set[str]) -> None:
    field_filter = FieldFilter(paths)
    for document in documents:
        complete, part = ALL_FIELDS.flatten(document), field_filter.flatten(document)
        for path, values in complete.items():
            if any(path == wanted or path.startswith(wanted + ".") for wanted in paths):
                assert part.get(path) == values
        assert part.items() <= complete.items()
        unwanted = [path for path in part if not any(f"{path}.".startswith(f"{value}.") for value in paths)]
        assert all(any(value.startswith(f"{path}.") for value in paths) for path in unwanted)


def test_names_without_end_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_PATHS", 10)
    field_filter = FieldFilter(["kept"])
    for number in range(100):
        made_up = {f"n{number}": {"deeper": "x"}, "x" * 1_000: "x", "kept": {f"n{number}": str(number)}}
        assert field_filter.flatten(made_up) == {f"kept.n{number}": (str(number),)}
    assert field_filter._count <= 10


def test_an_array_of_very_many_values_takes_no_longer_than_as_many_values_take() -> None:
    read = ALL_FIELDS.flatten({"a": [str(number) for number in range(200_000)]})
    assert len(read["a"]) == 200_000
    assert read.text().count("\0") == 199_999
