"""Lints of correlations: conditions that never or always hold, fields that no event has, disabled base rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lint_fixtures import CLEAN, TODAY

from watcher.lint import correlation_lints
from watcher.lint.run_lints import lint_rules
from watcher.settings import Settings, Source, read
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders

IDS = {name: f"{number:08x}-0000-4000-8000-000000000000" for number, name in enumerate(("a", "b", "c", "many"), 1)}


def base(name: str, status: str = "test") -> str:
    return (
        f"title: Rule {name}\nid: {IDS[name]}\nname: {name}\nstatus: {status}\nlevel: high\n"
        "logsource: {product: windows, category: process_creation}\n"
        "detection: {s: {Image: a}, condition: s}\n---\n"
    )


def many(section: str) -> str:
    lines = "".join(f"  {line}\n" for line in section.splitlines())
    return f"title: Many\nid: {IDS['many']}\nlevel: high\ncorrelation:\n{lines}"


def loaded(tmp_path: Path, text: str) -> LoadedRules:
    (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
    return read_folders([read_folder("mine", tmp_path)])


def findings(tmp_path: Path, text: str, settings: Settings | None = None) -> list[str]:
    rules = loaded(tmp_path, text)
    reports = correlation_lints.lint(rules, settings or Settings())
    return [str(report).replace(f"{tmp_path}/", "") for report in reports]


def counting(kind: str, condition: str, rules: str = "[a]") -> str:
    return many(f"type: {kind}\nrules: {rules}\ngroup-by: [User]\ntimespan: 5m\ncondition: {condition}\n")


@pytest.mark.parametrize(
    ("kind", "condition", "code"),
    [
        ("event_count", "{gt: 10, lt: 5}", "never"),
        ("event_count", "{eq: 2.5}", "never"),
        ("event_count", "{gt: 4, lt: 5}", "never"),
        ("event_count", "{lt: 0}", "never"),
        ("event_count", "{gte: 1}", "always"),
        ("event_count", "{gt: 0}", "always"),
        ("event_count", "{gte: 0}", "always"),
        ("event_count", "{neq: 0}", "always"),
        ("event_count", "{gte: 2}", ""),
        ("event_count", "{lt: 5}", ""),
        ("event_count", "{eq: 1}", ""),
        ("event_count", "{neq: 1}", ""),
        ("event_count", "{eq: 0}", ""),
        ("event_count", "{lt: 1}", ""),
        ("event_count", "{lte: 0}", ""),
        ("event_count", "{gt: 4, lte: 5}", ""),
        ("value_count", "{eq: 0, field: User}", ""),
        ("value_count", "{gte: 1, field: User}", "always"),
        ("value_sum", "{gt: 4, lt: 5, field: ProcessId}", ""),
        ("value_sum", "{gte: 1, field: ProcessId}", ""),
        ("value_sum", "{gt: 5, lt: 4, field: ProcessId}", "never"),
        ("value_avg", "{eq: 5, neq: 5, field: ProcessId}", "never"),
        ("value_median", "{gte: 5, lte: 5, field: ProcessId}", ""),
        ("temporal", "{gte: 3}", ""),
        ("temporal", "{gte: 4}", "never"),
        ("temporal", "{gte: 1}", "always"),
        ("temporal", "a and b and c", ""),
        ("temporal", "a and b and not c and not a", "never"),
        ("temporal_ordered", "a or b or c", "always"),
    ],
)
def test_conditions_that_never_or_always_hold(tmp_path: Path, kind: str, condition: str, code: str) -> None:
    rules = "[a, b, c]" if kind.startswith("temporal") else "[a]"
    text = base("a") + base("b") + base("c") + counting(kind, condition, rules)
    reports = findings(tmp_path, text)
    assert [report.partition("[correlation-")[2].rstrip("]") for report in reports] == ([code] if code else [])


def test_a_never_holding_condition_has_its_place(tmp_path: Path) -> None:
    assert findings(tmp_path, base("a") + counting("event_count", "{lt: 0}")) == [
        (
            "rules.yml:17:3: warning: the condition of the correlation can never hold; correct its numbers or rules "
            "[correlation-never]"
        )
    ]


def test_fields_that_no_event_of_a_base_rule_has(tmp_path: Path) -> None:
    text = base("a") + counting("value_count", "{gte: 2, field: [Image, Imagee]}").replace("User", "Usr")
    assert findings(tmp_path, text) == [
        (
            "rules.yml:15:3: warning: events of the rule `Rule a` have no field `Usr` of `group-by`, so that none is "
            "counted; did you mean `User` [correlation-field]"
        ),
        (
            "rules.yml:17:3: warning: events of the rule `Rule a` have no field `Imagee` of `field`, so that none is "
            "counted; did you mean `Image` [correlation-field]"
        ),
    ]
    aliased = text.replace("timespan", "aliases: {Usr: {a: User}, Imagee: {a: Image}}\n  timespan")
    assert findings(tmp_path, aliased) == []


def test_fields_of_settings_and_of_indices_are_accepted(tmp_path: Path) -> None:
    rules = loaded(tmp_path, base("a") + counting("event_count", "{gte: 2}").replace("User", "Usr"))
    assert list(correlation_lints.lint(rules, Settings(), ("Usr",))) == []
    source = replace(Settings().sources[0], fields={"Usr": ("user.name",)})
    assert list(correlation_lints.lint(rules, replace(Settings(), sources=(source,)))) == []


@pytest.mark.parametrize("status", ["deprecated", "unsupported"])
def test_a_base_rule_of_an_inactive_status_is_reported(tmp_path: Path, status: str) -> None:
    (report,) = findings(tmp_path, base("a", status) + counting("event_count", "{gte: 2}"))
    assert report == (
        f"rules.yml:14:3: info: the base rule `Rule a` is disabled (status `{status}`); it is run for the correlation "
        "all the same; disable the correlation rule, too, if it is not wanted [correlation-disabled-rule]"
    )


def test_a_base_rule_that_settings_disable_is_reported_and_one_of_low_level_is_not(tmp_path: Path) -> None:
    text = base("a") + base("b").replace("level: high", "level: low") + counting("event_count", "{gte: 2}", "[a, b]")
    assert findings(tmp_path, text) == []
    settings = read(f"rules:\n  select:\n    - id: {IDS['a']}\n      set: {{enabled: false}}\n", {})
    (report,) = findings(tmp_path, text, settings)
    assert "the base rule `Rule a` is disabled (settings:3); it is run for the correlation all the same" in report


def test_the_findings_of_reading_are_repeated(tmp_path: Path) -> None:
    reports = findings(tmp_path, base("a") + counting("event_count", "{gte: 2}", "[a, nowhere]"))
    assert [report.rpartition("[")[2] for report in reports] == ["correlation-reference]"]


def test_rules_of_converted_aggregations_are_judged_as_they_are_written(tmp_path: Path) -> None:
    for name, field in (("a", "TargetUserName"), ("b", "Computer")):
        text = CLEAN.replace("7f6f2c52", f"7f6f2c5{name}").replace(
            "A Shell Starts", f"A Shell Starts Often {name.upper()}"
        )
        condition = "condition: selection and not 1 of filter_main_*"
        counted = f"timeframe: 5m\n    {condition} | count({field}) by Image > 20"
        (tmp_path / f"proc_creation_win_shells_{name}.yml").write_text(
            text.replace(condition, counted), encoding="utf-8"
        )
    rules = with_correlations(read_folders([read_folder("mine", tmp_path)]))
    codes = {finding.code for finding in lint_rules(rules.rules, Source(), today=TODAY)}
    assert {rule.title for rule in rules.rules} == {f"A Shell Starts Often {name} (base rule)" for name in "AB"}
    assert codes == set()
