"""Which findings are allowed: by settings, and by a rule for itself (`custom: {watcher: {allow: […]}}`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding, Location, Rule
from watcher.settings import Allowance, Settings
from watcher.settings.effective import criteria_match

_BY_ITSELF = "the rule allows it itself"
_UNTOLD = "settings allow it"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFinding:
    """A finding, and whether it is allowed."""

    finding: Finding
    rule: Rule | None = None
    allowed: str = ""  # why; empty: it is not


def apply_allowances(
    findings: Iterable[Finding], rules: Sequence[Rule], allowances: Sequence[Allowance]
) -> tuple[JudgedFinding, ...]:
    """Tell which findings are allowed."""
    at = RuleLocator(rules)
    return tuple(_judged(finding, at.rule(finding.location), allowances) for finding in findings)


def unused_allowances(judged: Sequence[JudgedFinding], settings: Settings) -> Iterator[Finding]:
    """Say which lines of settings allow what is not there."""
    for one in settings.check.allow:
        if not any(_allows(one, this.finding, this.rule) for this in judged):
            yield make_finding(
                "unused-allowance",
                f"no finding is allowed by this: {', '.join(f'`{code}`' for code in one.code)}",
                Location(file=str(settings.file or "settings"), line=one.line),
                "remove it",
            )


def _judged(finding: Finding, rule: Rule | None, allowances: Sequence[Allowance]) -> JudgedFinding:
    if rule is not None and any(fnmatchcase(finding.code, code) for code in _own(rule)):
        return JudgedFinding(finding=finding, rule=rule, allowed=_BY_ITSELF)
    allowing = next((one for one in allowances if _allows(one, finding, rule)), None)
    because = "" if allowing is None else allowing.reason or _UNTOLD
    return JudgedFinding(finding=finding, rule=rule, allowed=because)


def _own(rule: Rule) -> tuple[str, ...]:
    written = rule.custom.get("allow", ())
    return tuple(map(str, written)) if isinstance(written, list) else (str(written),) if written else ()


def _allows(allowance: Allowance, finding: Finding, rule: Rule | None) -> bool:
    if not any(fnmatchcase(finding.code, code) for code in allowance.code):
        return False
    if rule is not None:
        return criteria_match(allowance, rule)
    # of a file that contains no rule only the path is known
    if any((allowance.folder, allowance.id, allowance.tag, allowance.level, allowance.status, allowance.author)):
        return False
    return not allowance.path or any(fnmatchcase(finding.location.file, f"*{path}") for path in allowance.path)


class RuleLocator:
    """Finds the rule that a place belongs to."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in sorted(rules, key=lambda rule: rule.location):
            self._rules.setdefault(rule.location.file, []).append(rule)

    def rule(self, location: Location) -> Rule | None:
        """Give the last rule that starts at or before a place; comments before the first belong to it too."""
        known = self._rules.get(location.file, [])
        number = bisect_right([rule.location.line for rule in known], location.line)
        return known[max(number - 1, 0)] if known else None
