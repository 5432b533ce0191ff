"""The bounds of the golden table: mapping and detection item → upper clause, lower clause."""

from __future__ import annotations

import pytest
from golden_table import PAGE, GoldenRow, page, sections

ROWS = [row for section in sections() for row in section.rows]
CASES = [(row, engine) for row in ROWS for engine in row.engines]


@pytest.mark.parametrize(("row", "engine"), CASES, ids=[f"{row.mapping}-{row.item}-{engine}" for row, engine in CASES])
def test_an_item_on_a_mapping_has_the_bounds_of_the_table(row: GoldenRow, engine: str) -> None:
    bounds = row.bounds(engine)
    assert bounds.upper == row.upper, row.why
    assert bounds.lower == row.lower, row.why


def test_the_table_covers_every_family_of_mapping_types() -> None:
    mapped = {name for row in ROWS for name in _type_names(row.mapping)}
    assert {
        *("keyword", "wildcard", "constant_keyword", "text", "match_only_text", "ip", "boolean", "date", "date_nanos"),
        *("long", "integer", "unsigned_long", "double", "float", "half_float", "scaled_float", "flattened"),
    } <= mapped
    assert len(ROWS) >= 100


def test_the_rows_differ() -> None:
    assert len({(repr(row.mapping), repr(row.item), row.engine) for row in ROWS}) == len(ROWS)


def test_the_documentation_shows_the_table() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python tests/translate/golden_table.py`"


def _type_names(mapping: object) -> set[str]:
    if isinstance(mapping, str):
        return {mapping}
    if isinstance(mapping, list):
        return set().union(*map(_type_names, mapping))
    if not isinstance(mapping, dict):
        return set()
    if "type" in mapping:
        return {mapping["type"]}
    return set().union(*(_type_names(entry) for path, entry in mapping.items() if path != "_unindexed"))
