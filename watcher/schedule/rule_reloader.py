"""Rules that change while a sidecar runs: added, changed and removed files take effect without a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from watcher.model import Finding, Rule, RuleMetadata, Severity
from watcher.sigma.rule_folders import Fingerprints, LoadedRules

log = structlog.get_logger(__name__)

_Rule = TypeVar("_Rule", bound=RuleMetadata)


@dataclass(slots=True)
class RuleReloader:
    """Reads the rule files again when they changed, and applies the new rules."""

    rules: LoadedRules  # that are in use
    fingerprints: Callable[[], Fingerprints]  # of the files as they are
    read: Callable[[], LoadedRules]
    apply: Callable[[LoadedRules], object]
    _changing: Fingerprints | None = None  # of changed files, when they were last seen

    def check(self) -> None:
        """Read the rules again where files changed, and stayed unchanged since the previous call."""
        fingerprints = self.fingerprints()
        if fingerprints == self.rules.files:
            self._changing = None
        elif fingerprints != self._changing:
            self._changing = fingerprints
        else:
            self._changing = None
            loaded = self.read()
            retained = retained_rules(self.rules, loaded)
            loaded = with_retained(self.rules, loaded, retained)
            self.apply(loaded)  # first: where it fails, the next call tries again
            previous, self.rules = self.rules, loaded
            _log_changes(previous, loaded, retained)


def _log_changes(previous: LoadedRules, current: LoadedRules, retained: Iterable[Rule]) -> None:
    log_faults(finding for finding in current.findings if finding not in previous.findings)
    for rule in retained:
        log.warning(
            "rule.retained", rule=rule.title, location=str(rule.location), advice="the last valid version stays in use"
        )
    before, after = _hashes(previous), _hashes(current)
    log.info(
        "rules.changed",
        added=len(after.keys() - before.keys()),
        changed=sum(before[name] != after[name] for name in before.keys() & after.keys()),
        removed=len(before.keys() - after.keys()),
        rules=len(after),
    )


def log_faults(findings: Iterable[Finding]) -> None:
    """Log the findings of rule files, each with its location and fix."""
    for finding in findings:
        write = log.error if finding.severity is Severity.ERROR else log.warning
        write("rule.fault", location=str(finding.location), message=finding.message, fix=finding.fix, code=finding.code)


def _hashes(rules: LoadedRules) -> dict[str, str]:
    return {rule.id: rule.hash for rule in (*rules.rules, *rules.correlations.rules)}


def with_retained(previous: LoadedRules, current: LoadedRules, rules: Iterable[Rule]) -> LoadedRules:
    """Return the rules with retained ones, and with the previous correlation rules that only a mistake would remove."""
    retained = tuple(rules)
    correlated = _retained(previous.correlations.rules, current.correlations.rules, previous, current)
    resolved = {rule.id: previous.correlations.correlations[rule.id] for rule in correlated}
    correlations = replace(
        current.correlations,
        rules=(*correlated, *current.correlations.rules),
        correlations={**resolved, **current.correlations.correlations},
    )
    return replace(
        current,
        rules=(*current.rules, *retained),
        correlations=correlations,
        retained=frozenset(rule.location.file for rule in (*retained, *correlated)),
    )


def retained_rules(previous: LoadedRules, current: LoadedRules) -> tuple[Rule, ...]:
    """Return the previous rules that only a mistake would remove.

    Those are the rules of files that have errors now, and of unchanged files whose rule ids another file took.
    """
    return _retained(previous.rules, current.rules, previous, current)


def _retained(
    before: Iterable[_Rule], now: Iterable[_Rule], previous: LoadedRules, current: LoadedRules
) -> tuple[_Rule, ...]:
    faulty = {finding.location.file for finding in current.findings if finding.severity is Severity.ERROR}
    ids = {rule.id for rule in now}

    def is_retained(rule: RuleMetadata) -> bool:
        file = rule.location.file
        return file in current.files and (file in faulty or current.files[file] == previous.files.get(file))

    return tuple(rule for rule in before if rule.id not in ids and is_retained(rule))
