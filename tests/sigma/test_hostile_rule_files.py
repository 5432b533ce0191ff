"""Rule files written to stop watcher: each is its own trouble, and the rule beside it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rule_fixtures import ID

from watcher.model import Severity
from watcher.sigma.condition_size import MAX_NODES, tree_size
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders

OTHER = "df0841c0-9846-4e9f-ad8a-7df91571771b"
START = "title: t\nlogsource: {product: windows, category: process_creation}\n"
GOOD = f"{START}id: {ID}\ndetection:\n  sel:\n    Image: x\n  condition: sel\n"


def rule(item: str = "Image: x", condition: str = "sel") -> str:
    return f"{START}id: {OTHER}\ndetection:\n  sel:\n    {item}\n  condition: {condition}\n"


def many_conditions() -> str:
    selections = "".join(f"  s{number}:\n    Image: x\n" for number in range(1000))
    return f"{START}detection:\n{selections}  condition:\n" + "    - all of them\n" * 600


def loaded(path: Path) -> LoadedRules:
    return read_folders([read_folder("mine", path)])


def errors(rules: LoadedRules) -> list[str]:
    return [finding.message for finding in rules.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(rule(condition="(" * 250 + "sel" + ")" * 250), "64 levels", id="parentheses"),
        pytest.param(rule(condition="not " * 1500 + "sel"), "64 levels", id="not"),
        pytest.param(rule(condition="not " * 5000 + "sel"), "2000 words", id="words"),
        pytest.param(rule(condition="(sel)or" * 5000 + "sel"), "2000 words", id="words-without-spaces"),
        pytest.param(many_conditions(), "10000 detection items", id="conditions-of-all-selections"),
        pytest.param(
            f"{START}detection:\n" + "".join(f"  s{number}: x\n" for number in range(2001)) + "  condition: s1\n",
            "2001 selections",
            id="selections",
        ),
        pytest.param(rule("X|gt: " + "9" * 400), "hundreds of digits", id="comparison"),
        pytest.param(rule("X|gt: 0x" + "f" * 4000), "hundreds of digits", id="hexadecimal-comparison"),
        pytest.param(rule("X|minute: " + "9" * 400), "hundreds of digits", id="part-of-a-time"),
        pytest.param(rule(f"X: !!int '{'9' * 5000}'"), "more characters", id="tag"),
    ],
)
def test_a_rule_beyond_the_limits_is_an_error_and_the_rule_beside_it_is_read(
    tmp_path: Path, text: str, error: str
) -> None:
    (tmp_path / "bad.yml").write_text(text, encoding="utf-8")
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    rules = loaded(tmp_path)
    assert [read.path for read in rules.rules] == ["good.yml"]
    (message,) = errors(rules)
    assert error in message
    assert len(message) < 500


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("EventID: " + "9" * 400, id="digits"),
        pytest.param("EventID: " + "9" * 10_000, id="more-digits-than-python-converts"),
        pytest.param("EventID: 0x" + "f" * 400, id="hexadecimal"),
        pytest.param("X: 1" + ":59" * 20_000, id="sexagesimal"),
        pytest.param("X: 1e99999999", id="exponent"),
    ],
)
def test_a_number_that_no_engine_stores_is_compared_as_text(tmp_path: Path, item: str) -> None:
    (tmp_path / "bad.yml").write_text(rule(item), encoding="utf-8")
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    rules = loaded(tmp_path)
    assert [read.path for read in rules.rules] == ["bad.yml", "good.yml"]
    assert errors(rules) == []


def test_a_selection_that_appears_thousands_of_times_is_one_node_of_all(tmp_path: Path) -> None:
    text = f"{START}id: {ID}\ndetection:\n" + "  s:\n    Image: x\n" * 5000 + "  condition: s\n"
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    (read,) = loaded(tmp_path).rules
    assert tree_size(read.node) == 5001


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a folder"])
def test_what_is_no_regular_file_is_an_error_and_never_opened(tmp_path: Path, kind: str) -> None:
    bad = tmp_path / "bad.yml"
    if kind == "pipe":
        os.mkfifo(bad)
    else:
        bad.symlink_to("/dev/zero" if kind == "device" else tmp_path)
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    rules = loaded(tmp_path)
    assert [read.path for read in rules.rules] == ["good.yml"]
    # a link to a folder is no file of a folder, and is not followed
    assert errors(rules) == ([] if kind == "link to a folder" else ["the file cannot be read: it is no regular file"])


def test_a_name_that_is_not_utf8_is_an_error_that_can_be_printed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.yml")).write_text(rule(), encoding="utf-8")
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    rules = loaded(tmp_path)
    assert [read.path for read in rules.rules] == ["good.yml"]
    (finding,) = [finding for finding in rules.findings if finding.severity is Severity.ERROR]
    assert str(finding).encode().endswith(b"its name is not valid UTF-8; rename the file [unreadable]")
    assert "\\xff\\xfe.yml" in finding.location.file


def test_hundreds_of_filters_lie_side_by_side_and_are_named_up_to_a_number(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    for number in range(300):
        (tmp_path / f"f{number:03}.yml").write_text(
            f"title: f{number}\nlogsource: {{product: windows, category: process_creation}}\n"
            "filter:\n  rules: any\n  s: {User: a}\n  condition: not s\n",
            encoding="utf-8",
        )
    (read,) = loaded(tmp_path).rules
    assert tree_size(read.node) == 602
    filtered = [finding.message for finding in read.findings if finding.code == "filtered"]
    assert len(filtered) == 10
    assert filtered[-1] == f"291 more filters narrow the rule `{read.title}`"


def test_a_filter_that_makes_a_rule_too_large_is_not_applied_and_an_error(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD, encoding="utf-8")
    items = "".join(f"    - User: a{number}\n" for number in range(MAX_NODES - 10))
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text(
            f"title: {name}\nlogsource: {{product: windows, category: process_creation}}\n"
            f"filter:\n  rules: any\n  s:\n{items}  condition: not s\n",
            encoding="utf-8",
        )
    (read,) = loaded(tmp_path).rules
    too_large = [finding.message for finding in read.findings if finding.severity is Severity.ERROR]
    assert [message.split(",")[0] for message in too_large] == ["with the filter `b`"]
    assert tree_size(read.node) <= MAX_NODES
