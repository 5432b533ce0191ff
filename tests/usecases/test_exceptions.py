"""Exceptions are tried before they are written, and never written in part."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from watcher.errors import InputError
from watcher.match.event_summarizer import stored_summary
from watcher.settings import Folder, RuleSelection, Settings
from watcher.shipped import shipped
from watcher.sigma.exception_text import ExceptionDetails, parse_item
from watcher.usecases.check_rules import check_rules
from watcher.usecases.exception_impact import ExceptionImpact
from watcher.usecases.exception_warnings import breadth_warnings, impact_warnings
from watcher.usecases.exceptions import ExceptionPlan, plan_exception, write_exception
from watcher.usecases.loading import load_rules

DETAILS = ExceptionDetails(
    id="0b6f9d7e-5b0f-4a57-9b86-1c8f7f4f3c11", day=date(2026, 11, 28), author="ada", reason="known"
)
RULE = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: ['\cmd.exe', '\pwsh.exe']
  condition: selection
"""
TESTS = r"""hit:
  - {name: cmd, data: {Image: 'C:\cmd.exe', User: 'CORP\ada'}}
  - {name: pwsh, data: {Image: 'C:\pwsh.exe', User: 'CORP\svc'}}
miss:
  - {name: notepad, data: {Image: 'C:\notepad.exe'}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "x.test.yml").write_text(TESTS, encoding="utf-8")
    return tmp_path


def settings_of(*folders: Path) -> Settings:
    own = tuple(Folder(name=f"folder{number}", path=path) for number, path in enumerate(folders))
    return Settings(rules=RuleSelection(folders=own))


def planned(settings: Settings, *where: str, rule: str = "A Shell Starts") -> ExceptionPlan:
    return plan_exception(rule, [parse_item(text) for text in where], DETAILS, settings)


def test_a_written_exception_narrows_the_rule_and_check_has_nothing_to_say(folder: Path) -> None:
    settings = settings_of(folder)
    plan = planned(settings, r"Image: C:\cmd.exe", r"User: CORP\backup", "CommandLine|contains: --agent")
    assert (plan.tests, plan.lost_tests, plan.findings) == (3, (), ())
    write_exception(plan)
    assert [path.name for path in (folder / "exceptions").iterdir()] == ["a-shell-starts.yml"]
    loaded = load_rules(settings)
    (rule,) = loaded.rules
    assert rule.node == plan.narrowed.node
    report = check_rules(settings, loaded, (), today=date(2026, 11, 28))
    own = [judged.finding for judged in report.findings if judged.finding.location.file == str(plan.file)]
    assert [finding.code for finding in own] == ["filtered"]


def test_tests_that_lose_their_hit_are_named(folder: Path) -> None:
    plan = planned(settings_of(folder), r"User: CORP\svc", rule=str(folder / "x.yml"))
    assert [result.test.name for result in plan.lost_tests] == ["pwsh"]
    assert not (folder / "exceptions").exists()


def test_a_field_that_the_log_source_lacks_is_a_finding_before_and_after_it_is_written(folder: Path) -> None:
    settings = settings_of(folder)
    plan = planned(settings, "image: x", "TargetObject: y")
    assert [finding.code for finding in plan.findings] == ["field-case", "unknown-field"]
    write_exception(plan)
    findings = check_rules(settings, load_rules(settings), (), today=date(2026, 11, 28)).findings
    codes = {judged.finding.code for judged in findings if judged.finding.location.file == str(plan.file)}
    assert codes == {"filtered", "field-case", "unknown-field"}


def test_no_exception_overwrites_another(folder: Path) -> None:
    settings = settings_of(folder)
    first, second = planned(settings, "User: a"), planned(settings, "User: b")
    write_exception(first)
    with pytest.raises(InputError, match="cannot be written"):
        write_exception(second)
    third = planned(settings, "User: c")
    write_exception(third)
    assert third.file.name == "a-shell-starts-2.yml"
    assert first.file.read_text(encoding="utf-8") == first.text
    assert {path.name for path in first.file.parent.iterdir()} == {"a-shell-starts.yml", "a-shell-starts-2.yml"}


def test_exceptions_of_shipped_rules_are_kept_where_an_update_does_not_remove_them(folder: Path) -> None:
    with pytest.raises(InputError, match="an update would remove"):
        planned(settings_of(shipped("rules")), "User: a", rule="New Service Runs a Shell")
    plan = planned(settings_of(shipped("rules"), folder), "ServiceName: a", rule="New Service Runs a Shell")
    assert plan.file.parent == folder / "exceptions"


@pytest.mark.parametrize("where", ["Image|nonsense: x", "Image|cidr: x", "Image|re: '('", "Image|lt: x"])
def test_what_is_none_of_sigma_is_refused(folder: Path, where: str) -> None:
    with pytest.raises(InputError) as raised:
        planned(settings_of(folder), where)
    assert raised.value.location is None  # the file does not exist


@pytest.mark.parametrize(
    ("where", "warning"),
    [
        (r"Image|endswith: \agent.exe", "anybody can name a program `agent.exe`"),
        ("User: '*'", "is short"),
        ("User: *", "may have any value"),
        ("CommandLine|contains: -a", "is short"),
        (r"Image: C:\Program Files\Agent\agent.exe", ""),
    ],
)
def test_conditions_that_are_too_broad_are_warned_of(folder: Path, where: str, warning: str) -> None:
    warnings = list(breadth_warnings(planned(settings_of(folder), where)))
    assert any(warning in text for text in warnings) if warning else warnings == []


def counted(removed: list[str], kept: int) -> list[str]:
    impact = ExceptionImpact()
    for command in removed:
        impact.count("removed", "", stored_summary({"process": {"command_line": command}, "watcher": {}}))
    for _ in range(kept):
        impact.count("kept", "", stored_summary({"watcher": {}}))
    return list(impact_warnings(impact))


def test_what_an_exception_removes_is_warned_of_where_it_is_much() -> None:
    assert counted([], 0) == []
    assert counted(["a"], 9) == []
    assert counted([], 9) == ["it removes none of 9 hits"]
    assert counted(["a", "a"], 0)[0].startswith("it removes every hit (2)")
    assert counted(["a", "a"], 1) == ["it removes more than half of the hits (2 of 3)"]
    assert counted(["a", "b"], 9) == ["it removes 2 different commands: is each of them harmless?"]
