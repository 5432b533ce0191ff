"""Rules: every key is kept, every fault is reported with its location, only invalid rules are rejected."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from rule_fixtures import HEAD, ID, TAIL, codes, contents, fault, findings_of, rule

from watcher.model import Level, LogSource, Related
from watcher.sigma.rule_folders import read_folder

COMPLETE = """\
title: A title
id: 6F3E2987-DB24-4C78-A860-B4F4095A7095
name: a_name
related:
  - id: df0841c0-9846-4e9f-ad8a-7df91571771b
    type: derived
taxonomy: sigma
status: Stable
description: |
  Several
  lines
license: CC0-1.0
author: Somebody
references:
  - https://one.example/
  - https://two.example/
date: 2024-01-02
modified: 2025/3/4
tags:
  - attack.Persistence
  - attack.t1505.004
  - attack.t1505.004
  - cve.2024-1
logsource:
  product: Windows
  category: process_creation
  definition: 'audit process creation'
detection:
  selection:
    Image|endswith: '\\a.exe'
  filter:
    User: b
  condition: selection and not filter
fields: [Image, User]
falsepositives:
  - none
level: HIGH
custom:
  watcher:
    quiet_period: 5m
"""


def test_every_part_that_the_author_wrote_is_kept() -> None:
    parsed = rule(COMPLETE)
    assert findings_of(parsed) == []
    assert parsed.id == ID
    assert (parsed.title, parsed.name, parsed.status, parsed.level) == ("A title", "a_name", "stable", Level.HIGH)
    assert parsed.related == (Related(id="df0841c0-9846-4e9f-ad8a-7df91571771b", type="derived"),)
    assert parsed.description == "Several\nlines\n"
    assert (parsed.license, parsed.author) == ("CC0-1.0", "Somebody")
    assert parsed.references == ("https://one.example/", "https://two.example/")
    assert (parsed.date, parsed.modified) == (date(2024, 1, 2), date(2025, 3, 4))
    assert parsed.tags == ("attack.persistence", "attack.t1505.004", "cve.2024-1")
    assert (parsed.techniques, parsed.tactics) == (("T1505.004",), ("persistence",))
    assert (parsed.logsource.product, parsed.logsource.category) == ("windows", ("process_creation",))
    assert parsed.logsource.definition == "audit process creation"
    assert [selection.name for selection in parsed.selections] == ["selection", "filter"]
    assert parsed.conditions == ("selection and not filter",)
    assert (parsed.fields, parsed.falsepositives) == (("Image", "User"), ("none",))
    assert parsed.custom == {"quiet_period": "5m"}
    assert (parsed.folder, parsed.path, str(parsed.location)) == ("mine", "rule.yml", "rule.yml:1:1")
    assert parsed.text == COMPLETE


def test_the_hash_differs_if_the_text_differs() -> None:
    first, second = rule(HEAD + TAIL), rule(HEAD + TAIL.replace("F: a", "F: b"))
    assert first.hash != second.hash
    assert first.hash == rule(HEAD + TAIL).hash


SHORT = "title: A title\nid: " + ID + "\nlogsource: {product: windows}\n" + TAIL  # without a level


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            SHORT,
            (
                "rule.yml:1:1: warning: the rule has no `level`; `medium` is used; "
                "write one of informational, low, medium, high, critical [unknown-level]"
            ),
        ),
        (
            SHORT + "level: hihg\n",
            (
                "rule.yml:8:1: warning: `hihg` is not a level; `medium` is used; "
                "write one of informational, low, medium, high, critical [unknown-level]"
            ),
        ),
        (
            HEAD + TAIL.replace("detection", "Detection"),
            "rule.yml:6:1: warning: `Detection` is read as `detection`; write `detection` [key-case]",
        ),
        (
            HEAD.replace("product", "Product") + TAIL,
            "rule.yml:5:3: warning: `Product` is read as `product`; write `product` [key-case]",
        ),
        (
            HEAD + TAIL.replace("condition: selection", "condition: Selection"),
            "rule.yml:9:14: warning: `Selection` is spelled `selection` in `detection`; write `selection` [other-case]",
        ),
        (
            HEAD + TAIL + "status: production\n",
            (
                "rule.yml:10:1: warning: `production` is not a status; "
                "write one of stable, test, experimental, deprecated, unsupported [unknown-status]"
            ),
        ),
        (
            HEAD + TAIL + "date: yesterday\n",
            "rule.yml:10:7: warning: `date` is not a date; write it as YYYY-MM-DD [invalid-date]",
        ),
        (
            HEAD + TAIL + "modified: 2024-13-45\n",
            "rule.yml:10:11: warning: `modified` is not a date; write it as YYYY-MM-DD [invalid-date]",
        ),
        (
            HEAD + TAIL + "tags: attack.t1059\n",
            "rule.yml:10:7: warning: `tags` is a string; expected a list; write a list [tags-no-list]",
        ),
        (
            HEAD + TAIL + "tags: [persistence]\n",
            (
                "rule.yml:10:1: warning: the tag `persistence` has no namespace; "
                "write e.g. `attack.persistence` [tag-no-namespace]"
            ),
        ),
        (
            HEAD + TAIL + "related: [{type: derived}]\n",
            "rule.yml:10:11: warning: an entry of `related` has no `id`; add `id` and `type` [related]",
        ),
        (
            HEAD + TAIL + "author: {name: x}\n",
            "rule.yml:10:9: warning: `author` is a mapping; expected a string or a list of strings [wrong-type]",
        ),
        (
            HEAD.replace("title: A title\n", "") + TAIL,
            "rule.yml:1:1: warning: the rule has no `title`; add one [missing-title]",
        ),
        (
            HEAD.replace(ID, "42") + TAIL,
            "rule.yml:2:1: warning: `42` is not a UUID; it is used unchanged; write a UUID [invalid-id]",
        ),
        (
            HEAD.replace("logsource:\n  product: windows\n", "") + TAIL,
            (
                "rule.yml:1:1: warning: the rule has no `logsource`, so every event is searched; "
                "add product and category or service [missing-logsource]"
            ),
        ),
        (
            HEAD + "  category: [ps_module, ps_script]\n" + TAIL,
            (
                "rule.yml:6:13: warning: `category` is a list; any of ps_module, ps_script matches; "
                "Sigma allows a single value: write one rule for each [logsource-list]"
            ),
        ),
        (
            HEAD.replace("windows", "[windows, linux]") + TAIL,
            (
                "rule.yml:5:12: warning: `product` is a list; only the first, windows, is used; write one rule for "
                "each [logsource-list]"
            ),
        ),
        (
            HEAD + "  service: a\n  service: b\n" + TAIL.replace("F: a", "G: a"),
            (
                "rule.yml:7:3: warning: `service` appears twice in `logsource` (lines 6 and 7); "
                "Sigma allows a single value: write one rule for each [duplicate-key]"
            ),
        ),
        (
            HEAD + TAIL + "falsepositive: [x]\n",
            "rule.yml:10:1: warning: `falsepositive` is not a Sigma key; write `falsepositives` [unknown-key]",
        ),
        (
            HEAD + TAIL + "author: a\nauthor: b\n",
            (
                "rule.yml:11:1: warning: `author` appears twice in the rule (lines 10 and 11); all are kept: in a "
                "selection all must match, elsewhere lists are joined and the last value is used; write the key once "
                "[duplicate-key]"
            ),
        ),
        (
            HEAD + TAIL.replace("  condition", "  empty:\n  condition"),
            "rule.yml:9:3: warning: the selection `empty` is empty; remove it [empty-selection]",
        ),
        (
            HEAD + TAIL.replace("condition: selection", "condition: sel*"),
            (
                "rule.yml:9:14: warning: `sel*` has no quantifier; it is read as `1 of sel*`; "
                "write `1 of sel*` or `all of sel*` [bare-pattern]"
            ),
        ),
        (
            HEAD + TAIL.replace("condition: selection", "condition: selection | count() by F > 5"),
            (
                "rule.yml:9:14: warning: the condition has an aggregation (`count() by F > 5`): watcher does not count "
                "events, so the rule is not run; remove what follows the pipe, and join the hits in one alert: "
                "`custom: {watcher: {group_by: [F], quiet_period: 1h}}` [aggregation]"
            ),
        ),
    ],
)
def test_a_fault_is_reported_and_the_rule_is_read(text: str, finding: str) -> None:
    assert finding in findings_of(rule(text))


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("- a\n", "a rule must be a mapping of keys and values; the rule is not run; the others are [not-a-map]"),
        (HEAD, "the rule has no `detection`; add selections and a condition [missing-detection]"),
        (
            HEAD + "detection: x\n",
            "`detection` must be a mapping of keys and values; the rule is not run; the others are [not-a-map]",
        ),
        (
            HEAD + "detection:\n  condition: selection\n",
            "`detection` has no selection; the rule is not run; the others are [missing-selection]",
        ),
        (
            HEAD + "detection:\n  selection:\n    F: a\n",
            "`detection` has no `condition`; add `condition: selection` [missing-condition]",
        ),
        (
            HEAD + "detection:\n  selection:\n    F: a\n  condition:\n",
            "a condition must be a string; the rule is not run; the others are [condition]",
        ),
        (
            HEAD + "detection:\n  selection:\n    F: a\n  condition: []\n",
            "the condition is empty; the rule is not run; the others are [condition]",
        ),
        (
            HEAD + "detection:\n  selection:\n    F: a\n  condition: select\n",
            (
                "`select` is not defined in `detection` (defined: `selection`); did you mean `selection`; "
                "the rule is not run; the others are [condition]"
            ),
        ),
        (
            HEAD.replace("logsource:\n  product: windows\n", "logsource: windows\n") + TAIL,
            "`logsource` must be a mapping of keys and values; the rule is not run; the others are [not-a-map]",
        ),
    ],
)
def test_an_invalid_rule_is_rejected_with_its_location(text: str, finding: str) -> None:
    location, _, rest = fault(text).partition(": error: ")
    assert rest == finding
    assert location.startswith("rule.yml:")


def test_a_rule_without_id_gets_an_id_from_its_path_and_a_fix() -> None:
    text = HEAD.replace(f"id: {ID}\n", "") + TAIL
    parsed = rule(text)
    (finding,) = parsed.findings
    assert UUID(parsed.id).version == 5
    assert str(finding) == (
        "rule.yml:1:1: info: the rule has no `id`; the id derived from its path changes when the file moves; "
        f"add `id: {parsed.id}` [missing-id]"
    )
    assert contents(text, path="other.yml").rules[0].id != parsed.id
    assert contents(text).rules[0].id == parsed.id


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-01-02", date(2024, 1, 2)),
        ("2024/01/02", date(2024, 1, 2)),
        ("2024.1.2", date(2024, 1, 2)),
        ("'2024-01-02'", date(2024, 1, 2)),
        ("2024-01-02T03:04:05Z", date(2024, 1, 2)),
        ("since 2024/01/02", date(2024, 1, 2)),
        ("", None),
    ],
)
def test_a_date_is_read_in_any_of_its_forms(written: str, expected: date | None) -> None:
    parsed = rule(f"{HEAD}{TAIL}date: {written}\n")
    assert parsed.date == expected
    assert findings_of(parsed) == []


def test_lists_of_duplicate_keys_are_joined() -> None:
    parsed = rule(HEAD + TAIL + "tags: [a.b]\ntags: [c.d, a.b]\n")
    assert parsed.tags == ("a.b", "c.d")
    assert codes(parsed.findings) == ["duplicate-key"]


def test_a_remark_under_correlation_is_not_a_correlation() -> None:
    assert findings_of(rule(HEAD + TAIL + "correlation: see the other rule\n")) == []


def test_several_log_sources_are_kept() -> None:
    parsed = rule(HEAD + "  service: [Security, System]\n" + TAIL)
    assert parsed.logsource.service == ("security", "system")
    assert str(LogSource()) == "any"
    assert str(parsed.logsource) == "product windows; service security, system"


def test_placeholders_come_from_settings() -> None:
    text = HEAD + TAIL.replace("F: a", "F|expand: '%names%'")
    assert "%names%" in fault(text)
    assert rule(text, {"names": ("x",)}).node.values[0].parts == ("x",)  # type: ignore[union-attr]  # an item of one string


def test_the_duplicate_key_of_the_shipped_rule_is_reported() -> None:
    folder = Path(__file__).parents[2] / "rules"
    path = folder / "windows" / "process_creation" / "webserver_iis_module_installed_command.yml"
    (rule,) = read_folder("shipped", path).rules
    assert [text.removeprefix(str(path)) for text in findings_of(rule) if "duplicate-key" in text] == [
        (
            ":32:5: warning: `CommandLine|contains` appears twice in `selection` (lines 29 and 32); all must match; "
            "if intended, write one key with `all`, else one list [duplicate-key]"
        )
    ]


@pytest.mark.parametrize("name", ["on", "1", "010", "no", "1.50", "null"])
def test_a_selection_keeps_its_name_as_written(name: str) -> None:
    parsed = rule(
        f"{HEAD}detection:\n  {name}:\n    F: a\n  condition: {name}\n"
        if name != "null"
        else f"{HEAD}detection:\n  {name}:\n    F: a\n  condition: 'null'\n"
    )
    assert [selection.name for selection in parsed.selections] == [name]
    assert parsed.conditions == (name,)
