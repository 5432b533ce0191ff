"""Events with more combinations of values than are counted: which groups lack them, and what that changes."""

from __future__ import annotations

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, until

from watcher.correlate import CorrelationState, CorrelationStates, CutEvents, correlate, cut_values

MANY = tuple(str(number) for number in range(40))  # of two fields: 600 combinations too many
LACKING = {"user": "39", "host": "39"}  # the last combination of them
COUNTED = {"user": "0", "host": "0"}
OTHER = {"user": "0", "host": "other"}


def matches_of(condition: dict[str, str], *groups: dict[str, str]) -> dict[tuple[str, ...], bool]:
    """Return whether the last match of each group says that values are cut."""
    state = CorrelationState(correlation("event_count", condition, group_by=("user", "host")))
    later = [hit(2 + number, **group) for number, group in enumerate(groups)]
    state.add([hit(1, user=MANY, host=MANY)])
    matches = (*state.add(later), *state.decide(until(SPAN)))
    return {tuple(value for _, value in match.group): match.cut_values for match in matches if match.time > 1}


def test_the_alert_of_a_group_that_lacks_an_event_says_so() -> None:
    assert matches_of({"gte": "1"}, LACKING, COUNTED, OTHER) == {
        ("39", "39"): True,
        ("0", "0"): False,
        ("0", "other"): False,
    }


def test_what_the_event_could_end_is_not_decided() -> None:
    assert matches_of({"lt": "3"}, LACKING, COUNTED, OTHER) == {("0", "0"): False, ("0", "other"): False}


def test_silence_that_the_event_ended_is_none() -> None:
    silent = correlation("event_count", {"eq": "0"}, group_by=("user", "host"))
    before = [hit(0, **group) for group in (LACKING, OTHER)]
    result = correlate([silent], [*before, hit(1, user=MANY, host=MANY)], end=SPAN)
    assert [dict(match.group) for match in result.matches] == [OTHER]


@pytest.mark.parametrize("condition", [{"gte": "1000"}, {"eq": "1000"}])
def test_a_number_of_tuples_that_are_cut_is_a_least_number(condition: dict[str, str]) -> None:
    state = CorrelationState(correlation("value_count", condition, fields=("user", "host")))
    matches = (*state.add([hit(1, user=MANY, host=MANY)]), *state.decide(until(2 * SPAN)))
    assert [(match.number, match.cut_values) for match in matches] == ([(1_000, True)] if "gte" in condition else [])


def test_values_in_other_case_are_no_further_combinations() -> None:
    state = CorrelationState(correlation("value_count", {"gte": "1"}, fields=("user",)))
    (match,) = state.add([hit(1, user=tuple("x" * 2**number for number in range(6)) + ("X", "XX") * 500)])
    assert (match.number, match.cut_values) == (6, False)


def test_silence_of_values_is_decided_after_an_event_with_very_many() -> None:
    silent = correlation("value_count", {"eq": "0"}, fields=("user", "host"))
    (match,) = correlate([silent], [hit(0, user=MANY, host=MANY)], end=SPAN + 1).matches
    assert match.time == SPAN


def test_of_very_many_such_events_the_groups_of_the_newest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_values, "_MOST", 3)
    rule = correlation("event_count", {"gte": "1"}, group_by=("user", "host"))
    states = CorrelationStates([rule])
    for number in range(4):
        states.add([hit(number, id=str(number), user=MANY, host=MANY)])
    assert states.uncounted().values == {"rule": CutEvents(events=3, last=3, or_more=True)}
    (match,) = states.add([hit(4, **OTHER)])
    assert match.cut_values
    states.forget(2 * SPAN)
    assert states.uncounted().values == {}
    (match,) = states.add([hit(2 * SPAN, **OTHER)])
    assert not match.cut_values


def test_an_event_that_is_delivered_again_counts_once() -> None:
    states = CorrelationStates([correlation("event_count", {"gte": "1"}, group_by=("user", "host"))])
    for _ in range(3):
        states.add([hit(1, user=MANY, host=MANY)])
    assert states.uncounted().values == {"rule": CutEvents(events=1, last=1, or_more=False)}
