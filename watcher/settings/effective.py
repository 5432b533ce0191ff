"""Effective rule settings: the selectors of settings in their order, the later one wins, then the rule's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from watcher.model import Level, Rule, RuleMetadata
from watcher.model.correlation_rules import CorrelationRule
from watcher.routes.attack_aliases import tag_aliases
from watcher.settings.formats import parse_positive_duration
from watcher.settings.rule_selection import RuleCriteria, RuleOptions, Selector
from watcher.settings.settings_types import Settings

INACTIVE_STATUSES = ("deprecated", "unsupported")
"""The statuses of rules that are not run unless settings enable them."""

_DEFAULT_GROUP_BY = ("host.name",)
_DEFAULT_QUIET_PERIOD = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """The effective settings of one rule, and the origin of each value."""

    enabled: bool
    group_by: tuple[str, ...] | None  # None: every hit is an alert
    quiet_period: timedelta
    channels: tuple[str, ...]
    origins: Mapping[str, str]  # setting → where its value comes from


def rule_settings(rule: RuleMetadata, settings: Settings) -> RuleSettings:
    """Apply the selectors of settings, then the rule's own `custom: {watcher: …}`."""
    enabled = rule.status not in INACTIVE_STATUSES and rule.level.rank >= Level.MEDIUM.rank
    values: dict[str, Any] = {
        "enabled": enabled,
        "group_by": _DEFAULT_GROUP_BY,
        "quiet_period": _DEFAULT_QUIET_PERIOD,
        "channels": default_channels(settings),
    }
    if isinstance(rule, CorrelationRule):
        values["quiet_period"] = max(_DEFAULT_QUIET_PERIOD, rule.section.timespan)
    origins = dict.fromkeys(values, "the default")
    if len(values["channels"]) < len(settings.channels):
        origins["channels"] = "the default: channels that no selector names"
    if not enabled:
        origins["enabled"] = f"the default: status {rule.status or 'none'}, level {rule.level}"
    for selector in settings.rules.select:
        if criteria_match(selector, rule):
            _apply_selector(values, origins, selector, f"{settings.file or 'settings'}:{selector.line}")
    _apply_custom(values, origins, rule)
    if isinstance(rule, CorrelationRule):  # its alerts have the groups of the correlation
        values["group_by"], origins["group_by"] = rule.section.group_fields, "`group-by` of the correlation"
    group_by = values["group_by"]
    return RuleSettings(
        enabled=values["enabled"] and not (isinstance(rule, Rule) and rule.aggregation),
        group_by=None if tuple(group_by) == ("event",) else tuple(group_by),
        quiet_period=values["quiet_period"],
        channels=tuple(values["channels"]),
        origins=origins,
    )


def default_channels(settings: Settings) -> tuple[str, ...]:
    """Return the channels of rules for which nothing sets channels: those that no selector names."""
    named = {name for selector in settings.rules.select for name in selector.set.channels or ()}
    return tuple(channel.name for channel in settings.channels if channel.name not in named)


def criteria_match(criteria: RuleCriteria, rule: RuleMetadata) -> bool:
    """Whether an entry of settings applies to a rule: every criterion that it has must match."""
    return (
        _matches(criteria.folder, (rule.folder,))
        and _matches(criteria.id, (rule.id,))
        and (not criteria.tag or _matches(criteria.tag, tag_aliases(rule.tags)))  # in any version of ATT&CK
        and _matches(criteria.level, (str(rule.level),))
        and _matches(criteria.status, (rule.status or "",))
        and _matches(criteria.author, (rule.author,))
        and _matches(criteria.path, (rule.path,))
    )


def _matches(patterns: Sequence[str], values: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns for value in values)


def _apply_selector(values: dict[str, Any], origins: dict[str, str], selector: Selector, location: str) -> None:
    for option in fields(RuleOptions):
        value = getattr(selector.set, option.name)
        if value is not None:
            values[option.name] = value
            origins[option.name] = location


def _apply_custom(values: dict[str, Any], origins: dict[str, str], rule: RuleMetadata) -> None:
    for name, value in rule.custom.items():
        if name not in values:
            continue
        try:
            values[name] = _custom_value(name, value)
            origins[name] = f"`custom.watcher.{name}` of the rule"
        except ValueError:
            origins[name] += (
                f" (`custom.watcher.{name}` of the rule is ignored: `{value}` is not a duration above zero)"
            )


def _custom_value(name: str, value: Any) -> Any:
    if name == "quiet_period":
        return parse_positive_duration(str(value))
    if name == "enabled":
        return value is True
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
