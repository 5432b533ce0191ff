"""A rule as JSON, in every output the same."""

from __future__ import annotations

from watcher.model import RuleMetadata


def rule_json(rule: RuleMetadata) -> dict[str, str]:
    """Return what identifies a rule, and its level."""
    return {"id": rule.id, "title": rule.title, "level": str(rule.level), "path": rule.path}
