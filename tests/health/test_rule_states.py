"""Rules are counted by whether they are run, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs
from support.fakes import RULE

from watcher.health.rule_states import rule_states, without_channel
from watcher.notify.mail import MailChannel
from watcher.settings import RuleOptions, RuleSelection, Selector, Settings
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders
from watcher.usecases.run import log_rules

COUNTING = RULE.replace("condition: selection", "condition: selection | count() by Image > 10")
CORRELATION = """\
title: Many
id: 0f5e2e0a-2f0d-4a2e-9a0c-2f6d8f3f4b12
status: test
level: high
correlation:
  {type: event_count, rules: [Shell low Starts], group-by: [User], timespan: 5m, condition: {gte: 3}}
"""
MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
QUIET = Selector(line=3, path=("quiet.yml",), set=RuleOptions(enabled=False))
LOUD = Selector(line=4, level=("critical",), set=RuleOptions(channels=("mail",)))


def loaded(folder: Path) -> LoadedRules:
    """Return rules of every state; the low one is the base rule of a correlation."""
    texts = {
        "enabled": RULE,
        "quiet": RULE,
        "low": RULE.replace("level: high", "level: low"),
        "old": RULE.replace("status: test", "status: deprecated"),
        "count_a": COUNTING,
        "count_b": COUNTING,
        "faulty": "title: [\n",
        "many": CORRELATION,
    }
    for number, (name, text) in enumerate(texts.items()):
        own = text.replace("7f6f2c52", f"7f6f2c5{number}").replace("A Shell", f"Shell {name}")
        own = own.replace("contains: shell", f"contains: {name}")  # rules with equal logic are one rule
        (folder / f"{name}.yml").write_text(own, encoding="utf-8")
    return with_correlations(read_folders((read_folder("own", folder),)))


def settings(*selectors: Selector) -> Settings:
    """Return settings with some selectors and a channel."""
    return Settings(file=Path("watcher.yml"), channels=(MAIL,), rules=RuleSelection(select=selectors))


def test_rules_are_counted_by_state(tmp_path: Path) -> None:
    assert rule_states(loaded(tmp_path), settings(QUIET)) == {
        "enabled": 2,
        "disabled": 1,
        "low_level": 0,
        "inactive_status": 1,
        "base_rule": 1,
        "aggregation": 2,
        "faulty_files": 1,
    }


def test_a_selector_that_enables_a_state_changes_the_counts(tmp_path: Path) -> None:
    low = Selector(line=1, level=("low",), set=RuleOptions(enabled=True))
    states = rule_states(loaded(tmp_path), settings(low))
    assert (states["enabled"], states["base_rule"], states["aggregation"]) == (3, 1, 2)


def test_the_log_of_a_run_names_what_is_not_run_and_what_to_do(tmp_path: Path) -> None:
    with capture_logs() as logs:
        log_rules(settings(QUIET), loaded(tmp_path))
    (read,) = [line for line in logs if line["event"] == "rules.read"]
    assert (read["watched"], read["not_watched"], read["aggregation"], read["base_rule"]) == (1, 5, 2, 1)
    (counting,) = [line for line in logs if line["event"] == "rules.not_run"]
    assert (counting["kind"], counting["rules"], counting["log_level"]) == ("aggregation", 2, "warning")
    assert counting["examples"] == [f"{tmp_path / name}:1:1" for name in ("count_a.yml", "count_b.yml")]
    assert "shows the correlation rule to write" in counting["advice"]


def test_the_log_of_a_run_without_such_rules_has_no_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, encoding="utf-8")
    with capture_logs() as logs:
        log_rules(settings(), read_folders((read_folder("own", tmp_path),)))
    assert [(line["event"], line["log_level"]) for line in logs] == [("rules.read", "info")]


def test_rules_that_no_channel_takes_are_reported(tmp_path: Path) -> None:
    rules = loaded(tmp_path)
    assert [rule.title for rule in without_channel(rules.rules, settings(QUIET, LOUD))] == ["Shell enabled Starts"]
    with capture_logs() as logs:
        log_rules(settings(QUIET, LOUD), rules)
    (warning,) = [line for line in logs if line["event"] == "rules.without_channel"]
    assert (warning["rules"], warning["examples"]) == (1, ["Shell enabled Starts"])
    # by intention, and where a channel takes what no selector sends
    silent = Selector(line=5, set=RuleOptions(channels=()))
    assert without_channel(rules.rules, settings(LOUD, silent)) == ()
    more = replace(settings(LOUD), channels=(MAIL, replace(MAIL, name="other")))
    assert without_channel(rules.rules, more) == ()
