"""Rules are read as pySigma reads them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pysigma_tree import Plain, joined, ours, theirs
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from support.truth_table import rule_files

from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents

# --------------------------------------------------------------------------- real rules


def compared(path: str, text: str) -> str:
    """Compare one file; returns `same` or the reason why it was not compared."""
    read = read_contents(text, file=path, origin=RuleOrigin(path=path))
    if any(finding.code == "duplicate-key" for rule in read.rules for finding in rule.findings):
        return "duplicate keys"
    if len(read.rules) != 1 or read.rules[0].aggregation is not None:
        return "not run by us"
    try:
        documents = [item for item in yaml.safe_load_all(text) if isinstance(item, dict) and "detection" in item]
    except yaml.YAMLError:
        return "no YAML to pySigma"
    tree = parsed(documents[0])
    if tree is None:
        return "refused by pySigma"
    assert ours(read.rules[0].node) == tree, path
    return "same"


def parsed(document: dict[str, Any]) -> Plain | None:
    """Read a rule with pySigma, ignoring faults of metadata; None if it rejects the detection."""
    wanted = {key: value for key, value in document.items() if key != "correlation"}
    try:
        rule = SigmaRule.from_dict(wanted, collect_errors=True)
        return joined("or", [theirs(item.parsed) for item in rule.detection.parsed_condition])
    except SigmaError:
        return None


def test_every_rule_of_the_corpus_has_the_condition_tree_that_pysigma_gives_it(shared_data: Path) -> None:
    counts = Counter(compared(path, text) for path, text in rule_files(shared_data))
    assert counts == {
        "same": 2080,
        "not run by us": 23,  # 21 count, one names a selection that is not there, one a placeholder without values
        "duplicate keys": 10,  # there pySigma loses all but the last
        "refused by pySigma": 3,  # `OR` in capitals
        "no YAML to pySigma": 1,  # a tab
    }


# --------------------------------------------------------------------------- source up rules


def document(selection: Any, condition: str = "selection") -> dict[str, Any]:
    return {
        "title": "t",
        "logsource": {"product": "windows"},
        "detection": {"selection": selection, "condition": condition},
    }


def agree(source: dict[str, Any]) -> None:
    read = read_contents(yaml.safe_dump(source, allow_unicode=True), file="rule.yml", origin=RuleOrigin())
    assert [str(finding) for finding in read.findings] == []
    assert ours(read.rules[0].node) == parsed(source)


@pytest.mark.parametrize(
    "selection",
    [
        {"F": "a"},
        {"F": ["a", "b"], "G": "c"},  # list in map
        [{"F": "a"}, {"G": "b", "H": "c"}],  # maps in a list
        ["one", "two", 3],  # keywords
        {"|all": ["one", "two"]},  # keywords that must all be there
        {"F": None},
        {"F": ""},
        {"F": []},
        {"F": [1, "1", 1.5, True, None]},
        {"F": -5},
        {"F": "\\\\server\\share$\\*"},
        {"F": r"\*\?\\*"},
        {"F": "a\tb\nc"},
        {"F": "\u00fcn\u00ef c\u00f6d\u00e9 \U0001f600*"},
        {"F": " a "},
        {"F": "%a%"},
        {"4688": "a", "F G": "b", "a.b": "c"},
        {"F|contains|all|cased": ["A", "b*"]},
        {"F|re|all": ["a", "b"]},
        {"F|re|neq": ["a", "b"]},
        {"F|cidr|neq": "10.0.0.0/8"},
        {"F|gt|neq": 5},
        {"F|exists|neq": True},
        {"F|base64": ""},
        {"F|base64|base64": "foobar"},
        {"|contains": ["a", "b"]},
        {"|re": "a.b"},
        {"|base64offset|contains": "foobar"},
        ["a", {"F": "b"}, 5],
        ["a*", "b?c"],
        {"F": ["", None, "a"]},
        {"F": True},
        {"F": 5},
        {"F": 5.5},
        {"F|contains": ["a", "*b", "c*", "*d*"]},
        {"F|contains": ""},
        {"F|startswith": "a?"},
        {"F|endswith": r"\cmd.exe"},
        {"F|contains|all": ["a", "b"]},
        {"F|all|contains": ["a", "b"]},
        {"F|neq": "a"},
        {"F|neq": ["a", "b"]},
        {"F|neq|all": ["a", "b"]},
        {"F|contains|neq": "a"},
        {"F|re": r"^a.*b\\c$"},
        {"F|re|i": "a|b"},
        {"F|re|i|m|s": "a"},
        {"F|re|ignorecase|multiline|dotall": "a"},
        {"F|cased": "Ab*"},
        {"F|contains|cased": "Ab"},
        {"F|base64": "foo bar"},
        {"F|base64offset": "foobar"},
        {"F|base64offset|contains": ["foobar", "fo"]},
        {"F|base64offset|contains|all": ["foobar", "baz"]},
        {"F|wide|base64": "foobar"},
        {"F|wide|base64offset|contains": "ping"},
        {"F|utf16be|base64offset|contains": "ping"},
        {"F|utf16|base64": "ping"},
        {"F|wide": "ab"},
        {"F|windash": "-a /b c-d"},
        {"F|windash|contains": [" -decode ", "/urlcache"]},
        {"F|windash|contains|all": ["-a", "-b"]},
        {"F|cidr": "10.0.0.0/8"},
        {"F|cidr": ["fe80::/10", "192.168.0.0/16"]},
        {"F|lt": 5},
        {"F|lte": 5.5},
        {"F|gt": -1},
        {"F|gte": 0},
        {"F|exists": True},
        {"F|exists": False},
        {"F|fieldref": "G"},
        {"F|fieldref|startswith": "G"},
        {"F|fieldref|endswith": "G"},
        {"F|fieldref|contains": "G"},
        {"F|fieldref|startswith|endswith": "G"},
        {"F|fieldref|neq": "G"},
        {"F|minute": 1},
        {"F|hour": [1, 2]},
        {"F|day": 3},
        {"F|week": 4},
        {"F|month": 5},
        {"F|year": 2026},
    ],
    ids=str,
)
def test_every_modifier_gives_the_tree_that_pysigma_gives(selection: Any) -> None:
    agree(document(selection))


def test_a_number_with_a_point_is_also_compared_as_written() -> None:
    source = document({"F": 5.0})
    read = read_contents(yaml.safe_dump(source), file="rule.yml", origin=RuleOrigin())
    assert parsed(source) == ("F", "number", 5)
    assert ours(read.rules[0].node) == ("or", (("F", "number", 5.0), ("F", "text", "5.0")))


@pytest.mark.parametrize(
    "condition",
    [
        "a or b and c",
        "not a and b",
        "not (a or b) and not c",
        "a and not 1 of filter_*",
        "all of them",
        "1 of them and not all of filter*",
        "any of filter_*",
        "(a)",
        "((a or b)) and (c)",
        "not not a",
        "notepad and _hidden",
        "1 of _*",
        "a-b or a",
    ],
)
def test_every_condition_gives_the_tree_that_pysigma_gives(condition: str) -> None:
    names = ("a", "b", "c", "filter_one", "filter_two", "notepad", "_hidden", "a-b")
    source = document({"F": "x"}, condition)
    source["detection"] = {"condition": condition, **{name: {"F": name} for name in names}}
    agree(source)


def test_several_conditions_mean_any_of_them() -> None:
    source = document({"F": "x"})
    source["detection"] = {"a": {"F": "a"}, "b": {"F": "b"}, "condition": ["a", "not b"]}
    agree(source)


@settings(max_examples=300, deadline=None)
@given(
    value=st.text(alphabet="aB*?\\-/ .é", max_size=12),
    modifier=st.sampled_from(["", "|contains", "|startswith", "|endswith", "|windash", "|windash|contains", "|cased"]),
)
def test_any_string_has_the_wildcards_that_pysigma_gives_it(value: str, modifier: str) -> None:
    source = document({f"F{modifier}": value})
    if parsed(source) is not None:  # pySigma refuses more than three dashes
        agree(source)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff{}",
        "%YAML 1.1\n---\n{}...\n",
        "# a remark\n---\n{}",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_layout_of_a_file_does_not_matter(text: str, newline: str) -> None:
    body = yaml.safe_dump(document({"F|contains": ["a", "b"]}))
    read = read_contents(text.format(body).replace("\n", newline), file="rule.yml", origin=RuleOrigin())
    assert ours(read.rules[0].node) == parsed(yaml.safe_load(body))


@pytest.mark.parametrize(
    "body",
    [
        "x: &x\n  F: a\nselection:\n  <<: *x\n  G: b",
        "x: &x\n  F: a\nselection:\n  <<: *x\n  F: b",
        "x: &x\n  F: &list [a, b]\nselection:\n  G|contains: *list",
        "x: &x\n  F: a\nselection: *x",
        "selection:\n  F: >-\n    a\n    b",
        "selection:\n  F: |\n    a\n    b",
        "selection:\n  F: !!str 5",
        "selection: {F: [a, 'b: c'], 'G|re': '[a-z]'}",
    ],
)
def test_anchors_merges_and_blocks_are_read_as_pysigma_reads_them(body: str) -> None:
    lines = "\n".join(f"  {line}" for line in body.split("\n"))
    text = f"title: t\nlogsource: {{product: windows}}\ndetection:\n{lines}\n  condition: selection\n"
    read = read_contents(text, file="rule.yml", origin=RuleOrigin())
    assert ours(read.rules[0].node) == parsed(yaml.safe_load(text))


def test_a_list_of_thousands_of_values_is_read_as_pysigma_reads_it() -> None:
    agree(document({"F|contains": [f"value {number}" for number in range(5000)]}))
