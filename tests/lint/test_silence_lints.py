"""A silence that means no alert of any rule is a finding."""

from __future__ import annotations

from support.fakes import NOW, rule

from watcher.lint.silence_lints import PlacedMatchers
from watcher.model import Location
from watcher.routes import parse_matchers
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.check_rules import ClusterReport, check_rules

HERE = Location(file="watcher-state", line=1)


def findings(*texts: str) -> list[str]:
    placed = tuple(
        PlacedMatchers(name=f"the silence {number}", matchers=parse_matchers(text), location=HERE)
        for number, text in enumerate(texts)
    )
    report = check_rules(
        Settings(),
        LoadedRules(rules=(rule(),)),
        (),
        today=NOW.date(),
        cluster=ClusterReport(silences=placed),
    )
    return [str(judged.finding) for judged in report.findings if judged.finding.location == HERE]


def test_only_a_silence_that_no_rule_can_match_is_reported() -> None:
    assert findings("host=DC01", 'rule="a shell starts", host=X', "level=~high|critical", "tag=attack.t1059") == []
    (finding,) = findings('rule="A Shel Starts", host=X')
    assert finding.startswith("watcher-state:1:1: warning: the silence 0 means no alert of any rule: rule=")
    assert "check the spelling" in finding
    assert finding.endswith("[silence-unknown-rule]")
