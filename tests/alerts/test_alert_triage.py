"""Triage: the status follows the actions, the history only grows, and no comment is lost to another writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import (
    MOST_COMMENTS,
    MOST_ENTRIES,
    Triage,
    TriageResult,
    history_of,
    status_of,
    triaged,
)
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.alert_triage import AlertTriage
from watcher.alerts.grouping import alerts_of_hits
from watcher.model import CloseReason, TriageAction
from watcher.ports import PartialUpdate, StoredDocument

ACKNOWLEDGE = Triage(action=TriageAction.ACKNOWLEDGE, by="alice")
CLOSE = Triage(action=TriageAction.CLOSE, by="alice", reason=CloseReason.BENIGN)
REOPEN = Triage(action=TriageAction.REOPEN, by="bob")
ALL = AlertFilter()


def filled(*hosts: str, state: MemoryDocuments | None = None) -> MemoryDocuments:
    """Return a state with an open alert for each host."""
    state = state or MemoryDocuments()
    grouped = [grouped_hit(rule(), effective(), event_document(number, host=host)) for number, host in enumerate(hosts)]
    alerts = alerts_of_hits(rule(), effective(), grouped, origin="live")
    AlertStore(state).record(alerts, [entry.hit for entry in grouped], now=NOW)
    return state


def change(state: MemoryDocuments, triage: Triage, minutes: int = 0) -> list[TriageResult]:
    """Do an action to all alerts."""
    alert_triage = AlertTriage(state)
    moment = NOW + timedelta(minutes=minutes)
    return [entry.result for entry in alert_triage.change(alert_triage.select(ALL, most=100), triage, now=moment)]


def comment(text: str, by: str = "alice") -> Triage:
    return Triage(action=TriageAction.COMMENT, by=by, comment=text)


def only(state: MemoryDocuments) -> StoredDocument:
    (stored,) = [entry for (index, _), entry in state.documents.items() if "alerts" in index]
    return stored


def values(state: MemoryDocuments) -> dict[str, Any]:
    """Return what people set of the only alert."""
    alert = only(state).document["watcher"]["alert"]
    return {name: alert.get(name) for name in ("state", "by", "reason", "changed", "assignee")}


def test_an_alert_is_acknowledged_closed_and_opened_again_with_who_when_and_why() -> None:
    state = filled("WEB01")
    change(state, ACKNOWLEDGE)
    assert values(state) == {
        "state": "acknowledged",
        "by": "alice",
        "reason": None,
        "changed": "2026-11-23T12:00:00.000Z",
        "assignee": None,
    }
    change(state, CLOSE, minutes=1)
    assert (values(state)["state"], values(state)["reason"]) == ("closed", "benign")
    change(state, REOPEN, minutes=2)
    assert (values(state)["state"], values(state)["reason"], values(state)["by"]) == ("open", None, "bob")
    history = [(entry.action, entry.by, entry.reason) for entry in history_of(only(state).document)]
    assert history == [("acknowledged", "alice", ""), ("closed", "alice", "benign"), ("reopened", "bob", "")]


def test_an_action_that_changes_nothing_writes_nothing() -> None:
    state = filled("WEB01")
    change(state, ACKNOWLEDGE)
    before = only(state)
    assert change(state, ACKNOWLEDGE, minutes=5) == [TriageResult.UNCHANGED]
    assert only(state) == before


def test_a_comment_on_what_is_acknowledged_already_is_kept() -> None:
    state = filled("WEB01")
    change(state, ACKNOWLEDGE)
    again = Triage(action=TriageAction.ACKNOWLEDGE, by="bob", comment="I look at it, too")
    assert change(state, again) == [TriageResult.CHANGED]
    assert [(entry.action, entry.comment) for entry in history_of(only(state).document)] == [
        ("acknowledged", ""),
        ("commented", "I look at it, too"),
    ]
    assert values(state)["by"] == "alice"


def test_a_closed_alert_is_not_acknowledged_and_its_reason_can_be_corrected() -> None:
    state = filled("WEB01")
    change(state, CLOSE)
    assert change(state, ACKNOWLEDGE) == [TriageResult.IS_CLOSED]
    corrected = Triage(action=TriageAction.CLOSE, by="bob", reason=CloseReason.TRUE_POSITIVE)
    change(state, corrected, minutes=9)
    assert (values(state)["reason"], values(state)["by"]) == ("true-positive", "bob")
    assert values(state)["changed"] == "2026-11-23T12:00:00.000Z"  # it was closed then


def test_an_alert_is_assigned_and_the_assignment_taken_back() -> None:
    state = filled("WEB01")
    change(state, Triage(action=TriageAction.ASSIGN, by="alice", assignee="bob"))
    assert (values(state)["assignee"], values(state)["state"]) == ("bob", "open")
    change(state, Triage(action=TriageAction.ASSIGN, by="alice"))
    assert values(state)["assignee"] is None


def test_the_alerts_of_a_filter_are_changed_and_no_others() -> None:
    state = filled("WEB01", "WEB02", "DC01")
    alert_triage = AlertTriage(state)
    selected = alert_triage.select(AlertFilter(host="web02"), most=100)
    assert [entry.result for entry in alert_triage.change(selected, ACKNOWLEDGE, now=NOW)] == [TriageResult.CHANGED]
    statuses = {alert.document["host"]["name"]: status_of(alert.document) for alert in alert_triage.select(ALL, most=9)}
    assert statuses == {"WEB01": "open", "WEB02": "acknowledged", "DC01": "open"}


def test_a_history_has_an_end_for_comments_and_a_later_one_for_the_status() -> None:
    state = filled("WEB01")
    document = only(state).document
    entries = [{"time": "2026-11-23T12:00:00.000Z", "by": "a", "action": "commented", "comment": "x"}]

    def outcome(length: int, triage: Triage) -> TriageResult:
        own = {**document["watcher"], "history": entries * length}
        return triaged({**document, "watcher": own}, triage, now=NOW)[0]

    assert outcome(MOST_COMMENTS - 1, comment("the last one")) is TriageResult.CHANGED
    assert outcome(MOST_COMMENTS, comment("one more")) is TriageResult.FULL
    assert outcome(MOST_COMMENTS, CLOSE) is TriageResult.CHANGED
    assert outcome(MOST_ENTRIES, CLOSE) is TriageResult.FULL


@dataclass
class Contested(MemoryDocuments):
    """A state in which others act between the reading and the writing of an alert."""

    others: list[Triage] = field(default_factory=list)
    joins: int = 0

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        if self.others:
            change(self, self.others.pop(0))
        return super().update(changes)


@pytest.mark.parametrize(
    ("mine", "status"),
    [(comment("mine", "bob"), "acknowledged"), (CLOSE, "closed"), (ACKNOWLEDGE, "acknowledged")],
)
def test_no_comment_of_another_writer_is_lost(mine: Triage, status: str) -> None:
    state = Contested()
    filled("WEB01", state=state)
    state.others = [
        Triage(action=TriageAction.ACKNOWLEDGE, by="carol", comment="theirs"),
        comment("theirs again", "dan"),
    ]
    change(state, mine)
    comments = [entry.comment for entry in history_of(only(state).document)]
    assert {"theirs", "theirs again", mine.comment} <= {*comments, ""}
    assert status_of(only(state).document) == status


def test_an_alert_that_was_deleted_meanwhile_is_named() -> None:
    state = filled("WEB01")
    alert_triage = AlertTriage(state)
    selected = alert_triage.select(ALL, most=1)
    state.documents.clear()
    assert [entry.result for entry in alert_triage.change(selected, CLOSE, now=NOW)] == [TriageResult.MISSING]
