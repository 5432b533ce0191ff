"""One pass over the events finds what every rule means, whole or not at all, and hides no rule's trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from looking import FakeClock, failures, many, notes, pairs, ruled, search
from support.fakes import ListedEvents, event_document, rule

from watcher.errors import ClusterError, Incomplete, Overloaded, Refused, TooSlow
from watcher.model import EventDocument
from watcher.ports import Page, SearchRequest
from watcher.search.page_sizes import FIRST_PAGE
from watcher.search.searcher import MatchedPage


@dataclass
class Asked(ListedEvents):
    """Events that keep what they were asked."""

    asked: list[SearchRequest] = field(default_factory=list)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        self.asked.extend(requests)
        return super().search(requests)


def test_events_are_read_once_for_all_rules() -> None:
    events = Asked(
        [
            event_document(1),
            event_document(2, CommandLine="notepad"),
            event_document(3, CommandLine="a shell in notepad"),
        ]
    )
    outcomes = search(events, [ruled(1), ruled(2, "notepad"), ruled(3, "nothing")])
    assert sorted(pairs(outcomes)) == [("rule-1", "e1"), ("rule-1", "e3"), ("rule-2", "e2"), ("rule-2", "e3")]
    assert len(events.asked) == 1


def test_only_channels_and_codes_that_a_rule_looks_at_are_asked_for() -> None:
    events = Asked([event_document()])
    search(events, [ruled(1)])
    asked = str(events.asked[0].query)
    assert all(word in asked for word in ("Security", "4688", "Microsoft-Windows-Sysmon/Operational"))
    assert "CommandLine" not in asked


def test_many_pages_are_read_until_the_count_is_reached() -> None:
    events = Asked(many(FIRST_PAGE * 2 + 1))
    outcomes = search(events, [ruled(1)], search="scan")
    assert pairs(outcomes) == [("rule-1", f"e{number}") for number in range(FIRST_PAGE * 2 + 1)]
    assert len(events.asked) > 2


def test_pages_of_large_events_get_smaller() -> None:
    class Large(Asked):
        def _page(self, ask: SearchRequest) -> Page:
            built = super()._page(ask)
            return replace(built, length=len(built.documents) * 100_000)

    events = Large(many(3 * FIRST_PAGE))
    search(events, [ruled(1)], search="scan")
    assert [ask.size for ask in events.asked][:2] == [FIRST_PAGE, 60]


def test_hits_come_in_parts_that_fit_into_memory() -> None:
    outcomes = search(ListedEvents(many(5_000)), [ruled(1)], search="scan")
    assert max(len(outcome.documents) for outcome in outcomes if isinstance(outcome, MatchedPage)) <= 2 * FIRST_PAGE


def test_hits_before_events_that_take_long_are_handed_on_within_seconds() -> None:
    outcomes = search(ListedEvents(many(100)), [ruled(1)], clock=FakeClock(step=0.1), search="scan")
    sizes = [len(outcome.documents) for outcome in outcomes if isinstance(outcome, MatchedPage)]
    assert sum(sizes) == 100
    assert max(sizes) < 30


@pytest.mark.parametrize("total", [0, 1, 3])
def test_what_does_not_add_up_to_the_count_is_incomplete(total: int) -> None:
    events = ListedEvents(answers=[Page(documents=(event_document(1), event_document(2)), total=total, after=None)])
    with pytest.raises(Incomplete, match=f"2 of {total} events of the window were read"):
        search(events, [ruled(1)])


def test_an_error_on_a_later_page_ends_the_window() -> None:
    events = ListedEvents(answers=[Page(documents=(event_document(1),), total=2, after=(1,)), Incomplete("lost")])
    with pytest.raises(Incomplete, match="lost"):
        search(events, [ruled(1)])


def test_where_the_engine_refuses_to_narrow_every_event_is_read() -> None:
    events = Asked([event_document()], answers=[Refused("no such clause")])
    assert pairs(search(events, [ruled(1)])) == [("rule-1", "e1")]
    assert events.asked[1].query == {"match_all": {}}


def test_what_is_refused_in_every_way_fails_for_good_for_every_rule() -> None:
    outcomes = search(ListedEvents(answers=[Refused("no"), Refused("still no")]), [ruled(1), ruled(2)])
    assert failures(outcomes) == [("rule-1", "still no"), ("rule-2", "still no")]


def test_an_event_that_breaks_a_predicate_is_handed_on_for_who_confirms() -> None:
    """An undecided event is reported by the confirmation; the event's other rules are not hidden."""
    odd = EventDocument(index="winlogbeat-1", id="odd", event={**event_document().event, "@timestamp": "9" * 5000})
    late = rule(ruled(1).text.replace("CommandLine|contains: 'shell'", "'@timestamp|hour': 5"), id="late", title="Late")
    matched = pairs(search(ListedEvents([odd, event_document(2)]), [ruled(1), late]))
    assert ("rule-1", "odd") in matched
    assert ("rule-1", "e2") in matched


