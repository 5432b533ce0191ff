"""What a sidecar publishes of itself: digests of what all sidecars of a state should share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from watcher.correlate.correlation_plan import SearchedRules
from watcher.digests import digest
from watcher.health.rule_states import rule_states
from watcher.settings import Secret, Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.state.member_profile import MemberProfile

_OWN = frozenset({"file", "warnings", "risks", "cluster", "monitoring", "lease"})
"""What may differ between sidecars: where each reads its settings, how it reaches the cluster, where it listens."""

_UNSHARED = frozenset({"line", "cluster"})  # attributes below that say nothing about what is searched and sent


def settings_digests(settings: Settings) -> Mapping[str, str]:
    """Return the digest of each part of settings; secrets and the folders of paths are left out."""
    return {
        part.name: digest(json.dumps(_plain(getattr(settings, part.name)), sort_keys=True, default=str))
        for part in fields(settings)
        if part.name not in _OWN
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return "secret"
    if isinstance(value, Path):
        return value.name  # the same files may lie elsewhere on another machine
    if is_dataclass(value):
        names = (item.name for item in fields(value) if item.name not in _UNSHARED)
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, set | frozenset) else items
    return value


@dataclass(slots=True)
class OwnProfile:
    """What this sidecar publishes of itself; computed again when its rules were read again."""

    settings: Settings
    loaded: Callable[[], LoadedRules]
    searched: Callable[[LoadedRules], SearchedRules]
    _of: LoadedRules | None = None
    _body: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Mapping[str, Any]:
        """Return the profile as a part of a state document."""
        loaded = self.loaded()
        if loaded is not self._of:
            self._body, self._of = self._profile(loaded).to_body(), loaded
        return self._body

    def _profile(self, loaded: LoadedRules) -> MemberProfile:
        rules = sorted(f"{rule.id} {rule.hash}" for rule in self.searched(loaded).all)
        return MemberProfile(
            channels=tuple(sorted(channel.name for channel in self.settings.channels)),
            settings=settings_digests(self.settings),
            rules=digest(*rules),
            rule_count=len(rules),
            rule_states=rule_states(loaded, self.settings),
        )
