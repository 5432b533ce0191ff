"""What each sidecar of a state runs: published beside its signs of life, so that differences can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watcher.timestamps import parse_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberProfile:
    """The channels, settings and rules of a sidecar."""

    channels: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # part of the settings → its digest
    rules: str = ""  # digest of the rules that are run
    rule_count: int = 0
    rule_states: Mapping[str, int] = field(default_factory=dict)  # state → number of rules, those that are run included
    since: datetime | None = None  # when it was published

    def to_body(self) -> Mapping[str, Any]:
        """Return it as a part of a state document, without the time."""
        return {
            "channels": list(self.channels),
            "settings": dict(self.settings),
            "rules": self.rules,
            "rule_count": self.rule_count,
            "rule_states": dict(self.rule_states),
        }


def profile_from_body(body: Mapping[str, Any]) -> MemberProfile | None:
    """Return the profile in the document of a member; None where an older version wrote it."""
    stored = body.get("profile")
    if not isinstance(stored, Mapping):
        return None
    return MemberProfile(
        channels=tuple(map(str, stored.get("channels") or ())),
        settings={str(part): str(value) for part, value in (stored.get("settings") or {}).items()},
        rules=str(stored.get("rules") or ""),
        rule_count=int(stored.get("rule_count") or 0),
        rule_states={str(state): int(count) for state, count in (stored.get("rule_states") or {}).items()},
        since=parse_timestamp(str(body.get("profile_since") or "")),
    )