# --------------------------------------------------------------------------- only the needed fields


def test_only_needed_fields_are_read_and_hits_are_read_whole() -> None:
    events = Asked([event_document(1), event_document(2, CommandLine="notepad")])
    assert pairs(search(events, [ruled(1)], fetch="needed")) == [("rule-1", "e1")]
    first, second = events.asked
    assert first.only is not None
    assert {"winlog.channel", "event.code", "winlog.event_data.CommandLine", "process.command_line"} <= set(first.only)
    assert "winlog.event_data.Image" not in first.only
    assert second.only is None
    assert second.query == {"ids": {"values": ["e1"]}}


def test_keywords_need_the_data_whole() -> None:
    events = Asked([event_document(1)])
    text = ruled(1).text.replace("selection:\n    CommandLine|contains: 'shell'", "selection: [shell]")
    assert pairs(search(events, [rule(text, id="words")], fetch="needed")) == [("words", "e1")]
    assert {"message", "winlog.event_data", "winlog.user_data"} <= set(events.asked[0].only or ())


def test_a_hit_that_cannot_be_read_again_makes_the_window_incomplete() -> None:
    first = Page(documents=(event_document(1),), total=1, after=None)
    events = ListedEvents(answers=[first, Page(documents=(), total=0, after=None)])
    with pytest.raises(Incomplete, match="1 of 1 events that matched could not be read again"):
        search(events, [ruled(1)], fetch="needed")


def test_a_hit_s_namesake_in_another_index_is_no_hit() -> None:
    twin = replace(event_document(1, CommandLine="notepad"), index="winlogbeat-2")
    events = ListedEvents([event_document(1), twin])
    (matched,) = [outcome for outcome in search(events, [ruled(1)], fetch="needed") if isinstance(outcome, MatchedPage)]
    assert [(outcome.index, outcome.id) for outcome in matched.documents] == [("winlogbeat-1", "e1")]


# --------------------------------------------------------------------------- which way


def test_more_events_than_settings_allow_for_each_rule_are_asked_rule_by_rule() -> None:
    events = Asked(many(11))
    outcomes = search(events, [ruled(1)], scan_below=10)
    assert len(pairs(outcomes)) == 11
    assert "CommandLine" in str(events.asked[-1].query)


def test_a_rule_of_several_queries_counts_as_so_many() -> None:
    events = Asked(many(11))
    values = ", ".join(f"'{number:04}{'shell' * 10}'" for number in range(100))
    several = rule(ruled(1).text.replace("contains: 'shell'", f"contains: [{values}]"), id="rule-1")
    search(events, [several], scan_below=10)
    assert not any("CommandLine" in str(ask.query) for ask in events.asked)


