"""Names that are close to misspelled ones, and the commands and settings that ask whether they were meant."""

from __future__ import annotations

import pytest

from watcher.near_names import near_name_fix, near_names
from watcher.settings.annotations import InvalidValueError
from watcher.settings.route_formats import parse_time_zone


@pytest.mark.parametrize(
    ("text", "near"),
    [("Slak", ("slack",)), ("MAIL", ("mail",)), ("mial", ("mail",)), ("jabber", ()), ("", ()), ("x" * 1_000_000, ())],
)
def test_the_closest_name_is_found_whatever_its_case(text: str, near: tuple[str, ...]) -> None:
    assert near_names(text, ["slack", "mail", "pager"]) == near


def test_without_a_close_name_the_other_advice_is_given() -> None:
    assert near_name_fix("slak", ["slack"], "add it") == "did you mean `slack`?"
    assert near_name_fix("jabber", ["slack"], "add it") == "add it"


@pytest.mark.parametrize(
    ("text", "fix"),
    [("Europe/Wien", "Europe/Vienna"), ("europe/berlin", "did you mean `Europe/Berlin`?"), ("\x00", "Europe/Vienna")],
)
def test_a_time_zone_that_does_not_exist_names_a_close_one(text: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as fault:
        parse_time_zone(text)
    assert fix in fault.value.fix
