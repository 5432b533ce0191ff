"""A search is complete or it is Failed; one rule's trouble is no other's."""

from __future__ import annotations

from fakes import ListedEvents, found, plan, rule

from watcher.errors import Incomplete, Refused
from watcher.model import Plan
from watcher.ports import Page
from watcher.search.query import TOGETHER, Failed, Matched, search


def plans(count: int) -> list[Plan]:
    """Make plans of as many rules."""
    return [plan(rule=rule(id=f"rule-{number}")) for number in range(count)]


def read(outcomes: list[Matched | Failed]) -> list[str]:
    """Give the ids of the documents of all pages, in order."""
    return [one.id for outcome in outcomes if isinstance(outcome, Matched) for one in outcome.found]


def test_pages_are_read_until_the_count_is_reached() -> None:
    events = ListedEvents([found(number) for number in range(7)])
    outcomes = list(search(events, plans(1), page=3))
    assert [len(one.found) for one in outcomes if isinstance(one, Matched)] == [3, 3, 1]
    assert read(outcomes) == [f"e{number}" for number in range(7)]


def test_a_last_page_that_is_full_needs_no_further_one() -> None:
    events = ListedEvents([found(number) for number in range(6)])
    outcomes = list(search(events, plans(1), page=3))
    assert [type(one) for one in outcomes] == [Matched, Matched]


def test_finding_nothing_yields_nothing() -> None:
    assert list(search(ListedEvents(), plans(3))) == []


def test_fewer_documents_than_counted_is_incomplete() -> None:
    events = ListedEvents(answers=[Page(found=(found(),), total=3, after=None)])
    matched, failed = search(events, plans(1))
    assert isinstance(matched, Matched)  # what was read is used: writing it again does no harm
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Incomplete)
    assert str(failed.error) == "`A Shell Starts`: 1 of 3 events were read"


def test_more_documents_than_counted_is_incomplete_too() -> None:
    events = ListedEvents(answers=[Page(found=(found(1), found(2)), total=1, after=None)])
    outcomes = list(search(events, plans(1)))
    assert [type(one) for one in outcomes] == [Matched, Failed]


def test_one_failing_rule_fails_alone() -> None:
    fine = Page(found=(found(),), total=1, after=None)
    events = ListedEvents(answers=[fine, Refused("no"), fine])
    outcomes = list(search(events, plans(3)))
    assert [(type(one), one.plan.rule.id) for one in outcomes] == [
        (Matched, "rule-0"),
        (Failed, "rule-1"),
        (Matched, "rule-2"),
    ]


def test_a_rule_that_fails_on_a_later_page_fails_alone() -> None:
    first = Page(found=(found(1),), total=2, after=(1,))
    events = ListedEvents(answers=[first, first, Incomplete("lost"), Page(found=(found(2),), total=None, after=None)])
    outcomes = list(search(events, plans(2)))
    assert [(type(one), one.plan.rule.id) for one in outcomes[2:]] == [(Failed, "rule-0"), (Matched, "rule-1")]


def test_more_rules_than_go_into_one_request_are_all_asked() -> None:
    outcomes = list(search(ListedEvents([found()]), plans(2 * TOGETHER + 1)))
    assert len({one.plan.rule.id for one in outcomes}) == 2 * TOGETHER + 1
