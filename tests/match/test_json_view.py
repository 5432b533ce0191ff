"""What is searched in the JSON text of an event decides as the event's values do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import rule
from support.truth_table import rules

from bench import corpus
from watcher.event_files.event_chunks import FileEvent, LinesChunk
from watcher.match.event_view import EventView
from watcher.match.json_view import view_of_json
from watcher.match.predicate import Predicate
from watcher.match.ruleset import CompiledRule, Ruleset
from watcher.model import Rule
from watcher.taxonomy.logsources import events_of

SYSMON = "Microsoft-Windows-Sysmon/Operational"
ORDINARY = {"event": {"code": "1"}, "winlog": {"channel": SYSMON, "event_id": "1", "event_data": {"Image": "x"}}}


def compiled(item: Rule) -> CompiledRule:
    return CompiledRule(item, Predicate(item.node, events_of(item.logsource)))


def detecting(selection: str, number: int) -> Rule:
    text = rule().text.replace("CommandLine|contains: shell", selection)
    return rule(text, id=f"00000000-0000-4000-8000-{number:012}")


SELECTIONS = (
    r"CommandLine|contains: C:\Temp\new",
    'CommandLine|contains: "say \\"hi\\""',
    'CommandLine|contains: "a\\nb"',
    'CommandLine|contains: "a\\tb"',
    "CommandLine|contains: a/b",
    "CommandLine|contains: größe",
    "CommandLine|contains: KELVIN",
    "ProcessId: 100000",
    "ProcessId: 5",
    "Signed: 'true'",
    "EventID: 1",
    "Hashes|contains: SHA1=ABCDEF",
    r"User|contains: CORP\jane",
)
RULES = tuple(detecting(selection, number) for number, selection in enumerate(SELECTIONS))


def process(data: str, **names: Any) -> str:
    """Return the JSON of a started process, with event data and further names."""
    more = "".join(f', "{name}": {json.dumps(value)}' for name, value in names.items())
    winlog = f'{{"channel": "{SYSMON}", "event_id": "1", "event_data": {{{data}}}}}'
    return f'{{"event": {{"code": "1"}}, "winlog": {winlog}{more}}}'


@pytest.mark.parametrize(
    ("line", "matching"),
    [
        (process(r'"CommandLine": "c:\\temp\\NEW.exe"'), {0, 10}),
        (process(r'"CommandLine": "c:\u005ctemp\u005Cnew"'), {0, 10}),
        (process(r'"CommandLine": "Say \"Hi\""'), {1, 10}),
        (process(r'"CommandLine": "a\nb"'), {2, 10}),
        (process(r'"CommandLine": "a\\nb"'), {10}),
        (process(r'"CommandLine": "a\tb"'), {3, 10}),
        (process(r'"CommandLine": "A\/B"'), {4, 10}),
        (process(r'"CommandLine": "A\\/B"'), {10}),
        (process('"CommandLine": "GRÖSSE größe"'), {5, 10}),
        (process(r'"CommandLine": "gr\u00f6\u00dfe"'), {5, 10}),
        (process('"CommandLine": "\N{KELVIN SIGN}ELVIN kelvin"'), {6, 10}),
        (process('"ProcessId": 1e5'), {7, 10}),
        (process('"ProcessId": 5.0'), {8, 10}),
        (process('"ProcessId": 5'), {8, 10}),
        (process('"ProcessId": "0005"'), {8, 10}),
        (process('"Signed": true'), {9, 10}),
        (process('"CommandLine": "none", "CommandLine": "a/b"'), {4, 10}),
        (process("", file={"hash": {"sha1": "abcdef"}}, process={"hash": {"sha1": "abcdef"}}), {10, 11}),
        (process('"Hashes": "MD5=1"', process={"hash": {"sha1": "abcdef"}}), {10}),
        (process("", user={"name": "jane", "domain": "corp"}), {10, 12}),
        (process("", **{"winlog.event_data.CommandLine": "a/b"}), {4, 10}),
        (process("", **{"winlog.channel": "Security"}), {10}),
        (process("", **{"event.code": "2"}), {10}),  # both are its codes
        (process("").replace('"event_id": "1"', '"event_id": 1'), {10}),
        (process("").replace('"event_id": "1"', '"event_id": ""'), {10}),
        (process("").replace('"event_id": "1"', '"event_id": ["1"]'), {10}),
        (process("").replace('"event_id": "1"', '"event_id": "2"'), {10}),
        (process("").replace('"event_id": "1", ', ""), {10}),
        (process("").replace('"code": "1"', '"code": ""'), {10}),
        (process("").replace(f'"{SYSMON}"', f'["{SYSMON}"]'), {10}),
        (process("").replace(f'"{SYSMON}"', f'"{SYSMON.upper()}"'), {10}),
    ],
)
def test_the_text_of_a_line_decides_as_its_values(line: str, matching: set[int]) -> None:
    (item,) = LinesChunk(file="x", number=1, lines=line.encode(), end=0).events()
    assert isinstance(item, FileEvent)
    ruleset = Ruleset(tuple(map(compiled, RULES)))
    view = ruleset.view_of_json(item.event, item.json) if item.json else ruleset.view(item.event)
    plain = EventView(item.event)
    values = ruleset.verdict(plain).rules
    assert ruleset.verdict(view).rules == values
    assert {RULES.index(each) for each in values} == matching
    assert (view.channel, view.code, view.is_windows) == (plain.channel, plain.code, plain.is_windows)
    assert view.is_plain() == plain.is_plain() or not view.is_plain()
    assert dict(view.own_values()) == dict(plain.own_values())
    assert (view.at("@timestamp"), view.at("winlog.channel")) == (plain.at("@timestamp"), plain.at("winlog.channel"))


def test_an_ordinary_event_is_not_flattened_until_a_value_is_asked_for() -> None:
    view = view_of_json(ORDINARY, json.dumps(ORDINARY).encode(), {})
    assert Ruleset(tuple(map(compiled, RULES[:4]))).verdict(view).rules == ()
    assert "_flat" not in {name for name in EventView.__slots__ if name in vars_of(view)}
    assert view.values("Image") == ("x",)
    assert "_flat" in vars_of(view)


def vars_of(view: EventView) -> set[str]:
    """Return the names of the slots that are set."""
    slots = EventView.__dict__
    names = set()
    for name in EventView.__slots__:
        try:
            slots[name].__get__(view)
        except AttributeError:
            continue
        names.add(name)
    return names


@given(st.text(), st.text(), st.text(), st.booleans())
def test_every_part_of_a_value_is_in_the_searched_text(before: str, text: str, after: str, ascii_only: bool) -> None:  # noqa: FBT001 - a parameter of the test
    event = {**ORDINARY, "message": before + text + after}
    line = json.dumps(event, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    other = EventView({"message": text}).searched_text()
    assert other in view_of_json(event, line, {}).searched_text()


def test_each_event_of_a_set_is_decided_as_by_its_values(shared_data: Path) -> None:
    ruleset = Ruleset(tuple(map(compiled, rules(shared_data))))
    decided = 0
    for event in corpus.events(shared_data, ("sigmahq-regression",)):
        view = ruleset.view_of_json(event, json.dumps(event).encode())
        expected = ruleset.verdict(ruleset.view(event)).rules
        assert ruleset.verdict(view).rules == expected
        decided += len(expected)
    assert decided > 100
