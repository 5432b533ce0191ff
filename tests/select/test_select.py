"""Which rules are watched, and how: the later selector wins, and says which line it was."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import RULE, rule

from watcher.model import Level, Rule
from watcher.settings import MailChannel, Selector, Settings
from watcher.settings.effective import rule_settings

MAIL = MailChannel(name="mail", host="localhost")


def settings(*selectors: Selector) -> Settings:
    """Make settings with some selectors."""
    return Settings(file=Path("watcher.yml"), channels=(MAIL,), selectors=selectors)


def custom(text: str) -> Rule:
    """Read the rule with a `custom` of its own."""
    return rule(f"{RULE}custom:\n  watcher: {text}\n")


def test_the_defaults() -> None:
    effective = rule_settings(rule(), settings())
    assert (effective.enabled, effective.group_by, effective.quiet_period) == (True, ("host.name",), timedelta(hours=1))
    assert effective.channels == ("mail",)
    assert set(effective.because.values()) == {"the default"}


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [
        ({}, True),
        ({"level": Level.MEDIUM}, True),
        ({"level": Level.LOW}, False),
        ({"level": Level.INFORMATIONAL}, False),
        ({"status": "deprecated"}, False),
        ({"status": "unsupported"}, False),
        ({"status": "experimental"}, True),
        ({"status": None}, True),
        # what is counted over events is not a thing of one event
        ({"aggregation": "count() > 5"}, False),
    ],
)
def test_which_rules_are_watched_where_settings_say_nothing(changes: dict[str, Any], *, enabled: bool) -> None:
    assert rule_settings(rule(**changes), settings()).enabled is enabled


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (Selector(line=1), True),
        (Selector(line=1, folder=("own",)), True),
        (Selector(line=1, folder=("other",)), False),
        (Selector(line=1, id=("7F6F2C52-*",)), True),
        (Selector(line=1, tag=("attack.t1059",)), True),
        (Selector(line=1, tag=("attack.t1059.*",)), False),
        (Selector(line=1, level=("low", "high")), True),
        (Selector(line=1, status=("stable",)), False),
        (Selector(line=1, author=("a. *",)), True),
        (Selector(line=1, path=("*.yml",)), True),
        (Selector(line=1, path=("linux/*",)), False),
        # every criterion must hold
        (Selector(line=1, folder=("own",), level=("low",)), False),
    ],
)
def test_whom_a_selector_speaks_of(selector: Selector, *, fits: bool) -> None:
    quiet = Selector(**{name: getattr(selector, name) for name in Selector.__slots__} | {"channels": ()})
    assert (rule_settings(rule(), settings(quiet)).channels == ()) is fits


def test_the_later_selector_wins_value_by_value_and_is_named() -> None:
    first = Selector(line=7, quiet_period=timedelta(hours=2), group_by=("user.name",))
    second = Selector(line=9, quiet_period=timedelta(hours=3))
    effective = rule_settings(rule(), settings(first, second))
    assert (effective.quiet_period, effective.group_by) == (timedelta(hours=3), ("user.name",))
    assert effective.because["quiet_period"] == "watcher.yml:9"
    assert effective.because["group_by"] == "watcher.yml:7"
    assert effective.because["channels"] == "the default"


def test_a_selector_can_take_in_what_the_default_leaves_out() -> None:
    assert rule_settings(rule(level=Level.LOW), settings(Selector(line=3, enabled=True))).enabled


def test_a_rule_may_speak_for_itself_last() -> None:
    effective = rule_settings(
        custom("{quiet_period: 5m, group_by: event}"), settings(Selector(line=3, group_by=("user.name",)))
    )
    assert (effective.quiet_period, effective.group_by) == (timedelta(minutes=5), None)
    assert effective.because["group_by"] == "`custom.watcher.group_by` of the rule"


def test_a_wrong_value_in_a_rule_is_ignored_and_said() -> None:
    effective = rule_settings(custom("{quiet_period: soon}"), settings())
    assert effective.quiet_period == timedelta(hours=1)
    assert "is ignored" in effective.because["quiet_period"]
