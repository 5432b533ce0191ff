"""Allowed findings: by settings, and by a rule for itself (`custom: {watcher: {allow: […]}}`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding, Location, RuleMetadata
from watcher.settings import Allowance, Settings
from watcher.settings.effective import criteria_match

_BY_RULE = "allowed by the rule"
_BY_SETTINGS = "allowed by settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFinding:
    """A finding, and whether it is allowed."""

    finding: Finding
    rule: RuleMetadata | None = None
    allowed: str = ""  # the reason; empty: it is not


def apply_allowances(
    findings: Iterable[Finding], rules: Sequence[RuleMetadata], allowances: Sequence[Allowance]
) -> tuple[JudgedFinding, ...]:
    """Return every finding with its rule and the reason why it is allowed, if it is."""
    locator = RuleLocator(rules)
    return tuple(_judge(finding, locator.rule(finding.location), allowances) for finding in findings)


def unused_allowances(judged: Sequence[JudgedFinding], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for every allowance of settings that allows nothing."""
    for allowance in settings.check.allow:
        if not any(_allows(allowance, item.finding, item.rule) for item in judged):
            yield make_finding(
                "unused-allowance",
                f"no finding matches this allowance: {', '.join(f'`{code}`' for code in allowance.code)}",
                settings.location(allowance.line),
                "remove it",
            )


def _judge(finding: Finding, rule: RuleMetadata | None, allowances: Sequence[Allowance]) -> JudgedFinding:
    if rule is not None and any(fnmatchcase(finding.code, code) for code in _allowed_codes(rule)):
        return JudgedFinding(finding=finding, rule=rule, allowed=_BY_RULE)
    allowance = next((item for item in allowances if _allows(item, finding, rule)), None)
    reason = "" if allowance is None else allowance.reason or _BY_SETTINGS
    return JudgedFinding(finding=finding, rule=rule, allowed=reason)


def _allowed_codes(rule: RuleMetadata) -> tuple[str, ...]:
    codes = rule.custom.get("allow", ())
    return tuple(map(str, codes)) if isinstance(codes, list) else (str(codes),) if codes else ()


def _allows(allowance: Allowance, finding: Finding, rule: RuleMetadata | None) -> bool:
    if not any(fnmatchcase(finding.code, code) for code in allowance.code):
        return False
    if rule is not None:
        return criteria_match(allowance, rule)
    # without a rule only the path of the file is known
    if any((allowance.folder, allowance.id, allowance.tag, allowance.level, allowance.status, allowance.author)):
        return False
    return not allowance.path or any(fnmatchcase(finding.location.file, f"*{path}") for path in allowance.path)


class RuleLocator:
    """Finds the rule at a location."""

    def __init__(self, rules: Sequence[RuleMetadata]) -> None:
        self._rules: dict[str, list[RuleMetadata]] = {}
        for rule in sorted(rules, key=lambda rule: rule.location):
            self._rules.setdefault(rule.location.file, []).append(rule)

    def rule(self, location: Location) -> RuleMetadata | None:
        """Return the last rule that starts at or before a location; comments before the first rule belong to it."""
        file_rules = self._rules.get(location.file, [])
        number = bisect_right([rule.location.line for rule in file_rules], location.line)
        return file_rules[max(number - 1, 0)] if file_rules else None
