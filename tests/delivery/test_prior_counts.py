"""How often a rule fired before an alert, in counts and in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.prior_counts import PriorAlertCounts
from watcher.errors import Overloaded
from watcher.model import PriorAlerts, Query
from watcher.notify.alert_rows import prior_text


def opened(*alerts: tuple[str, int], state: MemoryDocuments | None = None) -> MemoryDocuments:
    """Return a state with alerts of hosts, each opened a number of days ago; the last one is today's."""
    state = state or MemoryDocuments()
    for number, (host, days) in enumerate(alerts):
        settings = effective(group_by=None)
        grouped = [grouped_hit(rule(), settings, event_document(number, host=host))]
        hits = [entry.hit for entry in grouped]
        moment = NOW - timedelta(days=days)
        AlertStore(state).record(alerts_of_hits(rule(), settings, grouped, origin="live"), hits, now=moment)
    return state


def prior(state: MemoryDocuments) -> PriorAlerts | None:
    """Return the counts of the alert that was opened last."""
    alerts = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return PriorAlertCounts(state)(max(alerts, key=lambda stored: stored.document["event"]["created"]))


@pytest.mark.parametrize(
    ("before", "counts", "text"),
    [
        ([], (0, 0, 0), "first alert of this rule here"),
        ([("B", 1)], (1, 0, 0), "first alert of this rule on A; before, there were 1 on other computers"),
        ([("A", 30), ("B", 1)], (2, 1, 0), "first alert of this rule on A in 7 days; before, there were 1"),
        ([("A", 30), ("A", 6), ("A", 1)], (3, 3, 2), "3rd alert of this rule on A in 7 days"),
    ],
)
def test_an_alert_says_how_often_its_rule_fired_before(
    before: list[tuple[str, int]], counts: tuple[int, int, int], text: str
) -> None:
    counted = prior(opened(*before, ("A", 0)))
    assert counted is not None
    assert (counted.anywhere, counted.on_host, counted.in_week) == counts
    assert prior_text(counted, "A") == text


def test_a_state_that_does_not_count_keeps_no_message_back() -> None:
    class Busy(MemoryDocuments):
        def count(self, index: str, query: Query) -> int:
            raise Overloaded(f"{index} {query}")

    assert prior(opened(("A", 0), state=Busy())) is None
