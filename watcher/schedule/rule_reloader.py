"""Rules that change under way: files that are added, written anew or removed are taken over without a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from watcher.model import Finding, Rule, Severity
from watcher.sigma.rule_folders import Fingerprints, LoadedRules

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RuleReloader:
    """Looks whether rule files changed, and hands on what they hold then."""

    rules: LoadedRules  # as they are watched
    fingerprints: Callable[[], Fingerprints]  # of the files as they are
    read: Callable[[], LoadedRules]
    take: Callable[[LoadedRules], object]
    _waiting: Fingerprints | None = None

    def look(self) -> None:
        """Read the rules again where files changed, and nobody is writing any more since the last look."""
        fingerprints = self.fingerprints()
        if fingerprints == self.rules.files:
            self._waiting = None
        elif fingerprints != self._waiting:
            self._waiting = fingerprints
        else:
            self._waiting = None
            now = self.read()
            old = retained_rules(self.rules, now)
            now = replace(now, rules=(*now.rules, *old))
            self.take(now)  # first: where it fails, the next looks try again
            before, self.rules = self.rules, now
            _say(before, now, old)


def _say(before: LoadedRules, now: LoadedRules, old: Iterable[Rule]) -> None:
    log_faults(finding for finding in now.findings if finding not in before.findings)
    for rule in old:
        log.warning(
            "rule.kept", rule=rule.title, location=str(rule.location), advice="it is watched as it was read last"
        )
    was, texts = _texts(before), _texts(now)
    log.info(
        "rules.changed",
        added=len(texts.keys() - was.keys()),
        changed=sum(was[name] != texts[name] for name in was.keys() & texts.keys()),
        removed=len(was.keys() - texts.keys()),
        rules=len(texts),
    )


def log_faults(findings: Iterable[Finding]) -> None:
    """Log what is wrong with rule files, each finding with its place and what to do."""
    for finding in findings:
        say = log.error if finding.severity is Severity.ERROR else log.warning
        say("rule.fault", location=str(finding.location), message=finding.message, fix=finding.fix, code=finding.code)


def _texts(rules: LoadedRules) -> dict[str, str]:
    return {rule.id: rule.hash for rule in rules.rules}


def retained_rules(before: LoadedRules, now: LoadedRules) -> tuple[Rule, ...]:
    """Give the rules of before that only a slip of the pen would stop.

    Those are the rules of files that are faulty now, and of files that did not change where another took their id.
    """
    faulty = {finding.location.file for finding in now.findings if finding.severity is Severity.ERROR}
    there = {rule.id for rule in now.rules}

    def stays(rule: Rule) -> bool:
        file = rule.location.file
        return file in now.files and (file in faulty or now.files[file] == before.files.get(file))

    return tuple(rule for rule in before.rules if rule.id not in there and stays(rule))
