"""Effective rule settings: the later selector wins, and each value names its origin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fakes import RULE, rule

from watcher.model import Level, Rule
from watcher.notify.mail import MailChannel
from watcher.settings import RuleOptions, RuleSelection, Selector, Settings
from watcher.settings.effective import rule_settings

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))


def settings(*selectors: Selector) -> Settings:
    """Return settings with some selectors."""
    return Settings(file=Path("watcher.yml"), channels=(MAIL,), rules=RuleSelection(select=selectors))


def custom(text: str) -> Rule:
    """Return the rule with a `custom` of its own."""
    return rule(f"{RULE}custom:\n  watcher: {text}\n")


def test_the_defaults() -> None:
    effective = rule_settings(rule(), settings())
    assert (effective.enabled, effective.group_by, effective.quiet_period) == (True, ("host.name",), timedelta(hours=1))
    assert effective.channels == ("mail",)
    assert set(effective.origins.values()) == {"the default"}


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
        # an aggregation counts over events
        ({"aggregation": "count() > 5"}, False),
    ],
)
def test_the_rules_that_are_enabled_by_default(changes: dict[str, Any], *, enabled: bool) -> None:
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
def test_the_rules_that_a_selector_applies_to(selector: Selector, *, fits: bool) -> None:
    quiet = replace(selector, set=RuleOptions(channels=()))
    assert (rule_settings(rule(), settings(quiet)).channels == ()) is fits


@pytest.mark.parametrize("tag", ["attack.t1685", "attack.t1562.001", "attack.stealth", "attack.defense-*"])
def test_a_selector_matches_tags_in_every_version_of_attack(tag: str) -> None:
    disabled = settings(Selector(line=4, tag=(tag,), set=RuleOptions(enabled=False)))
    former = replace(rule(), tags=("attack.t1562.001", "attack.defense-evasion"))
    current = replace(rule(), tags=("attack.t1685", "attack.stealth"))
    assert [rule_settings(each, disabled).enabled for each in (former, current, rule())] == [False, False, True]


def test_the_later_selector_wins_value_by_value_and_is_named() -> None:
    first = Selector(line=7, set=RuleOptions(quiet_period=timedelta(hours=2), group_by=("user.name",)))
    second = Selector(line=9, set=RuleOptions(quiet_period=timedelta(hours=3)))
    effective = rule_settings(rule(), settings(first, second))
    assert (effective.quiet_period, effective.group_by) == (timedelta(hours=3), ("user.name",))
    assert effective.origins["quiet_period"] == "watcher.yml:9"
    assert effective.origins["group_by"] == "watcher.yml:7"
    assert effective.origins["channels"] == "the default"


def test_a_selector_can_enable_what_the_default_disables() -> None:
    assert rule_settings(rule(level=Level.LOW), settings(Selector(line=3, set=RuleOptions(enabled=True)))).enabled


def channel(name: str) -> MailChannel:
    """Return a channel of a name."""
    return replace(MAIL, name=name)


@pytest.mark.parametrize(
    ("selectors", "critical", "medium"),
    [
        # without selectors of channels, every channel gets every alert
        ((), "mail slack pager", "mail slack pager"),
        (
            (Selector(line=1, level=("critical",), set=RuleOptions(quiet_period=timedelta(hours=2))),),
            "mail slack pager",
            "mail slack pager",
        ),
        # a channel that a selector names gets only the alerts of such selectors
        ((Selector(line=1, level=("critical",), set=RuleOptions(channels=("pager",))),), "pager", "mail slack"),
        (
            (Selector(line=1, level=("critical",), set=RuleOptions(channels=("mail", "slack", "pager"))),),
            "mail slack pager",
            "",
        ),
        # no alerts for some rules change nothing for the others
        ((Selector(line=1, level=("critical",), set=RuleOptions(channels=())),), "", "mail slack pager"),
        # the later selector wins
        (
            (
                Selector(line=1, set=RuleOptions(channels=("mail", "slack"))),
                Selector(line=2, level=("critical",), set=RuleOptions(channels=("pager", "mail"))),
            ),
            "pager mail",
            "mail slack",
        ),
    ],
)
def test_channels_that_selectors_name(selectors: tuple[Selector, ...], critical: str, medium: str) -> None:
    chosen = replace(settings(*selectors), channels=tuple(map(channel, ("mail", "slack", "pager"))))
    assert rule_settings(rule(level=Level.CRITICAL), chosen).channels == tuple(critical.split())
    assert rule_settings(rule(level=Level.MEDIUM), chosen).channels == tuple(medium.split())


def test_the_default_of_channels_names_its_reason() -> None:
    selector = Selector(line=1, level=("critical",), set=RuleOptions(channels=("mail",)))
    assert (
        rule_settings(rule(), settings(selector)).origins["channels"] == "the default: channels that no selector names"
    )


def test_a_rule_that_names_a_channel_changes_nothing_for_others() -> None:
    assert rule_settings(custom("{channels: [mail]}"), settings()).channels == ("mail",)
    assert rule_settings(rule(), settings()).channels == ("mail",)


def test_the_rules_own_settings_come_last() -> None:
    effective = rule_settings(
        custom("{quiet_period: 5m, group_by: event}"),
        settings(Selector(line=3, set=RuleOptions(group_by=("user.name",)))),
    )
    assert (effective.quiet_period, effective.group_by) == (timedelta(minutes=5), None)
    assert effective.origins["group_by"] == "`custom.watcher.group_by` of the rule"


def test_a_wrong_value_in_a_rule_is_ignored_and_reported() -> None:
    effective = rule_settings(custom("{quiet_period: soon}"), settings())
    assert effective.quiet_period == timedelta(hours=1)
    assert "is ignored" in effective.origins["quiet_period"]
