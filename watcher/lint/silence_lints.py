"""Lints of silences and maintenance windows: those that no rule's alerts can match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watcher.lint import label_lints
from watcher.lint.finding_codes import make_finding
from watcher.lint.label_lints import labels_of_alerts
from watcher.model import Finding, Location, RuleMetadata
from watcher.routes.label_matchers import Matchers, may_match
from watcher.routes.labels import rule_labels
from watcher.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMatchers:
    """The matchers of a silence or maintenance window, and where they are."""

    name: str  # e.g. "the silence 1a2b3c4d"
    matchers: Matchers
    location: Location


def lint(silencers: Sequence[PlacedMatchers], rules: Sequence[RuleMetadata], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each silence or window that means no alert of any rule, or labels that none has."""
    labels = [rule_labels(rule) for rule in rules] if silencers else []
    existing = labels_of_alerts(rules, settings) if silencers else ()
    for silencer in silencers:
        yield from label_lints.lint(silencer.name, silencer.matchers, existing, silencer.location)
        if not any(may_match(silencer.matchers, own) for own in labels):
            yield make_finding(
                "silence-unknown-rule",
                f"{silencer.name} means no alert of any rule: {', '.join(map(str, silencer.matchers))}",
                silencer.location,
                label_lints.near_values(silencer.matchers, labels, "check the spelling, or remove it"),
            )
