"""Rules that change under way: files that are added, written anew or removed are taken over without a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from watcher.model import Finding, Rule, Severity
from watcher.read.folder import Marks, Rules

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Renewal:
    """Looks whether rule files changed, and hands on what they hold then."""

    rules: Rules  # as they are watched
    marks: Callable[[], Marks]  # of the files as they are
    read: Callable[[], Rules]
    take: Callable[[Rules], object]
    _waiting: Marks | None = None

    def look(self) -> None:
        """Read the rules again where files changed, and nobody is writing any more since the last look."""
        marks = self.marks()
        if marks == self.rules.files:
            self._waiting = None
        elif marks != self._waiting:
            self._waiting = marks
        else:
            self._waiting = None
            now = self.read()
            old = kept(self.rules, now)
            now = replace(now, rules=(*now.rules, *old))
            self.take(now)  # first: where it fails, the next looks try again
            before, self.rules = self.rules, now
            _say(before, now, old)


def _say(before: Rules, now: Rules, old: Iterable[Rule]) -> None:
    say_faults(finding for finding in now.findings if finding not in before.findings)
    for rule in old:
        log.warning("rule.kept", rule=rule.title, place=str(rule.place), advice="it is watched as it was read last")
    was, texts = _texts(before), _texts(now)
    log.info(
        "rules.changed",
        added=len(texts.keys() - was.keys()),
        changed=sum(was[name] != texts[name] for name in was.keys() & texts.keys()),
        removed=len(was.keys() - texts.keys()),
        rules=len(texts),
    )


def say_faults(findings: Iterable[Finding]) -> None:
    """Log what is wrong with rule files, each finding with its place and what to do."""
    for finding in findings:
        say = log.error if finding.severity is Severity.ERROR else log.warning
        say("rule.fault", place=str(finding.place), message=finding.message, fix=finding.fix, code=finding.code)


def _texts(rules: Rules) -> dict[str, str]:
    return {rule.id: rule.hash for rule in rules.rules}


def kept(before: Rules, now: Rules) -> tuple[Rule, ...]:
    """Give the rules of before that only a slip of the pen would stop.

    Those are the rules of files that are faulty now, and of files that did not change where another took their id.
    """
    faulty = {finding.place.file for finding in now.findings if finding.severity is Severity.ERROR}
    there = {rule.id for rule in now.rules}

    def stays(rule: Rule) -> bool:
        file = rule.place.file
        return file in now.files and (file in faulty or now.files[file] == before.files.get(file))

    return tuple(rule for rule in before.rules if rule.id not in there and stays(rule))
