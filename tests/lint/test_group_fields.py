"""Fields of `group_by` that events of a rule's log source cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_fixtures import CLEAN, FILE, changed, rules_of

from watcher.lint.group_fields import lint
from watcher.model import Rule
from watcher.settings import LogSourceMapping, RuleOptions, RuleSelection, Selector, Settings, Source

LINUX = changed("    category: process_creation\n    product: windows\n", "    product: linux\n    service: auditd\n")
DNS = changed("process_creation", "dns_query").replace("7f6f2c52", "8f6f2c52").replace("A Shell", "A Name")
ALONE = (
    "watcher.yml:7:1: events of the rule `A Shell Starts` have no field `{}` of `group_by`, "
    "so all their hits become a single alert for all computers"
)


def settings(*fields: str, source: Source | None = None) -> Settings:
    """Return settings whose selector in line 7 groups by some fields."""
    selector = Selector(line=7, set=RuleOptions(group_by=fields))
    return Settings(file=Path("watcher.yml"), rules=RuleSelection(select=(selector,)), sources=(source or Source(),))


def messages(rules: tuple[Rule, ...], chosen: Settings, *mapped: str) -> list[str]:
    """Return place and message of the findings."""
    return [f"{finding.location}: {finding.message}" for finding in lint(rules, chosen, mapped)]


@pytest.mark.parametrize(
    "field",
    [
        *("host.name", "user.name", "@timestamp", "labels.tenant", "process.executable", "winlog.computer_name"),
        *("User", "Image", "CommandLine", "Computer", "winlog.event_data.ParentImage", "NewProcessName"),
    ],
)
def test_fields_that_events_may_have_are_no_findings(field: str) -> None:
    assert messages(rules_of(CLEAN), settings(field)) == []


def test_the_default_is_no_finding() -> None:
    assert messages(rules_of(CLEAN), Settings()) == []


@pytest.mark.parametrize(
    "field", ["nonsense.field", "TargetImage", "Usr", "winlog.event_data.TargetImage", "hosts.name"]
)
def test_a_field_that_events_cannot_have_is_reported_at_its_selector(field: str) -> None:
    assert messages(rules_of(CLEAN), settings(field)) == [ALONE.format(field)]


def test_beside_other_fields_it_has_no_effect() -> None:
    (message,) = messages(rules_of(CLEAN), settings("host.name", "nonsense.field"))
    assert message.endswith("have no field `nonsense.field` of `group_by`, so it separates no alerts")


def test_the_rules_of_a_selector_are_counted() -> None:
    rules = (*rules_of(CLEAN), *rules_of(DNS))
    assert messages(rules, settings("QueryName")) == [ALONE.format("QueryName")]
    (message,) = messages(rules, settings("nonsense.field"))
    assert "`A Shell Starts` and of 1 more have no field" in message


def test_a_rule_of_its_own_is_reported_at_the_rule() -> None:
    text = f"{CLEAN}custom:\n    watcher:\n        group_by: [nonsense.field]\n"
    (message,) = messages(rules_of(text), Settings())
    assert message.startswith(f"{FILE}:1:1: events of the rule `A Shell Starts` have no field")


def test_similar_names_are_suggested() -> None:
    fixes = [finding.fix for finding in lint(rules_of(CLEAN), settings("Usr", "hosts.name", "nonsense.field"))]
    assert fixes == [
        "did you mean `User`",
        "did you mean `host.name`",
        "name a Sigma field or a path that the events have, or map it under `fields` of the source in settings",
    ]


def test_what_settings_or_indices_map_is_no_finding() -> None:
    rules, mapped = rules_of(CLEAN), Source(fields={"Asset": ("custom.asset",)})
    assert messages(rules, settings("Asset", "custom.asset", source=mapped)) == []
    assert messages(rules, settings("tenant.id"), "tenant.id") == []


def test_events_of_other_products_and_of_own_log_sources_are_not_judged() -> None:
    assert messages(rules_of(LINUX), settings("nonsense.field")) == []
    own = LogSourceMapping(category="process_creation", channels=("Own",))
    assert messages(rules_of(CLEAN), settings("OwnField", source=Source(logsources=(own,)))) == []
