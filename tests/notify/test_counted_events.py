"""Messages of every channel list what a correlation counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.correlation_files import COUNTING, LOGONS, logon, write_files
from support.fakes import NOW

from watcher.alerts.correlated_hits import AlertPlace, alert_of, correlated_hit
from watcher.alerts.grouping import alerts_of_hits
from watcher.match.event_view import EventView
from watcher.model import Alert
from watcher.model.correlation_hits import CorrelationHit
from watcher.notify.channel_registry import notifier_type
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.ruletests.correlated_events import EventCorrelator, LabelledEvent
from watcher.settings import Source, channel_type_names
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.usecases.loading import find_settings
from watcher.usecases.named_rules import NamedCorrelation, find_any_rule


@dataclass(frozen=True, slots=True)
class Counting:
    """A correlation rule that three failed logons complete, and its hit."""

    named: NamedCorrelation
    effective: RuleSettings
    hit: CorrelationHit
    view: EventView  # of the event that completes it


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    """Return the rule and its hit."""
    settings = find_settings(write_files(tmp_path))
    named = find_any_rule(COUNTING, settings)
    assert isinstance(named, NamedCorrelation)
    correlator = EventCorrelator(named.correlation, named.plan, named.rules, Source())
    views = [EventView(logon(*entry), {}) for entry in LOGONS]
    (hit,) = correlator.evaluate(LabelledEvent(label="e", view=view) for view in views).hits
    return Counting(named, rule_settings(named.rule, settings), hit, views[3])


@pytest.fixture
def alert(counting: Counting) -> Alert:
    """Return the alert of three failed logons."""
    named, effective = counting.named, replace(counting.effective, channels=("any",))
    place = alert_of(counting.hit, effective)
    grouped = correlated_hit(counting.hit, named.rule, place, counting.view, named.plan.titles)
    (opened,) = alerts_of_hits(named.rule, effective, [grouped], origin="live")
    return opened


@pytest.mark.parametrize("name", channel_type_names())
def test_every_channel_lists_what_was_counted(name: str, alert: Alert) -> None:
    notification = Renderer().render_type(alert_context(alert, links=Links()), notifier_type(name), channel=name)
    for body in notification.bodies.values():
        for text in ("Failed Logon", "3 events", "2026-03-01T10:00:00.000Z", "2026-03-01T10:02:00.000Z", "e/0", "e/3"):
            assert text in body, (name, text)


def test_an_alert_says_that_older_events_are_not_counted(counting: Counting) -> None:
    named, lacking = counting.named, replace(counting.hit, cut_until=counting.hit.first - 1)
    grouped = correlated_hit(lacking, named.rule, AlertPlace("alert", NOW), counting.view, named.plan.titles)
    labels = dict(grouped.hit.summary.details)
    assert labels["incomplete"].startswith("earlier events up to 2026-03-01T09:59:59.999Z are not counted")


def test_an_alert_says_that_values_are_not_counted(counting: Counting) -> None:
    named, cut = counting.named, replace(counting.hit, cut_values=True)
    grouped = correlated_hit(cut, named.rule, AlertPlace("alert", NOW), counting.view, named.plan.titles)
    labels = dict(grouped.hit.summary.details)
    assert labels["incomplete"] == "of events with very many values, 1,000 combinations are counted"
