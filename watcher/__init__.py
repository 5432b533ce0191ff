"""watcher reads Sigma rules, translates them to queries, searches, groups hits into alerts, and delivers them.

The names below are the public API; docs/library.md describes each. They are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watcher.app import App, open  # noqa: A004 - `watcher.open`, as `gzip.open`
    from watcher.errors import ClusterError, DeliveryError, InputError, RuleError, SettingsError, WatcherError
    from watcher.library import Rules, explain, load_rules, match_file, translate_rule
    from watcher.match.event_explanation import Explanation
    from watcher.model import Finding, QueryPlan, Rule
    from watcher.ports import IndexMapping
    from watcher.settings import Settings, Source
    from watcher.usecases.match_events import MatchedEvent
    from watcher.usecases.triage import AlertRecord

__all__ = [
    "AlertRecord",
    "App",
    "ClusterError",
    "DeliveryError",
    "Explanation",
    "Finding",
    "IndexMapping",
    "InputError",
    "MatchedEvent",
    "QueryPlan",
    "Rule",
    "RuleError",
    "Rules",
    "Settings",
    "SettingsError",
    "Source",
    "WatcherError",
    "explain",
    "load_rules",
    "match_file",
    "open",
    "translate_rule",
]

_MODULES = {
    "AlertRecord": "watcher.usecases.triage",
    "App": "watcher.app",
    "ClusterError": "watcher.errors",
    "DeliveryError": "watcher.errors",
    "Explanation": "watcher.match.event_explanation",
    "Finding": "watcher.model",
    "IndexMapping": "watcher.ports",
    "InputError": "watcher.errors",
    "MatchedEvent": "watcher.usecases.match_events",
    "QueryPlan": "watcher.model",
    "Rule": "watcher.model",
    "RuleError": "watcher.errors",
    "Rules": "watcher.library",
    "Settings": "watcher.settings",
    "SettingsError": "watcher.errors",
    "Source": "watcher.settings",
    "WatcherError": "watcher.errors",
    "explain": "watcher.library",
    "load_rules": "watcher.library",
    "match_file": "watcher.library",
    "open": "watcher.app",
    "translate_rule": "watcher.library",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module `watcher` has no attribute `{name}`")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
