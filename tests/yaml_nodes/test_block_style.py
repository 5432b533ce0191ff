"""The reader of plain block style and libyaml agree about every text that both read."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.errors import RuleError
from watcher.yaml_nodes.block_style import read_block_style
from watcher.yaml_nodes.node_builder import build_parsed_nodes

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY.parent / "shared" / "data" / "rules.tar.gz"

READ = (
    "a: 1\n",
    "a: 1",
    "a: on\n1: 0x1f\n2024-01-02: 010\nnull: ~\n_x|re: 1:30\n",
    "a:\nb:   # remark\n",
    "a:\n  b:\n      c: x\n  d: y\ne: z\n",
    "a:\n- x\n- y\nb:\n  - z\n",
    "- a: 1\n  b:\n  - 2\n-   c: 3\n    d: 4\n- e\n",
    "a: 'it''s'\nb: \"x: y # z\"\nc: ''\nd: \"\"\n",
    "a: http://host/#part\nb: x'y\"z\nc: C:\\x\\y\nd: -enc\ne: a,b]\n",
    "# remark\n\n  # another\na: x  # third\n   \nb: y#z   \n",
    "a: |\n  text\n\n    deeper\n  # text\nb: |-\n    text\n\n\nc:\n  - |\n   text\n",
    "a: |\n\n \n  text\n   \n    \nb: 1\n",
    "  a: 1\n  b: 2\n",
    "é: ü\nb: \U0001f600\n",
)
NOT_READ = (
    "",
    "# remark\n",
    "word\n",
    "a: &x 1\nb: *x\n",
    "a: !!str 1\n",
    "a: [1, 2]\nb: {c: d}\n",
    'a: "x\\n"\n',
    "a: one\n  two\n",
    "a: 'one\n  two'\n",
    "a: >\n  folded\n",
    "a: |+\n  kept\n\n",
    "a: |2\n    text\n",
    "a: |\nb: 1\n",
    "a: |\n    \n  text\n",
    "a: |\n  text",
    "a: 1\n---\nb: 2\n",
    "--- \na: 1\n",
    "a:\t1\n",
    "a: 1\r\nb: 2\r\n",
    "a: x\u2028b: y\n",
    "- - a\n",
    "-\n  a: 1\n",
    "? a\n: b\n",
    "<<: x\n",
    "'a': 1\n",
    "a b: 1\n",
    "a: b: c\n",
    "a: 'x' y\n",
    "a: 'x'#y\n",
    "a:\n    b: 1\n  c: 2\n",
    "a: 1\n b: 2\n",
    "- a\nb: 1\n",
    "%YAML 1.1\n",
    "a: @x\n",
    "".join(f"{' ' * level}a:\n" for level in range(30)),
)


def assert_agreement(text: str) -> bool:
    """Whether the reader of block style reads a text; what it reads is what PyYAML reads."""
    document = read_block_style(text, file="rule.yml")
    if document is None:
        return False
    parsed = build_parsed_nodes(text, file="rule.yml", fault=RuleError)
    assert repr((document,)) == repr(parsed)  # equal numbers and booleans are printed differently
    return True


@pytest.mark.parametrize("text", READ)
def test_plain_block_style_is_read(text: str) -> None:
    assert assert_agreement(text)


@pytest.mark.parametrize("text", NOT_READ)
def test_anything_else_is_left_to_libyaml(text: str) -> None:
    assert read_block_style(text, file="rule.yml") is None


def test_a_text_with_more_lines_than_a_document_may_have_values_is_left_to_libyaml() -> None:
    assert read_block_style("a:\n" + "- x\n" * 25_000, file="rule.yml") is None


def test_a_line_of_many_spaces_is_read_in_no_time() -> None:
    assert read_block_style(f"a: b{' ' * 200_000}: c\n", file="rule.yml") is None
    assert read_block_style(f"a: b{' ' * 200_000}\n", file="rule.yml") is not None


def yaml_files() -> Iterator[str]:
    """Yield the text of every YAML file of the repository, and of a collection of rules where it is present."""
    for folder in ("rules", "examples", "tests", "deploy", "watcher"):
        for path in sorted((REPOSITORY / folder).rglob("*.y*ml")):
            yield path.read_text(encoding="utf-8", errors="replace")
    if CORPUS.exists():
        with tarfile.open(CORPUS) as archive:
            for member in archive:
                if member.name.endswith((".yml", ".yaml")) and (file := archive.extractfile(member)) is not None:
                    yield file.read().decode("utf-8", "replace")


def test_every_file_has_one_meaning() -> None:
    assert sum(map(assert_agreement, yaml_files())) >= 20


@pytest.mark.skipif(not CORPUS.exists(), reason="the collection of rules is not present")
def test_nearly_all_rules_of_a_collection_are_read_without_libyaml() -> None:
    texts = list(yaml_files())
    assert sum(read_block_style(text, file="rule.yml") is not None for text in texts) > 0.9 * len(texts)


# --------------------------------------------------------------------------- random texts

_KEYS = ("a", "b|re", "1", "on", "null", "a b", "'q'", "<<", "?", "é", "2024-01-01", "-k", "=")
_COLONS = (": ", ": ", ":", ":  ", " :", " : ", "::")
_VALUES = (
    *("", "x", "'y'", "'it''s'", '"z"', '"\\n"', "|", "|-", ">", "|+", "|2", "# c", " # c", "x # c", "x#c", "'x'#c"),
    *(
        "&x",
        "*x",
        "!t",
        "[a]",
        "{a: b}",
        "-",
        "-x",
        "- x",
        "?",
        "?x",
        ":",
        ":x",
        "a: b",
        "http://x",
        "x ",
        "010",
        "0x1f",
    ),
    *("~", "2024-13-45", "1:30", "%x", "@x", "`x", "---", "...", ".", "<<", "\tx", "x\u2028y", "\xa0x", "é", "a,b"),
    *('"', "'", '"a" b', "\\", "C:\\x", "*.exe", "#", "| x", "''", "1e3", "+1", "x:", "a:#b", "a #:b"),
)
_LINES = st.builds(
    "".join,
    st.tuples(
        st.integers(0, 6).map(lambda width: " " * width),
        st.sampled_from(("", "", "- ", "-   ", "-", "- - ")),
        st.one_of(st.just(""), st.builds(str.__add__, st.sampled_from(_KEYS), st.sampled_from(_COLONS))),
        st.sampled_from(_VALUES),
    ),
)
_INSERTED = st.sampled_from(
    (
        " ",
        "  ",
        "\n",
        "-",
        ":",
        "#",
        "'",
        '"',
        "|",
        "- ",
        ": ",
        ">",
        "&",
        "*",
        "!",
        "[",
        "x",
        "\t",
        "\r",
        "?",
        " #",
        "\n#",
    )
)
_TEMPLATE = (
    "title: A\nlogsource:\n  product: windows\ndetection:\n  selection:\n    - Image|endswith:\n        - '\\a.exe'\n"
    '        - "b"\n      User: -x\n  filter:\n    Id: 4688\n  condition: selection  # and more\ndescription: |\n'
    "  Two\n\n  lines\nlevel: high\n"
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_LINES, min_size=1, max_size=8), st.sampled_from(("\n", "", "\n\n", "\n  ", "\r\n")))
def test_random_lines_have_one_meaning(lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    assert_agreement(text)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(_TEMPLATE)), st.integers(0, 3), _INSERTED), min_size=1, max_size=3))
def test_a_changed_rule_has_one_meaning(changes: list[tuple[int, int, str]]) -> None:
    text = _TEMPLATE
    for start, removed, inserted in changes:
        text = text[:start] + inserted + text[start + removed :]
    assert_agreement(text)
