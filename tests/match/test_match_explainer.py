"""What a hit says about why its rule matched: fields, values, the marked parts, and the words of the rule."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from made_events import event
from support.truth_table import events, rules

from watcher.match.compiled_rule import CompiledRule
from watcher.match.event_view import EventView
from watcher.match.match_explainer import MOST_FIELDS, MatchExplainer
from watcher.match.matched_values import LONGEST, MOST_VALUES, excerpt
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Event, MatchedField, MatchedValue, Rule
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.sigma.rule_folders import read_folder
from watcher.taxonomy.logsources import events_of

SHIPPED = Path(__file__).resolve().parents[2] / "rules"


def rule(detection: str) -> Rule:
    text = f"title: T\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n{detection}"
    (read,) = read_contents(text, file="t.yml", origin=RuleOrigin()).rules
    return read


def matched(read: Rule, sent: Event) -> tuple[MatchedField, ...]:
    fields = MatchExplainer(read.node, events_of(read.logsource)).matched(EventView(sent))
    assert tuple(MatchedField.from_document(json.loads(json.dumps(field.as_document()))) for field in fields) == fields
    return fields


def shown(value: MatchedValue) -> str:
    return "".join(f"<{text}>" if is_marked else text for text, is_marked in value.segments())


def lines(fields: Iterable[MatchedField]) -> list[str]:
    return [f"{field.field}: {'; '.join(map(shown, field.values))} ({', '.join(field.words)})" for field in fields]


CASES = [
    pytest.param(
        "  a:\n    Image|endswith: \\cmd.exe\n    CommandLine|contains|all: [' /c ', whoami]\n  condition: a",
        [
            r"Image: C:\Windows<\CMD.exe> (ends with `\cmd.exe`)",
            "CommandLine: cmd< /C WHOAMI> (contains ` /c `, contains `whoami`)",
        ],
        id="strings",
    ),
    pytest.param(
        "  a:\n    Image: 'C:\\\\*\\\\cmd?exe'\n  condition: a",
        [r"Image: <C:\>Windows<\CMD>.<exe> (is like `C:\\*\\cmd?exe`)"],
        id="wildcards",
    ),
    pytest.param(
        "  a:\n    CommandLine|re: '(?i)who.m.'\n  condition: a",
        ["CommandLine: cmd /C <WHOAMI> (matches the expression `(?i)who.m.`)"],
        id="expression",
    ),
    pytest.param(
        "  a:\n    ParentImage: null\n    ProcessId|gt: 7\n  condition: a",
        ["ParentImage:  (is absent or empty)", "ProcessId: <12> (> 7)"],
        id="absent",
    ),
    pytest.param(
        "  a:\n    Image|endswith: ['\\cmd.exe', '\\powershell.exe']\n  b:\n    Image|contains: windows\n"
        "  c:\n    User: nobody\n  condition: 1 of them",
        [r"Image: C:\<Windows\CMD.exe> (ends with `\cmd.exe`, contains `windows`)"],
        id="the branches that hold",
    ),
    pytest.param(
        "  a:\n    Image|endswith: \\cmd.exe\n  b:\n    User: nobody\n  condition: a and not b",
        [r"Image: C:\Windows<\CMD.exe> (ends with `\cmd.exe`)"],
        id="an exception that does not hold",
    ),
    pytest.param(
        "  a:\n    Image|startswith: D:\\\n  condition: not a",
        [r"Image: C:\Windows\CMD.exe (not: starts with `D:\`)"],
        id="nothing but an exception",
    ),
    pytest.param(
        "  a:\n    Image|fieldref|endswith: Tail\n  condition: a",
        [r"Image: <C:\Windows\CMD.exe> (ends with the value of `Tail`)"],
        id="another field",
    ),
]


@pytest.mark.parametrize(("detection", "expected"), CASES)
def test_fields_values_parts_and_words(detection: str, expected: list[str]) -> None:
    sent = event(Image="C:\\Windows\\CMD.exe", CommandLine="cmd /C WHOAMI", ProcessId="12", Tail="cmd.exe")
    assert lines(matched(rule(detection), sent)) == expected


def test_a_keyword_is_marked_in_the_shortest_value_first() -> None:
    sent = {**event(CommandLine="cmd /c WHOAMI"), "message": "Process Create: cmd /c WHOAMI by nobody"}
    assert lines(matched(rule("  k:\n    - whoami\n  condition: k"), sent)) == [
        ": cmd /c <WHOAMI>; Process Create: cmd /c <WHOAMI> by nobody (contains `whoami`)"
    ]


@pytest.mark.slow
def test_hits_of_real_rules_are_explained(shared_data: Path) -> None:
    every = rules(shared_data)
    explainers = {read.path: MatchExplainer(read.node, events_of(read.logsource)) for read in every}
    ruleset = Ruleset([CompiledRule(read, Predicate(read.node, events_of(read.logsource))) for read in every])
    hits, unmarked = 0, []
    for number, (_, sent) in enumerate(events(shared_data, "sigmahq-regression")):
        if number % 2:
            continue
        for read in ruleset.matching(sent):
            fields = explainers[read.path].matched(EventView(sent))
            assert fields, read.path
            assert all(field.words for field in fields), read.path
            unmarked += [read.path for field in fields if field.values and not field.values[0].marks]
            hits += 1
    assert hits > 100
    assert len(set(unmarked)) < hits // 20, unmarked


def test_the_shipped_rules_name_every_value_once() -> None:
    sent = [
        json.loads(line)
        for file in SHIPPED.rglob("*.test.ndjson")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    count = 0
    for read in read_folder("shipped", SHIPPED).rules:
        predicate = Predicate(read.node, events_of(read.logsource))
        for case in sent:
            logged = case.get("event", case)
            if predicate.matches(logged):
                fields = matched(read, logged)
                assert fields
                assert all(field.words for field in fields)
                assert all(value.marks for field in fields for value in field.values if field.words[0][:3] != "not")
                count += 1
    assert count >= 20


def test_a_long_value_is_cut_around_its_marked_part() -> None:
    cut = excerpt("a" * 5_000 + "NEEDLE" + "b" * 5_000, ((5_000, 5_006),))
    assert cut.text.startswith("a" * 300 + "… (4,550 characters) …aaa")
    assert cut.text.endswith("more characters)")
    assert len(cut.text) < LONGEST + 50
    assert [cut.text[start:end] for start, end in cut.marks] == ["NEEDLE"]
    assert excerpt("short", ((0, 2),)) == MatchedValue("short", ((0, 2),))


def test_what_is_kept_is_bounded() -> None:
    many = {f"Field{number}": [f"value {value}" for value in range(40)] for number in range(60)}
    items = "".join(f"    Field{number}|contains: ['va', 'lu', ue, l, v, a, u, e]\n" for number in range(60))
    fields = matched(rule(f"  a:\n{items}  condition: a"), event(**many))
    assert len(fields) == MOST_FIELDS
    assert {len(field.values) for field in fields} == {MOST_VALUES}
    assert {field.words[-1] for field in fields} == {"… and 3 more"}


@pytest.mark.parametrize(
    ("values", "value"),
    [
        (", ".join(f"'*{number}x?y*'" for number in range(100)) + ", '*a*'", "a" * 200_000),
        (", ".join(f"'{number}x'" for number in range(1_000)) + ", a", "a" * 300_000),
    ],
    ids=["wildcards", "strings"],
)
def test_hostile_values_take_little_time(values: str, value: str) -> None:
    read = rule(f"  a:\n    CommandLine|contains: [{values}]\n  condition: a")
    explainer = MatchExplainer(read.node, events_of(read.logsource))
    sent = EventView(event(CommandLine=value))
    explainer._part(process_audit=False).holds(sent)  # what matching itself takes is no part of this
    start = time.process_time()
    fields = explainer.matched(sent)
    assert time.process_time() - start < 5
    assert fields[0].field == "CommandLine"
    assert len(fields[0].values[0].text) < 2_000


def test_a_part_behind_a_dash_is_marked_where_the_pattern_is() -> None:
    read = rule("  a:\n    CommandLine|contains|windash: ' -enc'\n  condition: a")
    (field,) = matched(read, event(CommandLine="powershell -NoP /enc /ENC"))
    assert shown(field.values[0]) == "powershell -NoP< >/<enc> /ENC"
