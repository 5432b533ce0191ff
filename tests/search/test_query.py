"""A search is complete or it is Failed; one rule's trouble is no other's."""

from __future__ import annotations

from support.fakes import ListedEvents, event_document, plan, rule

from watcher.errors import Incomplete, Refused
from watcher.model import QueryPlan
from watcher.ports import Page
from watcher.search.query_strategy import TOGETHER, FailedSearch, MatchedPage, QueryPages, search_by_query


def plans(count: int) -> list[QueryPlan]:
    """Make plans of as many rules."""
    return [plan(rule=rule(id=f"rule-{number}")) for number in range(count)]


def read(outcomes: list[MatchedPage | FailedSearch]) -> list[str]:
    """Return the ids of the documents of all pages, in order."""
    return [entry.id for outcome in outcomes if isinstance(outcome, MatchedPage) for entry in outcome.documents]


def test_pages_are_read_until_the_count_is_reached() -> None:
    events = ListedEvents([event_document(number) for number in range(7)])
    outcomes = list(search_by_query(events, plans(1), pages=QueryPages(first=3, most=3)))
    assert [len(entry.documents) for entry in outcomes if isinstance(entry, MatchedPage)] == [
        3,
        3,
        1,
    ]
    assert read(outcomes) == [f"e{number}" for number in range(7)]


def test_a_last_page_that_is_full_needs_no_further_one() -> None:
    events = ListedEvents([event_document(number) for number in range(6)])
    outcomes = list(search_by_query(events, plans(1), pages=QueryPages(first=3, most=3)))
    assert [type(entry) for entry in outcomes] == [MatchedPage, MatchedPage]


def test_finding_nothing_yields_nothing() -> None:
    assert list(search_by_query(ListedEvents(), plans(3))) == []


def test_fewer_documents_than_counted_is_incomplete() -> None:
    events = ListedEvents(answers=[Page(documents=(event_document(),), total=3, after=None)])
    matched, failed = search_by_query(events, plans(1))
    assert isinstance(matched, MatchedPage)  # what was read is used: writing it again does no harm
    assert isinstance(failed, FailedSearch)
    assert isinstance(failed.error, Incomplete)
    assert str(failed.error) == "`A Shell Starts`: 1 of 3 events were read"


def test_more_documents_than_counted_is_incomplete_too() -> None:
    events = ListedEvents(answers=[Page(documents=(event_document(1), event_document(2)), total=1, after=None)])
    outcomes = list(search_by_query(events, plans(1)))
    assert [type(entry) for entry in outcomes] == [MatchedPage, FailedSearch]


def test_one_failing_rule_fails_alone() -> None:
    fine = Page(documents=(event_document(),), total=1, after=None)
    events = ListedEvents(answers=[fine, Refused("no"), fine])
    outcomes = list(search_by_query(events, plans(3)))
    assert [(type(entry), entry.plan.rule.id) for entry in outcomes] == [
        (MatchedPage, "rule-0"),
        (FailedSearch, "rule-1"),
        (MatchedPage, "rule-2"),
    ]


def test_a_rule_that_fails_on_a_later_page_fails_alone() -> None:
    first = Page(documents=(event_document(1),), total=2, after=(1,))
    events = ListedEvents(
        answers=[first, first, Incomplete("lost"), Page(documents=(event_document(2),), total=None, after=None)]
    )
    outcomes = list(search_by_query(events, plans(2)))
    assert [(type(entry), entry.plan.rule.id) for entry in outcomes[2:]] == [
        (FailedSearch, "rule-0"),
        (MatchedPage, "rule-1"),
    ]


def test_more_rules_than_go_into_one_request_are_all_asked() -> None:
    outcomes = list(search_by_query(ListedEvents([event_document()]), plans(2 * TOGETHER + 1)))
    assert len({entry.plan.rule.id for entry in outcomes}) == 2 * TOGETHER + 1
