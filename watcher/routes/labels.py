"""Labels of an alert: what matchers of routes and silences compare, each with its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watcher.model import Alert, EventSummary, RuleMetadata
from watcher.routes.attack_aliases import tactic_aliases, tag_aliases, technique_aliases

Labels = Mapping[str, tuple[str, ...]]
"""Label → its values; a label without a value is left out."""

RULE_LABELS = ("level", "rule", "tag", "technique", "tactic", "status", "folder", "author")
"""The labels that the rule of an alert decides."""

_OF_SUMMARY = (
    "host",
    "domain",
    "process",
    "command_line",
    "parent_process",
    "parent_command_line",
    "channel",
    "code",
    "provider",
    "service",
    "agent",
)

ALERT_LABELS = (*RULE_LABELS, "kind", "origin", "index", "source", "user", *_OF_SUMMARY)
"""The labels with fixed names; further ones are the fields of the alert's group key, as in `group_by`."""


def rule_labels(rule: RuleMetadata) -> Labels:
    """Return the labels that are the same for all alerts of a rule; names of ATT&CK in every version."""
    return _with_values(
        {
            "level": (str(rule.level),),
            "rule": (rule.id, rule.title, rule.name),
            "tag": tag_aliases(rule.tags),
            "technique": (alias for name in rule.techniques for alias in technique_aliases(name)),
            "tactic": (alias for name in rule.tactics for alias in tactic_aliases(name)),
            "status": (rule.status or "",),
            "folder": (rule.folder,),
            "author": (rule.author,),
        }
    )


def alert_labels(alert: Alert, source: str = "") -> Labels:
    """Return the labels of an alert, by its rule, group key and first hit.

    Hits that join later change nothing, so the labels of an alert are the same whenever they are asked for. `source`
    is the name in settings of the source that was searched; a stored alert knows its own where settings had routes.
    """
    labels = {
        "kind": (str(alert.first.kind),),
        "origin": (alert.origin,),
        "index": (alert.first.index,),
        "source": (source or alert.source,),
        **_summary_values(alert.first.summary),
        **_key_values(alert.key),
    }
    return {**_with_values(labels), **rule_labels(alert.rule)}  # a group key never replaces a label of the rule


def _summary_values(summary: EventSummary) -> Mapping[str, tuple[str, ...]]:
    values = {name: (str(getattr(summary, name)),) for name in _OF_SUMMARY}
    return {**values, "user": (summary.account, summary.user)}


def _key_values(key: Iterable[tuple[str, str | None]]) -> Mapping[str, tuple[str, ...]]:
    """Return the fields of a group key that no label is called after, with their values."""
    return {field: tuple((value or "").split("\n")) for field, value in key if field not in ALERT_LABELS}


def _with_values(labels: Mapping[str, Iterable[str]]) -> Labels:
    values = {name: tuple(dict.fromkeys(filter(None, texts))) for name, texts in labels.items()}
    return {name: texts for name, texts in values.items() if texts}
