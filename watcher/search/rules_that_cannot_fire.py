"""Rules that cannot fire: no source holds events of their log source, or none that does has their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watcher.model import Finding, Rule, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChances:
    """What the events of one source say about whether rules can fire."""

    silent: tuple[Rule, ...] = ()  # no event of their log source is there
    inert: Mapping[str, Finding] = field(default_factory=dict)  # rule id → why no event there can match


def cannot_fire(chances: Sequence[RuleChances]) -> Iterator[Finding]:
    """Yield a finding for each rule that can fire in no source, silent log sources once each.

    A rule whose log source has events in some sources only is judged by these.
    """
    if not chances:
        return
    silent_everywhere = set.intersection(*({rule.id for rule in source.silent} for source in chances))
    by_log_source: dict[str, list[Rule]] = {}
    for rule in chances[0].silent:
        if rule.id in silent_everywhere:
            by_log_source.setdefault(str(rule.logsource), []).append(rule)
    yield from map(_silent_log_source, by_log_source.values())
    for rule_id in dict.fromkeys(rule_id for source in chances for rule_id in source.inert):
        heard = [source for source in chances if all(rule.id != rule_id for rule in source.silent)]
        if all(rule_id in source.inert for source in heard):
            yield heard[0].inert[rule_id]


def _silent_log_source(rules: Sequence[Rule]) -> Finding:
    first = rules[0]
    others = f" (and {len(rules) - 1} more rules of it)" if len(rules) > 1 else ""
    return Finding(
        code="silent-logsource",
        severity=Severity.INFO,
        location=first.logsource.location or first.location,
        message=f"no event of the log source {first.logsource} is there, so `{first.title}`{others} cannot fire",
        fix="collect it, or disable the rules",
    )
