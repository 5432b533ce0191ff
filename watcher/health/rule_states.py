"""How many rules are run, and how many are not, by the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from watcher.model import Rule, Severity
from watcher.settings import Settings
from watcher.settings.effective import INACTIVE_STATUSES, RuleSettings, rule_settings
from watcher.sigma.rule_folders import LoadedRules

STATES: Mapping[str, str] = {
    "enabled": "they are run",
    "disabled": "settings or the rule disable them",
    "low_level": "enable the level with a selector of `rules.select`",
    "inactive_status": "status `deprecated` or `unsupported`; enable the status with a selector of `rules.select`",
    "aggregation": (
        "events are not counted: remove what follows the pipe, and join hits in one alert by `group_by` and "
        "`quiet_period`"
    ),
    "correlation": (
        "events are not correlated: the rules that they refer to are run on their own; join their hits by `group_by` "
        "and `quiet_period`"
    ),
    "faulty_files": "correct the files; `watcher check` lists the errors",
}
"""State of rules → what it means, or what to do."""

NOT_SUPPORTED = ("aggregation", "correlation")
"""The states of rules that are read and cannot be run."""


def rule_states(rules: LoadedRules, settings: Settings) -> dict[str, int]:
    """Return the number of rules in each state, in the order of `STATES`; files are counted where they are faulty."""
    counts = Counter(rule_state(rule, rule_settings(rule, settings)) for rule in rules.rules)
    counts["correlation"] = sum(finding.code == "correlation" for finding in rules.findings)
    faulty = {finding.location.file for finding in rules.findings if finding.severity is Severity.ERROR}
    counts["faulty_files"] = len(faulty)
    return {state: counts[state] for state in STATES}


def rule_state(rule: Rule, effective: RuleSettings) -> str:
    """Return whether a rule is run, or why it is not."""
    if rule.aggregation is not None:
        return "aggregation"
    if effective.enabled:
        return "enabled"
    if not effective.origins["enabled"].startswith("the default"):
        return "disabled"
    return "inactive_status" if rule.status in INACTIVE_STATUSES else "low_level"


def files_not_run(rules: LoadedRules, state: str) -> Iterator[str]:
    """Yield the locations of rules that cannot be run because of aggregations or correlations."""
    if state == "aggregation":
        yield from (str(rule.location) for rule in rules.rules if rule.aggregation is not None)
    else:
        yield from (str(finding.location) for finding in rules.findings if finding.code == state)


def without_channel(rules: Sequence[Rule], settings: Settings) -> tuple[Rule, ...]:
    """Return the enabled rules that no selector gives a channel, and that no channel takes by default."""
    effective = ((rule, rule_settings(rule, settings)) for rule in rules)
    return tuple(
        rule
        for rule, chosen in effective
        if chosen.enabled and not chosen.channels and chosen.origins["channels"].startswith("the default")
    )
