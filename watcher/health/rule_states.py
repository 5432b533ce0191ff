"""How many rules are run, and how many are not, by the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from watcher.model import Rule, RuleMetadata, Severity
from watcher.settings import Settings
from watcher.settings.effective import INACTIVE_STATUSES, RuleSettings, rule_settings
from watcher.sigma.rule_folders import LoadedRules

STATES: Mapping[str, str] = {
    "enabled": "they are run",
    "disabled": "settings or the rule disable them",
    "low_level": "enable the level with a selector of `rules.select`",
    "inactive_status": "status `deprecated` or `unsupported`; enable the status with a selector of `rules.select`",
    "base_rule": "they are run for correlations, and do not alert on their own; `generate: true` makes them alert too",
    "aggregation": "what follows the pipe cannot be evaluated; `watcher check` shows the correlation rule to write",
    "faulty_files": "correct the files; `watcher check` lists the errors",
}
"""State of rules → what it means, or what to do."""

NOT_CONVERTED = "aggregation"
"""The state of rules that are read and cannot be run."""


def rule_states(rules: LoadedRules, settings: Settings) -> dict[str, int]:
    """Return the number of rules in each state, in the order of `STATES`; files are counted where they are faulty."""
    every: tuple[RuleMetadata, ...] = (*rules.rules, *rules.correlations.rules)
    effective = {rule.id: rule_settings(rule, settings) for rule in every}
    enabled = [rule_id for rule_id, chosen in effective.items() if chosen.enabled]
    silent = rules.correlations.without_alerts(enabled)
    counts = Counter("base_rule" if rule.id in silent else rule_state(rule, effective[rule.id]) for rule in every)
    faulty = {finding.location.file for finding in rules.findings if finding.severity is Severity.ERROR}
    counts["faulty_files"] = len(faulty.difference(rule.location.file for rule in rules.rules if rule.aggregation))
    return {state: counts[state] for state in STATES}


def rule_state(rule: RuleMetadata, effective: RuleSettings) -> str:
    """Return whether a rule is run, or why it is not."""
    if isinstance(rule, Rule) and rule.aggregation is not None:
        return NOT_CONVERTED
    if effective.enabled:
        return "enabled"
    if not effective.origins["enabled"].startswith("the default"):
        return "disabled"
    return "inactive_status" if rule.status in INACTIVE_STATUSES else "low_level"


def files_not_converted(rules: LoadedRules) -> Iterator[str]:
    """Yield the locations of rules that cannot be run because of aggregations."""
    yield from (str(rule.location) for rule in rules.rules if rule.aggregation is not None)


def without_channel(rules: Sequence[Rule], settings: Settings) -> tuple[Rule, ...]:
    """Return the enabled rules that no selector gives a channel, and that no channel takes by default."""
    effective = ((rule, rule_settings(rule, settings)) for rule in rules)
    return tuple(
        rule
        for rule, chosen in effective
        if chosen.enabled and not chosen.channels and chosen.origins["channels"].startswith("the default")
    )