@pytest.mark.parametrize(("way", "asked"), [("scan", False), ("query", True)])
def test_settings_force_a_way(way: str, *, asked: bool) -> None:
    events = Asked(many(3))
    assert len(pairs(search(events, [ruled(1)], search=way, scan_below=1))) == 3
    assert ("CommandLine" in str(events.asked[-1].query)) is asked


@pytest.mark.parametrize(
    ("error", "code"),
    [(Refused("index `a`: failed to create query"), "refused-query"), (TooSlow("out of time"), "costly-query")],
)
def test_a_rule_that_cannot_be_asked_is_scanned_and_named(error: ClusterError, code: str) -> None:
    fine = Page(documents=(event_document(1),), total=1, after=None)
    events = ListedEvents([event_document(1), event_document(2)], answers=[fine, error])
    outcomes = search(events, [ruled(1), ruled(2)], search="query")
    assert pairs(outcomes) == [("rule-1", "e1"), ("rule-2", "e1"), ("rule-2", "e2")]
    assert notes(outcomes) == [(code, "rule-2")]
    assert failures(outcomes) == []


def test_a_rule_that_can_neither_be_asked_nor_scanned_fails_alone() -> None:
    fine = Page(documents=(event_document(1),), total=1, after=None)
    events = ListedEvents(answers=[fine, Refused("no"), Incomplete("lost")])
    outcomes = search(events, [ruled(1), ruled(2)], search="query")
    assert pairs(outcomes) == [("rule-1", "e1")]
    assert failures(outcomes) == [("rule-2", "lost")]


def test_rules_whose_turn_does_not_come_in_time_are_scanned_together() -> None:
    events = Asked(many(1))
    outcomes = search(events, [ruled(outcome) for outcome in range(30)], search="query", clock=FakeClock(step=130))
    assert len(set(pairs(outcomes))) == 30
    assert failures(outcomes) == []
    assert len([ask for ask in events.asked if "CommandLine" in str(ask.query)]) == 20


def test_a_rule_that_one_event_keeps_busy_is_named() -> None:
    class Busy(FakeClock):
        def monotonic(self) -> float:
            self.at += 0.6
            return self.at

    outcomes = search(ListedEvents(many(1)), [ruled(1)], search="scan", clock=Busy())
    assert notes(outcomes) == [("slow-rule", "rule-1")]
    assert pairs(outcomes) == [("rule-1", "e0")]


def test_no_rules_ask_nothing() -> None:
    events = Asked(many(1))
    assert search(events, []) == []
    assert events.asked == []


# --------------------------------------------------------------------------- a cluster that is busy


def test_an_overloaded_cluster_is_asked_again_later_and_for_less() -> None:
    hands = FakeClock()
    events = Asked([event_document(1)], answers=[Overloaded("too many requests"), Overloaded("circuit breaker")])
    assert pairs(search(events, [ruled(1)], clock=hands)) == [("rule-1", "e1")]
    assert sum(hands.waits) == pytest.approx(1 + 2)
    assert [ask.size for ask in events.asked] == [FIRST_PAGE, FIRST_PAGE // 2, FIRST_PAGE // 4]


def test_a_cluster_that_stays_overloaded_is_left_alone_when_the_time_is_up() -> None:
    hands = FakeClock()
    events = ListedEvents(answers=[Overloaded("too many requests")] * 100)
    with pytest.raises(Overloaded):
        search(events, [ruled(1)], clock=hands)
    assert 200 < sum(hands.waits) < 300


def test_a_search_that_takes_far_longer_than_usual_is_followed_by_a_rest() -> None:
    hands = FakeClock()
    pages = [
        Page(documents=(event_document(n),), total=4 if n == 0 else None, after=(n,), took=took)
        for n, took in enumerate((0.1, 0.1, 6.0))
    ]
    events = ListedEvents(answers=[*pages, Page(documents=(event_document(3),), total=None, after=None, took=0.1)])
    assert len(pairs(search(events, [ruled(1)], clock=hands))) == 4
    assert sum(hands.waits) == pytest.approx(6.0)
