"""An absence is resolved once when its group is seen again; no index is silence, and what is not searched is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.fakes import NOW, ListedEvents, event_document
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage, history_of, status_of
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.alert_triage import AlertTriage
from watcher.alerts.open_absences import OpenAbsences
from watcher.checkpoints.checkpoint import AddGaps, Advance, Checkpoint, apply
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate.correlation_plan import SearchedRules
from watcher.model import AlertStatus, CloseReason, TriageAction, Window
from watcher.pipeline import (
    Correlator,
    DetectionScope,
    Detector,
    PastCorrelations,
    PreparedCorrelation,
    prepare_rule,
)
from watcher.pipeline.returned_groups import ReturnedGroups
from watcher.pipeline.searched_windows import SearchedWindow
from watcher.ports import StoredDocument
from watcher.schedule.live_search import unsearched_gap
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import format_timestamp
from watcher.usecases.loading import find_settings, load_rules, searched_rules

RULES = """\
title: Process of a Server
name: process
id: 11111111-1111-4111-8111-111111111111
status: test
level: informational
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine: '*'}, condition: selection}
---
title: Silent Server
id: 33333333-3333-4333-8333-333333333333
status: test
level: high
watcher: {type: absence, rules: [process], group-by: [host.name], timespan: 10m, groups: [WEB01]}
"""
SOURCE = Source(name="s", overlap=timedelta(0))
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Searches:
    """Searches of sidecars that share a state; every event is in every window."""

    rules: SearchedRules
    settings: Settings
    events: ListedEvents = field(default_factory=lambda: ListedEvents(indices=()))
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    checkpoint: Checkpoint | None = None

    def detector(self) -> Detector:
        """Start a sidecar."""
        plan = self.rules.plan
        correlator = Correlator(
            plan=plan,
            rules={
                rule.id: PreparedCorrelation(rule=rule, effective=rule_settings(rule, self.settings))
                for rule in plan.rules.values()
            },
            checkpoint=lambda _: self.checkpoint,
            events=self.state,
            now=self.events.now,
            starts=lambda _: dict.fromkeys(plan.rules, NOW),
            late=LateBaseHits(StateDocuments(self.state)),
            returned=ReturnedGroups(absences=OpenAbsences(documents=self.state), following=("pager",)),
        )
        rules = [
            prepare_rule(rule, rule_settings(rule, self.settings), SOURCE, plan.roles[rule.id])
            for rule in self.rules.rules
        ]
        return Detector(
            source=SOURCE, events=self.events, alert_store=AlertStore(self.state), rules=rules, correlator=correlator
        )

    def search(self, detector: Detector, minutes: range) -> None:
        """Search up to each of some minutes, and move the watermark."""
        for minute in minutes:
            self.events.time = NOW + minute * MINUTE
            before = self.checkpoint or Checkpoint(since=NOW, watermark=NOW)
            result = detector.detect(Window(start=before.watermark, end=self.events.time))
            gaps = unsearched_gap(result.window, result.unsearchable, self.events.time)
            commands = (Advance(to=self.events.time), AddGaps(gaps=gaps))
            self.checkpoint = apply(before, commands)

    def backfill(self, slices: Sequence[range], seen: datetime) -> None:
        """Search slices of the past, the host being seen in the last of them."""
        detector = self.detector()
        detector.origin, correlator, detector.correlator = "backfill", detector.correlator, None
        assert correlator is not None
        past = PastCorrelations(
            correlator=correlator,
            source=SOURCE.name,
            recorder=lambda: detector.recorder(DetectionScope()),
            now=self.events.now,
        )
        for minutes in slices:
            if minutes == slices[-1]:
                self.see(seen)
            window = Window(start=NOW + minutes.start * MINUTE, end=NOW + minutes.stop * MINUTE)
            past.add(SearchedWindow(window=window, base_hits=detector.detect(window).base_hits))
        past.finish()

    def see(self, moment: datetime) -> None:
        """Let the host write an event."""
        self.events.indices = ("winlogbeat-1",)
        self.events.documents = [*self.events.documents, event_document(time=format_timestamp(moment))]

    def alerts(self) -> list[StoredDocument]:
        """Return the alerts, the oldest first."""
        stored = [entry for (index, _), entry in self.state.documents.items() if "-alerts-" in index]
        return sorted(stored, key=lambda entry: str(entry.document["@timestamp"]))

    def triage(self, action: Triage) -> None:
        """Do what a person does to all alerts."""
        triage = AlertTriage(self.state)
        triage.change(triage.select(AlertFilter(), most=10), action, now=self.events.time)


@pytest.fixture
def searches(tmp_path: Path) -> Searches:
    """Return searches by a rule that expects a host."""
    (tmp_path / "rule.yml").write_text(RULES, encoding="utf-8")
    file = tmp_path / "watcher.yml"
    channels = "channels: {pager: {type: pagerduty, routing_key: 0123456789abcdef0123456789abcdef}}"
    file.write_text(f"rules: {{folders: [{{name: own, path: {tmp_path}}}]}}\n{channels}\n", encoding="utf-8")
    settings = find_settings(file)
    return Searches(rules=searched_rules(settings, load_rules(settings)), settings=settings)


def test_a_listed_host_is_absent_where_no_index_matches_and_resolved_when_it_writes(searches: Searches) -> None:
    first, second = searches.detector(), searches.detector()
    searches.search(first, range(1, 13))
    (alert,) = searches.alerts()
    assert (alert.document["watcher"]["alert"]["key"], status_of(alert.document)) == (
        ["host.name=WEB01"],
        AlertStatus.OPEN,
    )
    searches.see(NOW + 12.5 * MINUTE)
    before = searches.checkpoint
    for sidecar in (first, second, searches.detector()):  # each repeats the search of one that was killed
        searches.checkpoint = before
        searches.search(sidecar, range(13, 14))
    (alert,) = searches.alerts()
    (entry,) = history_of(alert.document)
    assert (entry.action, entry.by, status_of(alert.document)) == (
        TriageAction.RESOLVE,
        "watcher",
        AlertStatus.CLOSED,
    )
    assert entry.comment == "seen again at 2026-11-23T12:12:30.000Z, after 12 minutes 30 seconds without an event"
    followed = [delivery["channel"] for delivery in alert.document["watcher"]["deliveries"]]
    assert followed == ["pager", "pager/status"]


def test_a_backfill_resolves_what_it_opens_once(searches: Searches) -> None:
    searches.events.time = NOW + timedelta(hours=2)
    for _ in range(2):  # as one that is repeated after its end was not recorded
        searches.events.documents = []
        searches.see(NOW + 0.5 * MINUTE)
        searches.backfill([range(10), range(10, 20), range(20, 30)], seen=NOW + 22.5 * MINUTE)
    first, second = searches.alerts()  # the second silence begins when the host was seen again
    (entry,) = history_of(first.document)
    assert (status_of(first.document), status_of(second.document)) == (AlertStatus.CLOSED, AlertStatus.OPEN)
    assert entry.comment == "seen again at 2026-11-23T12:22:30.000Z, after 22 minutes without an event"


def test_a_later_silence_opens_another_alert(searches: Searches) -> None:
    sidecar = searches.detector()
    searches.search(sidecar, range(1, 13))
    searches.see(NOW + 12.5 * MINUTE)
    searches.search(sidecar, range(13, 25))
    first, second = searches.alerts()  # within an hour, the quiet period
    assert (status_of(first.document), status_of(second.document)) == (AlertStatus.CLOSED, AlertStatus.OPEN)


@pytest.mark.parametrize("action", [TriageAction.CLOSE, TriageAction.REOPEN])
def test_what_a_person_closed_or_opened_again_stays_so(searches: Searches, action: TriageAction) -> None:
    sidecar = searches.detector()
    searches.search(sidecar, range(1, 13))
    if action is TriageAction.REOPEN:
        searches.see(NOW + 12.5 * MINUTE)
        searches.search(sidecar, range(13, 14))
    searches.triage(Triage(action=action, by="alice", reason=CloseReason.BENIGN))
    searches.see(NOW + 13.5 * MINUTE)
    searches.search(sidecar, range(14, 16))
    (alert,) = searches.alerts()
    assert (history_of(alert.document)[-1].by, history_of(alert.document)[-1].action) == ("alice", action)


def test_an_index_that_cannot_be_searched_is_no_silence(searches: Searches) -> None:
    searches.events.indices = ("winlogbeat-1",)
    searches.events.bad = {"winlogbeat-1": "its shards are not assigned"}
    searches.search(searches.detector(), range(1, 20))
    assert searches.alerts() == []
