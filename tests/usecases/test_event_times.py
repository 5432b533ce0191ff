"""The times between which the events of a file are, as correlations need them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.timestamps import earliest_and_latest, parse_timestamp

TEXTS = st.one_of(
    st.builds(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z".format,
        *(st.integers(0, most) for most in (9999, 13, 32, 24, 60, 60, 999)),
    ),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.integers(0, 4_000_000_000_000).map(str),
    st.text(max_size=5),
)


@given(st.lists(TEXTS))
def test_the_earliest_and_the_latest_are_those_of_all_that_are_timestamps(texts: list[str]) -> None:
    moments = [moment for moment in map(parse_timestamp, texts) if moment is not None]
    assert earliest_and_latest(texts) == (min(moments, default=None), max(moments, default=None))


@pytest.mark.parametrize("odd", ["2026-13-40T99:00:00.000Z", "9999-99-99T00:00:00.000Z", "never"])
def test_what_is_no_timestamp_hides_none(odd: str) -> None:
    first, last = "2026-11-29T00:00:00.000Z", "2026-11-29 12:00:00+02:00"
    assert earliest_and_latest([odd, first, odd, last]) == (parse_timestamp(first), parse_timestamp(last))
