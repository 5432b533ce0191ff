"""What a rule means: one test for each sentence that people get wrong."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
import yaml
from made_events import CLASSIC, POWERSHELL, SECURITY, SYSMON, event, moved

from watcher.match.compiled_rule import CompiledRule
from watcher.match.event_view import EventView
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Event, Rule
from watcher.settings import LogSourceMapping
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.taxonomy.logsources import events_of


def rule(detection: Any, logsource: dict[str, Any] | None = None, placeholders: Any = None) -> Rule:
    text = detection if isinstance(detection, str) else yaml.safe_dump({"detection": detection})
    head = yaml.safe_dump({"title": "t", "level": "high", "logsource": logsource or {"product": "windows"}})
    result = read_contents(head + text, file="rule.yml", origin=RuleOrigin(placeholders=placeholders or {}))
    assert [str(finding) for finding in result.findings] == []
    return result.rules[0]


def holds(selection: Any, document: Event, condition: str = "selection") -> bool:
    """Return whether a rule matches, asked alone and among many."""
    built = rule({"selection": selection, "condition": condition})
    predicate = Predicate(built.node, events_of(built.logsource))
    alone = predicate.matches(document)
    assert Ruleset([CompiledRule(built, predicate)]).matching(document) == ((built,) if alone else ())
    return alone


# --------------------------------------------------------------------------- strings


def test_strings_match_case_insensitively() -> None:
    assert holds({"A": "CmD"}, event(A="cMd"))


def test_cased_strings_do_not() -> None:
    assert holds({"A|cased": "CmD"}, event(A="CmD"))
    assert not holds({"A|cased": "CmD"}, event(A="cmd"))
    assert holds({"A|contains|cased": "IEX"}, event(A="x IEX"))
    assert not holds({"A|contains|cased": "IEX"}, event(A="x iex"))


def test_asterisk_and_question_mark_are_wildcards() -> None:
    assert holds({"A": "a*c?"}, event(A="abbbcd"))
    assert not holds({"A": "a*c?"}, event(A="abbbc"))


def test_a_backslash_escapes_wildcards_and_itself_alone() -> None:
    assert holds({"A": r"a\*b"}, event(A="a*b"))
    assert not holds({"A": r"a\*b"}, event(A="axb"))
    assert holds({"A": r"\\server\x"}, event(A=r"\server\x"))
    assert holds({"A": r"\\\\server"}, event(A=r"\\server"))
    assert holds({"A": r"C:\new\*"}, event(A=r"C:\new*"))
    assert holds({"A": r"C:\new\\*"}, event(A=r"C:\new\x"))


def test_wildcards_cross_lines() -> None:
    assert holds({"A|contains": "a*b"}, event(A="xa\r\n\nby"))


def test_a_value_is_compared_whole() -> None:
    assert not holds({"A": "cmd"}, event(A="cmd.exe"))


# --------------------------------------------------------------------------- absence


def test_not_is_true_where_the_field_is_absent() -> None:
    assert holds({"A": "x"}, event(B="y"), "not selection")
    assert holds({"A|neq": "x"}, event(B="y"))
    assert holds({"A|re|neq": "x"}, event(B="y"))
    assert holds({"A|gt|neq": 5}, event(B="y"))


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_the_empty_string_both_mean_absent_or_empty(nothing: str | None) -> None:
    assert holds({"A": nothing}, event(B="y"))
    assert holds({"A": nothing}, event(A=""))
    assert holds({"A": nothing}, event(A=None))
    assert holds({"A": nothing}, event(A=[]))
    assert not holds({"A": nothing}, event(A="x"))
    assert not holds({"A": nothing}, event(A="-"))
    assert holds({"A": [nothing, "x"]}, event(A="x"))


def test_exists_asks_for_presence() -> None:
    assert holds({"A|exists": True}, event(A="x"))
    assert not holds({"A|exists": True}, event(B="x"))
    assert holds({"A|exists": False}, event(B="x"))
    assert not holds({"A|exists": False}, event(A="x"))


def test_contains_nothing_asks_for_any_value() -> None:
    assert holds({"A|contains": ""}, event(A="x"))
    assert not holds({"A|contains": ""}, event(B="x"))


# --------------------------------------------------------------------------- lists, maps, duplicate keys


def test_a_list_is_or_and_all_is_and() -> None:
    assert holds({"A|contains": ["x", "y"]}, event(A="ay"))
    assert not holds({"A|contains|all": ["x", "y"]}, event(A="ay"))
    assert holds({"A|contains|all": ["x", "y"]}, event(A="yax"))


def test_all_may_hold_on_different_values_of_one_field() -> None:
    assert holds({"A|contains|all": ["x", "y"]}, event(A=["ax", "by"]))


def test_any_value_of_a_field_will_do() -> None:
    assert holds({"A": "x"}, event(A=["y", "x"]))


def test_a_map_is_and_a_list_of_maps_or() -> None:
    assert not holds({"A": "x", "B": "y"}, event(A="x"))
    assert holds([{"A": "x"}, {"B": "y"}], event(A="x"))


def test_duplicate_keys_must_all_hold() -> None:
    text = "detection:\n  selection:\n    A|contains: [x, y]\n    A|contains: z\n  condition: selection\n"
    predicate = Predicate(rule(text).node, events_of(rule(text).logsource))
    assert predicate.matches(event(A="y z"))
    assert not predicate.matches(event(A="y"))
    assert not predicate.matches(event(A="z"))


# --------------------------------------------------------------------------- keywords


@pytest.mark.parametrize(
    ("document", "result"),
    [
        ({**event(), "message": "some Mimikatz here"}, True),  # the message
        (event(A="Mimikatz"), True),  # the data
        (event("Application", "1", param1="x mimikatz.exe"), True),
        (moved(process={"command_line": "mimikatz"}), True),  # what the modules moved from there
        (moved(POWERSHELL, "4104", powershell={"file": {"script_block_text": "mimikatz"}}), True),
        ({"winlog": {"channel": "x", "user_data": {"A": "mimikatz"}}}, True),
        ({**event(), "labels": {"x": "mimikatz"}}, False),  # never what stands around it
        ({**event(), "tags": ["mimikatz"]}, False),
        ({**event(), "agent": {"name": "mimikatz"}}, False),
        ({**event(), "ecs": {"version": "mimikatz"}}, False),
        ({**event(), "host": {"name": "mimikatz"}}, False),
    ],
)
def test_keywords_search_message_and_data(document: Event, result: bool) -> None:  # noqa: FBT001 - a column of the table
    assert holds(["mimikatz"], document) is result


def test_keywords_have_wildcards_and_may_all_be_wanted() -> None:
    assert holds(["a*c"], event(A="xabcx"))
    assert holds({"|all": ["x", "y"]}, event(A="x", B="y"))
    assert not holds({"|all": ["x", "y"]}, event(A="x"))
    assert holds([4688], event(A="event 4688 seen"))
    assert holds({"|re": "^x+$"}, event(A="xx"))
    assert not holds({"|re": "^x+$"}, event(A="axx"))
    assert holds({"|cased": "Ab"}, event(A="xAbx"))
    assert not holds({"|cased": "Ab"}, event(A="xabx"))


# --------------------------------------------------------------------------- expressions, encodings, dashes


def test_expressions_are_case_sensitive_and_unanchored_with_flags() -> None:
    assert holds({"A|re": "b.d"}, event(A="abcde"))
    assert not holds({"A|re": "B.D"}, event(A="abcde"))
    assert holds({"A|re|i": "B.D"}, event(A="abcde"))
    assert holds({"A|re|m": "^b"}, event(A="a\nb"))
    assert holds({"A|re|s": "a.b"}, event(A="a\nb"))


@pytest.mark.parametrize("before", ["", "x", "xx"])
def test_base64offset_has_three_variants(before: str) -> None:
    encoded = b64encode(f"{before}http://one.example/".encode("utf-16-le")).decode()
    assert holds({"A|wide|base64offset|contains": "http://"}, event(A=f"powershell -enc {encoded}"))


@pytest.mark.parametrize("dash", "-/–—―")  # noqa: RUF001 - the very characters that look alike
def test_windash_covers_every_dash(dash: str) -> None:
    assert holds({"A|windash|contains": " -decode "}, event(A=f"certutil {dash}decode x"))
    assert not holds({"A|contains": " _decode "}, event(A=f"certutil {dash}decode x"))


# --------------------------------------------------------------------------- numbers, addresses, fields, times


def test_numbers_compare_as_numbers_wherever_they_stand() -> None:
    assert holds({"A": 5}, event(A="5"))
    assert holds({"A": 5}, event(A=5))
    assert holds({"A": 5}, event(A=5.0))
    assert holds({"A|gt": 9}, event(A="10"))
    assert not holds({"A|lt": 9}, event(A="10"))
    assert holds({"A|gte": 16}, event(A="0x10"))
    assert not holds({"A|gt": 1}, event(A="many"))
    assert holds({"A": "5"}, event(A=5))


def test_a_truth_value_is_its_word() -> None:
    assert holds({"A": True}, event(A="TRUE"))
    assert holds({"A": True}, event(A=True))
    assert not holds({"A": True}, event(A="1"))


def test_an_address_lies_in_its_network() -> None:
    assert holds({"A|cidr": ["10.0.0.0/8", "fe80::/10"]}, event(A="::ffff:10.1.1.1"))
    assert not holds({"A|cidr": "10.0.0.0/8"}, event(A="-"))


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [("", False), ("|startswith", True), ("|contains", True), ("|endswith", False), ("|neq", True)],
)
def test_a_field_may_be_compared_with_another(modifiers: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert holds({f"A|fieldref{modifiers}": "B"}, event(A="Admin01", B="aDMIN")) is expected


def test_a_comparison_with_an_absent_field_is_false() -> None:
    assert not holds({"A|fieldref": "B"}, event(A="x"))
    assert not holds({"A|fieldref": "B"}, event(B="x"))
    assert not holds({"A|fieldref": "B"}, event(C="x"))
    assert holds({"A|fieldref": "B"}, event(A="x", B="X"))
    assert not holds({"A|fieldref|cased": "B"}, event(A="x", B="X"))


def test_parts_of_a_time_are_those_in_utc() -> None:
    assert holds({"@timestamp|hour": 14}, event())
    assert holds({"TimeCreated|hour|gte": 14, "@timestamp|minute|lt": 6}, event())
    assert not holds({"@timestamp|day": 24}, event())
    assert holds({"A|week": 48, "A|month": 11, "A|year": 2026}, event(A="2026-11-24T00:30:00+01:00"))


# --------------------------------------------------------------------------- system fields and log sources


def test_the_rules_channel_is_the_data_field_and_the_log_sources_the_system_field() -> None:
    cleared = event("System", "104", Channel="Security")
    built = rule(
        {"selection": {"Channel": "Security"}, "condition": "selection"}, {"product": "windows", "service": "system"}
    )
    assert Predicate(built.node, events_of(built.logsource)).matches(cleared)
    assert not Predicate(built.node, events_of(built.logsource)).matches(event("Security", "104", Channel="Security"))


@pytest.mark.parametrize(
    ("logsource", "document", "inside"),
    [
        ({"category": "process_creation"}, event(Image="x"), True),
        ({"category": "process_creation"}, event(SECURITY, "4688", NewProcessName="x"), True),
        ({"category": "process_creation"}, event(SECURITY, "4689", NewProcessName="x"), False),
        ({"category": "process_creation"}, moved(SECURITY, "4688", process={"executable": "x"}), True),
        ({"category": "process_creation", "service": "sysmon"}, event(SECURITY, "4688", NewProcessName="x"), False),
        ({"category": "file_event"}, event(Image="x"), False),
        ({"service": "sysmon"}, event(code="11", Image="x"), True),
        ({"service": "security"}, event("security", "1", Image="x"), True),  # a channel in any case
        ({"service": "unheard"}, event("Any", "1", Image="x"), True),  # what no table knows narrows nothing
        ({"category": ["ps_classic_start", "ps_module"]}, event(CLASSIC, "400", Image="x"), True),
        ({"category": ["ps_classic_start", "ps_module"]}, event(CLASSIC, "800", Image="x"), False),
    ],
)
def test_a_rule_looks_at_the_events_of_its_log_source(logsource: dict[str, Any], document: Event, inside: bool) -> None:  # noqa: FBT001 - a column of the table
    built = rule({"selection": {"Image": "x"}, "condition": "selection"}, {"product": "windows", **logsource})
    assert Predicate(built.node, events_of(built.logsource)).matches(document) is inside


def test_a_log_source_of_settings_is_looked_at_instead() -> None:
    built = rule({"selection": {"A": "x"}, "condition": "selection"}, {"product": "windows", "service": "mine"})
    own = events_of(built.logsource, (LogSourceMapping(service="mine", channels=("My/Channel",), event_codes=("7",)),))
    assert Predicate(built.node, own).matches(event("My/Channel", "7", A="x"))
    assert not Predicate(built.node, own).matches(event("My/Channel", "8", A="x"))


def test_both_shapes_of_one_event_match_alike() -> None:
    selection = {"Image|endswith": "\\a.exe", "User": "CORP\\jdoe", "Hashes|contains": "IMPHASH=AA"}
    assert holds(selection, event(Image="C:\\A.exe", User="corp\\JDOE", Hashes="MD5=BB,IMPHASH=AA"))
    assert holds(
        selection,
        moved(
            process={"executable": "C:\\A.exe", "hash": {"md5": "bb"}, "pe": {"imphash": "aa"}},
            user={"domain": "corp", "name": "JDOE"},
        ),
    )


def test_every_spelling_of_a_document_matches_alike() -> None:
    data = {"winlog.event_data.A": "x", "winlog.channel": SYSMON, "event.code": "1"}
    assert holds({"A": "x"}, data)
    assert holds({"A": "x"}, {"winlog": {"event_data.A": "x", "channel": SYSMON}, "event.code": "1"})
    assert EventView(data).channel == SYSMON
