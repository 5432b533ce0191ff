"""A silence is checked before it is stored, and warned of where it is too broad."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule

from watcher.alerts.grouping import alerts_of_hits
from watcher.errors import InputError
from watcher.model import Alert, Level
from watcher.routes import parse_matchers
from watcher.routes.calendars import Calendar, TimeSpan
from watcher.routes.silences import MaintenanceWindow
from watcher.usecases.silence_requests import (
    SilencePreview,
    SilenceRequest,
    new_silence,
    rules_matched,
    window_previews,
)

HOST = parse_matchers("host=DC01")


def request(**changes: Any) -> SilenceRequest:
    values = {"matchers": HOST, "by": "ada", "reason": "patching", "lasting": timedelta(hours=2)}
    return SilenceRequest(**{**values, **changes})


def test_a_silence_begins_now_and_lasts_as_long_as_somebody_said() -> None:
    silence = new_silence(request(reason=" a\n reason "), now=NOW)
    assert (silence.start, silence.until, silence.reason) == (NOW, NOW + timedelta(hours=2), "a reason")
    later = new_silence(request(start=NOW + timedelta(days=1)), now=NOW)
    assert later.until == NOW + timedelta(days=1, hours=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lasting": None}, "ends before it begins"),
        ({"until": NOW}, "ends before it begins"),
        ({"start": NOW - timedelta(hours=3)}, "ends before it begins"),
        ({"lasting": timedelta(days=91)}, "90 days at most"),
        ({"reason": " \n"}, "is empty"),
        ({"reason": "a" * 501}, "at most 500 characters"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        new_silence(request(**changes), now=NOW)


def alert_of(level: str, *, host: str = "WEB01", opened: datetime | None = None) -> Alert:
    """Return an alert of a rule of a level."""
    own = rule(level=Level(level))
    grouped = grouped_hit(own, effective(), event_document(host=host))
    (alert,) = alerts_of_hits(own, effective(), [grouped], origin="live")
    return replace(alert, opened=opened)


def previewed(*alerts: tuple[str, bool]) -> list[str]:
    """Count alerts of a level each, and return the warnings."""
    preview = SilencePreview()
    for level, is_silenced in alerts:
        preview.add(alert_of(level), is_silenced=is_silenced)
    return list(preview.warnings)


def test_what_is_too_broad_is_warned_of() -> None:
    low, held = ("low", False), ("low", True)
    assert previewed() == []
    assert previewed(low, low) == []
    assert previewed(held, low, low, low) == []
    assert previewed(held, held) == ["it would have held back every alert (2)"]
    assert previewed(held, held, low, low, low) == ["it would have held back 40 % of all alerts (2 of 5)"]
    critical = previewed(("critical", True), *([low] * 9))
    assert critical == ["it would have held back every alert of the level critical (1)"]


def test_rules_that_can_open_such_alerts_are_counted() -> None:
    assert rules_matched(parse_matchers("rule=7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77, host=X"), [rule()]) == 1
    assert rules_matched(parse_matchers("tag=attack.t1059"), [rule()]) == 1
    assert rules_matched(parse_matchers('rule="A Shel Starts"'), [rule()]) == 0


def test_a_maintenance_window_is_tried_on_the_times_at_which_alerts_were_opened() -> None:
    noon = Calendar(name="noon", hours=(TimeSpan(start=12 * 60, end=13 * 60),))
    windows = [
        MaintenanceWindow(name="patching", matchers=HOST, calendars=(noon,)),
        MaintenanceWindow(name="all", matchers=parse_matchers("level>=low"), calendars=(noon,)),
    ]
    alerts = [
        alert_of("low", host="DC01", opened=NOW),
        alert_of("low", host="DC01", opened=NOW + timedelta(hours=1)),
        alert_of("low", opened=NOW),
        alert_of("low", host="DC01"),  # of an older version, which did not store the time
    ]
    previews = window_previews(windows, alerts)
    assert [(name, preview.silenced, preview.alerts) for name, preview in previews.items()] == [
        ("patching", 1, 4),
        ("all", 2, 4),
    ]
    assert dict(previews["all"].hosts) == {"DC01": 1, "WEB01": 1}
    assert [list(preview.warnings) for preview in previews.values()] == [
        [],
        ["it would have held back 50 % of all alerts (2 of 4)"],
    ]
