"""Documents with `action: global`, `reset` or `repeat` are merged as Sigma formerly did."""

from __future__ import annotations

import pytest
import yaml
from pysigma_tree import ours, theirs
from rule_fixtures import codes, contents
from sigma.collection import SigmaCollection

GLOBAL = """\
action: global
title: Shared
level: high
logsource:
  product: windows
detection:
  condition: selection
"""
FIRST = """\
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
logsource:
  service: security
detection:
  selection:
    EventID: 1
"""
SECOND = """\
id: df0841c0-9846-4e9f-ad8a-7df91571771b
title: Own
logsource:
  category: process_creation
detection:
  selection:
    Image: a
"""
REPEAT = """\
action: repeat
id: 0e95725d-7320-415d-80f7-004da920fc11
detection:
  selection:
    EventID: 2
"""


def joined(*documents: str) -> str:
    return "---\n".join(documents)


def test_a_global_document_is_merged_into_every_following_rule() -> None:
    rule_file = contents(joined(GLOBAL, FIRST, SECOND))
    assert [rule.title for rule in rule_file.rules] == ["Shared", "Shared"]
    assert [str(rule.logsource) for rule in rule_file.rules] == [
        "product windows; service security",
        "product windows; category process_creation",
    ]
    assert [rule.location.line for rule in rule_file.rules] == [9, 16]
    assert [str(finding) for finding in rule_file.rules[0].findings] == [
        (
            "rule.yml:9:1: warning: the rule is merged from several documents by `action`, which Sigma no longer "
            "supports; write each rule completely [action]"
        )
    ]
    assert rule_file.findings == ()


def test_repeat_merges_a_document_into_the_preceding_rule() -> None:
    rule_file = contents(
        joined(GLOBAL, FIRST, REPEAT, REPEAT.replace("EventID: 2", "Other: 3").replace("0e95", "0e96"))
    )
    assert [len(rule.findings) for rule in rule_file.rules] == [1, 1, 1]
    assert [ours(rule.node) for rule in rule_file.rules] == [
        ("EventID", "number", 1),
        ("EventID", "number", 2),
        ("and", (("EventID", "number", 2), ("Other", "number", 3))),
    ]


def test_reset_ends_a_global_document() -> None:
    rule_file = contents(joined(GLOBAL, FIRST, "action: reset\n", SECOND))
    assert len(rule_file.rules) == 1
    assert codes(rule_file.findings) == ["missing-condition"]


@pytest.mark.parametrize("documents", [(GLOBAL, FIRST, SECOND), (GLOBAL, FIRST, REPEAT), (GLOBAL, SECOND, FIRST)])
def test_merged_rules_equal_those_of_pysigma(documents: tuple[str, ...]) -> None:
    text = joined(*documents)
    collection = SigmaCollection.from_dicts(list(yaml.safe_load_all(text)))
    rules = contents(text).rules
    assert [ours(rule.node) for rule in rules] == [
        theirs(rule.detection.parsed_condition[0].parsed)  # type: ignore[union-attr]  # no correlations here
        for rule in collection.rules
    ]
    assert [rule.title for rule in rules] == [rule.title for rule in collection.rules]


def test_the_text_of_a_merged_rule_reads_back_as_that_rule() -> None:
    for rule in contents(joined(GLOBAL, FIRST, REPEAT)).rules:
        again = contents(rule.text).rules[-1]
        assert (again.id, ours(again.node), again.text) == (rule.id, ours(rule.node), rule.text)


def test_a_change_of_the_global_document_changes_every_hash() -> None:
    before = contents(joined(GLOBAL, FIRST, SECOND)).rules
    after = contents(joined(GLOBAL.replace("high", "low"), FIRST, SECOND)).rules
    assert {rule.hash for rule in before}.isdisjoint(rule.hash for rule in after)


SHARED = GLOBAL.replace("title: Shared", "title: Shared\nid: 11111111-2222-4333-8444-555555555555")
NAMELESS = FIRST.partition("\n")[2]


def test_parts_with_one_id_get_ids_derived_from_it() -> None:
    again = NAMELESS.replace("security", "system")
    rules = contents(joined(SHARED, NAMELESS, again, REPEAT.replace("id: 0e95725d-7320-415d-80f7-004da920fc11\n", "")))
    ids = [rule.id for rule in rules.rules]
    assert ids[0] == "11111111-2222-4333-8444-555555555555"
    assert len(set(ids)) == 3
    moved = contents(joined(SHARED, NAMELESS, again), path="elsewhere/x.yml")
    assert [rule.id for rule in moved.rules] == ids[:2]
    for rule in rules.rules:
        assert contents(rule.text).rules[-1].id == rule.id


def test_a_part_with_its_own_id_keeps_it() -> None:
    rules = contents(joined(SHARED, NAMELESS, FIRST, SECOND)).rules
    assert [rule.id for rule in rules[1:]] == [
        "6f3e2987-db24-4c78-a860-b4f4095a7095",
        "df0841c0-9846-4e9f-ad8a-7df91571771b",
    ]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (REPEAT, "rule.yml:1:1: error: `action: repeat` follows no rule; write the complete rule [action]"),
        (
            "action: copy\n",
            (
                "rule.yml:1:1: error: `copy` is not an action; write one of global, reset, repeat, or write each rule "
                "completely [action]"
            ),
        ),
    ],
)
def test_an_invalid_action_is_reported(text: str, finding: str) -> None:
    rule_file = contents(text)
    assert rule_file.rules == ()
    assert [str(finding) for finding in rule_file.findings] == [finding]


def test_duplicate_keys_of_a_rule_survive_the_merge() -> None:
    twice = FIRST.replace("    EventID: 1\n", "    EventID: 1\n    A|contains: x\n    A|contains: y\n")
    (rule,) = contents(joined(GLOBAL, twice)).rules
    assert codes(rule.findings) == ["action", "duplicate-key"]
    assert len(ours(rule.node)[1]) == 3
