"""Rules that can fire in no source, by what each source says."""

from __future__ import annotations

from support.fakes import rule

from watcher.model import Finding, LogSource, Rule, Severity
from watcher.search.rules_that_cannot_fire import RuleChances, cannot_fire


def of(product: str, name: str) -> Rule:
    return rule(id=name, title=name, logsource=LogSource(product=product, category=("process_creation",)))


WINDOWS, OTHER_WINDOWS, LINUX = of("windows", "win"), of("windows", "win-2"), of("linux", "lnx")


def inert(subject: Rule, why: str = "no field") -> dict[str, Finding]:
    return {
        subject.id: Finding(code="inert", severity=Severity.WARNING, location=subject.location, message=why, fix="")
    }


def codes(*chances: RuleChances) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in cannot_fire(chances)]


def test_a_rule_that_one_source_can_match_is_not_reported() -> None:
    windows = RuleChances(silent=(LINUX,))
    linux = RuleChances(silent=(WINDOWS, OTHER_WINDOWS))
    assert codes(windows, linux) == []
    assert codes(linux, windows) == []
    assert codes(RuleChances(inert=inert(WINDOWS)), RuleChances()) == []


def test_a_log_source_that_is_silent_everywhere_is_reported_once() -> None:
    silent = RuleChances(silent=(WINDOWS, OTHER_WINDOWS))
    ((code, message),) = codes(silent, RuleChances(silent=(WINDOWS, OTHER_WINDOWS, LINUX)))
    assert code == "silent-logsource"
    assert "`win` (and 1 more rules of it) cannot fire" in message


def test_a_rule_is_judged_by_the_sources_that_hold_its_log_source() -> None:
    assert codes(RuleChances(silent=(LINUX,)), RuleChances(inert=inert(LINUX))) == [("inert", "no field")]
    both = (RuleChances(inert=inert(LINUX, "first")), RuleChances(inert=inert(LINUX, "second")))
    assert codes(*both) == [("inert", "first")]


def test_without_a_source_nothing_is_reported() -> None:
    assert codes() == []
