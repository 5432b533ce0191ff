"""The prefilter hides nothing: whatever a rule's predicate holds of is among the candidates."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import rule

from watcher.match import event_kind, literal_index
from watcher.match import regex_literals as factors
from watcher.match import ruleset as many
from watcher.match.compiled_rule import CompiledRule
from watcher.match.event_view import EventView
from watcher.match.matchers import fold, fold_loosely
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Rule, SigmaRegex
from watcher.taxonomy.logsources import events_of


def watched(item: Rule) -> CompiledRule:
    """Compile a rule."""
    return CompiledRule(item, Predicate(item.node, events_of(item.logsource)))


def detecting(text: str, **changes: Any) -> Rule:
    """Read a rule with another selection."""
    return rule(rule().text.replace("CommandLine|contains: shell", text), **changes)


def event(**data: str) -> dict[str, Any]:
    """Make an event of a started process."""
    return {"event": {"code": "4688"}, "winlog": {"channel": "Security", "event_data": data}}


# --------------------------------------------------------------------------- folding


def test_values_that_fold_alike_are_alike_in_the_text_of_the_literal_index() -> None:
    for code in range(sys.maxunicode + 1):
        item = chr(code)
        assert fold_loosely(item) == fold_loosely(fold(item)), hex(code)


@pytest.mark.parametrize("letter", "kKsSiI")
def test_a_letter_that_python_takes_for_an_ascii_one_is_made_that(letter: str) -> None:
    alike = re.compile(letter, re.IGNORECASE)
    for code in range(sys.maxunicode + 1):
        if alike.fullmatch(chr(code)):
            assert fold_loosely(chr(code)) == letter.lower(), hex(code)


@given(st.text(), st.text(), st.text())
def test_a_part_of_a_text_stays_a_part_of_it(before: str, text: str, after: str) -> None:
    assert fold_loosely(text) in fold_loosely(before + text + after)
    assert fold_loosely(fold(text)) in fold_loosely(before + text + after)


# --------------------------------------------------------------------------- regular expressions


@pytest.mark.parametrize(
    ("pattern", "flags", "expected"),
    [
        ("abc", "", [{"abc"}]),
        ("^abc$", "", [{"abc"}]),
        ("abc.*def", "", [{"abc"}, {"def"}]),
        ("(?:abc|de)f", "", [{"abc", "de"}, {"f"}]),
        ("(?:abc|.)f", "", [{"f"}]),
        ("a?bc", "", [{"bc"}]),
        ("(?:ab)+c", "", [{"ab"}, {"c"}]),
        ("(?i)abc", "", []),
        ("(?i:abc)d", "", [{"d"}]),
        ("äbc|x", "i", []),
        (r"\d+", "", []),
    ],
)
def test_what_a_regular_expression_cannot_do_without(pattern: str, flags: str, expected: list[set[str]]) -> None:
    assert [set(choice) for choice in factors.literal_choices(SigmaRegex(pattern, flags))] == expected


PIECES = st.sampled_from(["ab", "c", ".", "[xy]", "d?", "(?:k|st)", "(?:e|f.)+", "i*", "^", r"\w", "Z{2}", "(g)"])


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join), st.sampled_from(["", "i"]), st.data())
def test_every_value_that_it_finds_holds_one_text_of_each_choice(pattern: str, flags: str, data: st.DataObject) -> None:
    value = data.draw(st.from_regex(re.compile(pattern, re.IGNORECASE if flags else re.NOFLAG)))
    for choice in factors.literal_choices(SigmaRegex(pattern, flags)):
        assert any(fold_loosely(text) in fold_loosely(value) for text in choice), (pattern, value)


# --------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("selection", "data"),
    [
        ("CommandLine|contains: SHELL", {"CommandLine": "a Shell"}),
        ("CommandLine|re: '(?:inv|exec)oke-\\w+'", {"CommandLine": "invoke-it"}),
        ("CommandLine|re|i: 'kiss'", {"CommandLine": "a \u212a\u0131\u017fs"}),
        ("CommandLine|contains: ÄRGER", {"CommandLine": "ärger"}),
        ("CommandLine|contains: 'ΟΔΟΣ x'", {"CommandLine": "οδοσ x"}),
        ("CommandLine|contains|cased: Shell", {"CommandLine": "a Shell"}),
        ("ProcessId: 291", {"ProcessId": "291"}),
        ("ProcessId: 291", {"ProcessId": "+000291"}),
        ("ProcessId: -5", {"ProcessId": "-005"}),
        ("ProcessId: 5.0", {"ProcessId": "5"}),
        ("ProcessId: 0", {"ProcessId": "-0"}),
        ("'*shell*'", {"CommandLine": "a shell"}),
    ],
)
def test_a_rule_is_found_behind_its_required_literals(selection: str, data: dict[str, str]) -> None:
    item = detecting(selection if ":" in selection else f"- {selection}")
    assert item.id in [result.id for result in Ruleset([watched(item)]).matching(event(**data))]


@pytest.mark.parametrize("code", ["4688", "04688", "+4688"])
@pytest.mark.parametrize("asked", ["4688", "4688.0", "'4688'"])
def test_an_event_code_is_found_behind_required_literals_as_the_rule_alone_finds_it(code: str, asked: str) -> None:
    text = detecting(f"EventID: {asked}").text.replace("category: process_creation", "service: security")
    item = rule(text)
    built = {"event": {"code": code}, "winlog": {"channel": "Security"}}
    alone = Predicate(item.node, events_of(item.logsource)).matches(built)
    assert bool(Ruleset([watched(item)]).matching(built)) is alone


def test_a_text_that_stands_nowhere_in_the_event_is_found_where_it_is_put_together() -> None:
    item = detecting("User: 'ACME\\bob'")
    built = {
        "event": {"code": "1"},
        "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational"},
        "user": {"domain": "ACME", "name": "bob"},
    }
    assert Ruleset([watched(item)]).matching(built) == (item,)


def test_half_a_surrogate_pair_hides_nothing() -> None:
    rules = Ruleset([watched(detecting("CommandLine|contains: shell"))])
    assert rules.matching(event(CommandLine="powershell \ud83d"))
    assert not rules.matching(event(CommandLine="power \ud83d"))


@pytest.mark.parametrize("most", [0, 800])
def test_literals_are_found_with_and_without_a_table(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literal_index, "_MAX_TABLE", most)
    rules = Ruleset([watched(detecting("CommandLine|contains: ströme"))])
    assert rules.matching(event(CommandLine="VIELE STRÖME"))
    assert not rules.matching(event(CommandLine="viele strome"))


def test_made_up_channels_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_MAX_KINDS", 3)
    rules = Ruleset([watched(rule())])
    for number in range(10):
        rules.matching({"winlog": {"channel": f"made-up-{number}"}, "event": {"code": "1"}})
    assert len(rules._kinds) <= 3
    assert rules.matching(event(CommandLine="a shell")) != ()


def test_spellings_of_a_channel_share_a_kind_of_event() -> None:
    rules = Ruleset([watched(rule())])
    for number in range(50):
        spelling = "".join(
            letter.upper() if number >> place & 1 else letter.lower() for place, letter in enumerate("Security")
        )
        rules.matching({"winlog": {"channel": spelling}, "event": {"code": "4688"}})
    assert len(rules._kinds) == 1


@pytest.mark.parametrize("channel", ["Security", "SECURITY", "sEcUrItY"])
def test_a_channel_in_any_case_is_read_alike(channel: str) -> None:
    document = event(CommandLine="a shell")
    rules = Ruleset([watched(rule())])
    assert rules.matching({**document, "winlog": {**document["winlog"], "channel": channel}}) != ()


def test_a_literal_index_is_built_once_for_all_kinds_of_events_that_share_it() -> None:
    watched_one = watched(detecting("CommandLine|contains: shell"))
    first = Ruleset([watched_one])
    second = first.with_rules([watched_one])
    built = event(CommandLine="a shell")
    sysmon = {"event": {"code": "1"}, "winlog": {**built["winlog"], "channel": "Microsoft-Windows-Sysmon/Operational"}}
    assert all(rules.matching(item) for rules in (first, second) for item in (built, sysmon))
    assert len(first._kinds) == 2
    assert len({id(kind._index) for rules in (first, second) for kind in rules._kinds.values()}) == 1


def test_rules_that_stay_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Ruleset([watched(detecting("CommandLine: a", id="1")), watched(detecting("CommandLine: b", id="2"))])
    looked: list[object] = []
    about = many._prefilter
    monkeypatch.setattr(many, "_prefilter", lambda node, *others: looked.append(node) or about(node, *others))
    changed = detecting("CommandLine: c", id="2")
    second = first.with_rules([watched(detecting("CommandLine: a", id="1")), watched(changed)])
    assert looked == [changed.node]
    assert [item.id for item in second.matching(event(CommandLine="c"))] == ["2"]
    assert [item.id for item in second.matching(event(CommandLine="b"))] == []


def test_a_rule_can_be_asked_alone() -> None:
    item = replace(rule(), id="alone")
    assert Ruleset([watched(item)]).matches("alone", EventView(event(CommandLine="a shell")))


def test_the_rules_of_an_event_are_in_the_order_in_which_they_were_given() -> None:
    # among so many rules, a set of their numbers is not in their order
    rules = [detecting(f"CommandLine|contains: word{number}", id=f"rule {number}") for number in range(300)]
    ruleset = Ruleset([watched(item) for item in reversed(rules)])
    command = " ".join(f"word{number}" for number in (7, 250, 99, 3, 280, 150))
    matching = [item.id for item in ruleset.matching(event(CommandLine=command))]
    expected = [item.id for item in reversed(rules) if re.search(rf"{item.id.replace('rule ', 'word')}", command)]
    assert matching == expected
    assert len(matching) > 6


# --------------------------------------------------------------------------- rules that are evaluated too often


def test_a_rule_that_is_evaluated_often_in_vain_is_evaluated_only_where_all_its_literals_are() -> None:
    evaluated: list[str] = []

    class Recording(Predicate):
        def compiled(self, process_audits: Any) -> Any:
            matches = super().compiled(process_audits)

            def recorded(view: EventView) -> bool:
                evaluated.append(str(view.values("CommandLine")))
                return matches(view)

            return recorded

    item = detecting("CommandLine|contains|all: [everywhere, odd]")
    ruleset = Ruleset([CompiledRule(item, Recording(item.node, events_of(item.logsource)))])
    for number in range(400):
        assert ruleset.matching(event(CommandLine=f"everywhere {number}")) == ()
    assert len(evaluated) == 64  # those of the trial
    assert ruleset.matching(event(CommandLine="odd, everywhere")) == (item,)
    assert ruleset.matching(event(CommandLine="odd")) == ()
    assert len(evaluated) == 65


def test_a_computed_value_meets_further_requirements_too() -> None:
    item = detecting("CommandLine|contains: everywhere, always and again\n    Hashes|contains: SHA1=ABC")
    ruleset = Ruleset([watched(item)])
    common = {
        "event": {"code": "1"},
        "winlog": {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "event_data": {"CommandLine": "everywhere, always and again"},
        },
    }
    for _ in range(300):
        assert ruleset.matching(common) == ()
    assert ruleset.matching({**common, "process": {"hash": {"sha1": "abc"}}}) == (item,)


def test_combinations_of_literals_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_kind, "_MAX_COMBINATIONS", 4)
    items = [detecting(f"CommandLine|contains: word{number}", id=f"{number}") for number in range(5)]
    rules = Ruleset([watched(item) for item in items])
    for chosen in range(32):
        words = [number for number in range(5) if chosen >> number & 1]
        command = " ".join(f"word{number}" for number in words)
        assert [item.id for item in rules.matching(event(CommandLine=command))] == [str(number) for number in words]
    assert all(len(kind._by_literals) <= 4 for kind in rules._kinds.values())
