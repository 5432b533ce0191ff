"""A silence that means no alert of any rule is a finding."""

from __future__ import annotations

import re

import pytest
from support.fakes import NOW, rule

from watcher.lint.silence_lints import PlacedMatchers
from watcher.model import Location
from watcher.routes import parse_matchers
from watcher.settings import FaultySettingsError, Settings, read
from watcher.settings.effective_routes import maintenance_windows
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
    assert 'did you mean rule "A Shell Starts"' in finding
    assert finding.endswith("[silence-unknown-rule]")


WINDOW = """
calendars: [{name: night, hours: "22:00-06:00"}]
maintenance_windows:
  - {name: patches, match: {rule: A Shel Starts}, during: night}
  - {name: servers, matchers: ['host=~"SRV.*"'], during: [night]}
"""


def test_a_maintenance_window_that_no_rule_can_match_is_reported_with_its_line() -> None:
    settings = read(WINDOW, {})
    assert [window.name for window in maintenance_windows(settings)] == ["patches", "servers"]
    report = check_rules(settings, LoadedRules(rules=(rule(),)), (), today=NOW.date())
    (finding,) = [judged.finding for judged in report.findings if judged.finding.code == "silence-unknown-rule"]
    assert "the maintenance window `patches` means no alert of any rule" in finding.message
    assert finding.location.line == 4


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("during: night", "during: nigth", "did you mean `night`?"),
        ("match: {rule: A Shel Starts}, ", "", "means every alert"),
        ("name: servers", "name: patches", "give each maintenance window a `name` of its own"),
        ("during: [night]", "during: []", "during"),
    ],
)
def test_faulty_maintenance_windows_are_refused(before: str, after: str, message: str) -> None:
    with pytest.raises(FaultySettingsError, match=re.escape(message)):
        read(WINDOW.replace(before, after), {})
