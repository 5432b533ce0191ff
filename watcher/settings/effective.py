"""Which rules are watched, and how: the selectors of settings, in order, the later wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from watcher.errors import SettingsError
from watcher.model import Level, Rule
from watcher.settings import Selector, Settings
from watcher.settings.value_readers import span
from watcher.yaml_nodes.nodes import ScalarNode

_LEFT_OUT = ("deprecated", "unsupported")
_DEFAULT_GROUP = ("host.name",)
_DEFAULT_QUIET = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What settings say about one rule, and which line said it."""

    enabled: bool
    group_by: tuple[str, ...] | None  # None: every hit is an alert
    quiet_period: timedelta
    channels: tuple[str, ...]
    because: Mapping[str, str]  # setting → where its value comes from


def rule_settings(rule: Rule, settings: Settings) -> RuleSettings:
    """Apply the selectors of settings, then the rule's own `custom: {watcher: …}`."""
    watched = rule.status not in _LEFT_OUT and rule.level.rank >= Level.MEDIUM.rank
    values: dict[str, Any] = {
        "enabled": watched,
        "group_by": _DEFAULT_GROUP,
        "quiet_period": _DEFAULT_QUIET,
        "channels": tuple(channel.name for channel in settings.channels),
    }
    because = dict.fromkeys(values, "the default")
    if not watched:
        because["enabled"] = f"the default: status {rule.status or 'none'}, level {rule.level}"
    for selector in settings.selectors:
        if selector_matches(selector, rule):
            _apply(values, because, selector, f"{settings.file or 'settings'}:{selector.line}")
    _apply_custom(values, because, rule)
    group_by = values["group_by"]
    return RuleSettings(
        enabled=values["enabled"] and rule.aggregation is None,
        group_by=None if tuple(group_by) == ("event",) else tuple(group_by),
        quiet_period=values["quiet_period"],
        channels=tuple(values["channels"]),
        because=because,
    )


def selector_matches(selector: Selector, rule: Rule) -> bool:
    """Tell whether a selector speaks of a rule: every key that it has must fit."""
    return (
        _fits(selector.folder, (rule.folder,))
        and _fits(selector.id, (rule.id,))
        and _fits(selector.tag, rule.tags)
        and _fits(selector.level, (str(rule.level),))
        and _fits(selector.status, (rule.status or "",))
        and _fits(selector.author, (rule.author,))
        and _fits(selector.path, (rule.path,))
    )


def _fits(patterns: Sequence[str], values: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns for value in values)


def _apply(values: dict[str, Any], because: dict[str, str], selector: Selector, location: str) -> None:
    for name in values:
        value = getattr(selector, name)
        if value is not None:
            values[name] = value
            because[name] = location


def _apply_custom(values: dict[str, Any], because: dict[str, str], rule: Rule) -> None:
    for name, value in rule.custom.items():
        if name not in values:
            continue
        try:
            values[name] = _custom_value(name, value, rule)
            because[name] = f"`custom.watcher.{name}` of the rule"
        except SettingsError as fault:
            because[name] += f" (`custom.watcher.{name}` of the rule is ignored: {fault.message})"


def _custom_value(name: str, value: Any, rule: Rule) -> Any:
    if name == "quiet_period":
        return span(ScalarNode(value=str(value), text=str(value), quoted=True, location=rule.location))
    if name == "enabled":
        return value is True
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
