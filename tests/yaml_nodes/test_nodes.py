"""YAML with every duplicate key, and syntax errors with a fix."""

from __future__ import annotations

import tarfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from watcher.errors import InputError, RuleError, SettingsError
from watcher.model import Location
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, to_python
from watcher.yaml_nodes.yaml_documents import YamlDocument, read_documents, read_sources

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "rules.tar.gz"


def mapping(text: str) -> MapNode:
    (document,) = read_documents(text, file="rule.yml")
    assert isinstance(document, MapNode)
    return document


def scalar(written: str) -> ScalarNode:
    value = mapping(f"key: {written}\n").get("key")
    assert isinstance(value, ScalarNode)
    return value


def fault(text: str) -> str:
    with pytest.raises(InputError) as raised:
        read_documents(text, file="rule.yml")
    assert isinstance(raised.value, RuleError)
    return f"{raised.value} [{raised.value.code}]"


def sources(text: str) -> tuple[YamlDocument, ...]:
    return read_sources(text, file="rule.yml")


# --------------------------------------------------------------------------- maps


def test_both_values_of_a_duplicate_key_are_kept_with_their_locations() -> None:
    node = mapping("filter:\n  Image: a\n  User: x\n  Image: b\n").get("filter")
    assert isinstance(node, MapNode)
    assert [to_python(value) for value in node.all("Image")] == ["a", "b"]
    ((first, second),) = node.duplicates()
    assert str(first.key_location) == "rule.yml:2:3"
    assert second.key_location == Location(file="rule.yml", line=4, column=3)
    assert second.value.location == Location(file="rule.yml", line=4, column=10)


def test_get_returns_the_last_of_duplicate_keys_like_to_python() -> None:
    node = mapping("a: 1\na: 2\n")
    last = node.get("a")
    assert last is not None
    assert to_python(last) == to_python(node)["a"] == 2


def test_a_missing_key_is_none_and_not_a_duplicate() -> None:
    node = mapping("a: 1\n")
    assert node.get("b") is None
    assert node.all("b") == ()
    assert node.duplicates() == ()


def test_a_key_keeps_its_source_beside_its_value() -> None:
    (on, number) = mapping("on: 1\n4688: 2\n").entries
    assert (on.key, on.key_text) == (True, "on")
    assert (number.key, number.key_text) == (4688, "4688")


# --------------------------------------------------------------------------- scalars


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("text", "text"),
        ("yes", True),
        ("010", 8),
        ("1e3", "1e3"),
        ("12:30:45", 45045),
        ("0x1F", 31),
        ("4688", 4688),
        ("1.5", 1.5),
        ("~", None),
        ("null", None),
        ("2024/01/02", "2024/01/02"),
        ("2024-01-02", date(2024, 1, 2)),
        ("2024-13-45", "2024-13-45"),  # PyYAML itself dies of this one
        ("2024-01-02 25:00:00", "2024-01-02 25:00:00"),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0b_", "0b_"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_a_scalar_has_its_yaml_1_1_value_and_its_source(written: str, value: object) -> None:
    node = scalar(written)
    assert node.value == value
    assert type(node.value) is type(value)
    assert node.text == written
    assert not node.quoted


def test_an_absent_value_is_none_with_empty_text() -> None:
    node = scalar("")
    assert (node.value, node.text, node.quoted) == (None, "", False)


@pytest.mark.parametrize("written", ["'010'", '"010"', "|-\n  010", ">-\n  010", "!!str 010"])
def test_quotes_blocks_and_a_tag_make_a_string(written: str) -> None:
    node = scalar(written)
    assert node.value == node.text == "010"
    assert node.quoted == (not written.startswith("!"))


# --------------------------------------------------------------------------- anchors


def test_an_alias_has_the_value_of_its_anchor() -> None:
    assert to_python(mapping("a: &list [1, 2]\nb: *list\n")) == {"a": [1, 2], "b": [1, 2]}


def test_a_merge_adds_keys_that_the_mapping_lacks() -> None:
    text = "base: &base {a: 1, b: 2}\nown:\n  a: 3\n  <<: *base\n"
    own = mapping(text).get("own")
    assert isinstance(own, MapNode)
    assert to_python(own) == {"a": 3, "b": 2} == yaml.safe_load(text)["own"]
    assert own.duplicates() == ()


def test_the_first_of_several_merged_mappings_takes_precedence() -> None:
    text = "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nown:\n  <<: [*x, *y]\n"
    assert to_python(mapping(text)) == yaml.safe_load(text)


def test_aliases_of_aliases_are_rejected_before_they_fill_the_memory() -> None:
    lines = ["l0: &l0 [x, x]", *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))]
    assert fault("\n".join(lines)).endswith("the document has more than 100000 values [yaml-size]")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_too_deep_nesting_is_rejected_without_a_crash(opening: str) -> None:
    assert "more than 64 nested mappings and lists [yaml-size]" in fault(opening * 5000)


# --------------------------------------------------------------------------- documents


def test_each_document_comes_with_its_own_source() -> None:
    first, second = sources("# licence\r\na: 1\r\n---\r\n# about b\r\nb: 2\r\n")
    assert (first.line, first.text) == (1, "# licence\r\na: 1\r\n")
    assert (second.line, second.text) == (4, "# about b\r\nb: 2\r\n")
    assert second.value.location.line == 5


def test_a_value_after_the_document_marker_is_part_of_the_source() -> None:
    assert [document.text for document in sources("a: 1\n--- {b: 2}\n")] == ["a: 1\n", "--- {b: 2}\n"]


def test_an_empty_document_is_none_and_a_file_of_comments_has_none() -> None:
    empty, full = read_documents("---\n---\na: 1\n", file="rule.yml")
    assert to_python(empty) is None
    assert to_python(full) == {"a": 1}
    assert read_documents("# nothing\n", file="rule.yml") == ()
    assert read_documents("", file="rule.yml") == ()


def test_a_byte_order_mark_is_dropped_at_every_document() -> None:
    assert [to_python(node) for node in read_documents("\ufeffa: 1\n\ufeff---\nb: 2\n", file="rule.yml")] == [
        {"a": 1},
        {"b": 2},
    ]


def test_a_list_may_be_the_document() -> None:
    (node,) = read_documents("- 1\n- 2\n", file="rule.yml")
    assert isinstance(node, ListNode)
    assert to_python(node) == [1, 2]


# --------------------------------------------------------------------------- tabs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\tb\n", {"a": "b"}),
        ("a: b\t\nc: d\n", {"a": "b", "c": "d"}),
        ("a: 1\n\t\nb: 2\n", {"a": 1, "b": 2}),
        ("filter:\n  \tImage: x\ncondition: filter\n", {"filter": {"Image": "x"}, "condition": "filter"}),
        ("-\tx\n", ["x"]),
    ],
)
def test_an_unambiguous_tab_is_read_and_reported(text: str, value: object) -> None:
    (document,) = sources(text)
    assert to_python(document.value) == value
    assert [finding.code for finding in document.findings] == ["yaml-tab"]
    assert document.text == text


def test_a_tab_inside_a_value_is_part_of_the_value() -> None:
    (document,) = sources("a: 'x\ty'\nb: |\n  x\ty\n")
    assert to_python(document.value) == {"a": "x\ty", "b": "x\ty\n"}
    assert document.findings == ()


def test_a_tab_warning_belongs_to_its_document() -> None:
    first, second = sources("a: 1\n---\nb:\t2\n")
    assert first.findings == ()
    assert [str(finding) for finding in second.findings] == [
        "rule.yml:3:3: warning: a tab was read as spaces; replace it with spaces [yaml-tab]"
    ]


def test_an_ambiguous_tab_is_rejected() -> None:
    assert fault("a:\n  b:\n\tc: 2\n") == (
        "rule.yml:3:1: a tab in the indentation is ambiguous here; indent with spaces [yaml-tab]"
    )


def test_a_tab_in_an_otherwise_invalid_file_is_reported_first() -> None:
    assert fault("a:\tb\nc: %x\n") == (
        "rule.yml:1:3: a tab is used where YAML requires spaces; replace it with spaces [yaml-tab]"
    )


# --------------------------------------------------------------------------- faults

QUOTES = "put the value in single quotes"
SINGLE = "write the value in single quotes, where a backslash is literal"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: %foo", f"1:4: a value may not start with `%`; {QUOTES} [yaml-quote]"),
        ("a: @foo", f"1:4: a value may not start with `@`; {QUOTES} [yaml-quote]"),
        ("a: ,b", f"1:4: a value may not start with `,`; {QUOTES} [yaml-quote]"),
        ("a: *.exe", f"1:4: a value that starts with `*` is read as a reference; {QUOTES} [yaml-quote]"),
        ("a: & b", f"1:4: a value that starts with `&` is read as a reference; {QUOTES} [yaml-quote]"),
        (
            "a: *cmd",
            (
                "1:4: `*cmd` refers to `&cmd`, which is not defined before it; "
                "put a value that starts with `*` in quotes: `'*cmd…'` [yaml-alias]"
            ),
        ),
        ("a: &x [*x]", "1:8: `*x` refers to a value that contains it [yaml-alias]"),
        ('a: "\\d"', f"1:6: `\\d` is not a valid escape sequence in double quotes; {SINGLE} [yaml-quote]"),
        (
            'a: "C:\\xampp"',
            (
                "1:9: a backslash in double quotes starts an escape sequence, and this one is invalid; "
                f"{SINGLE} [yaml-quote]"
            ),
        ),
        (
            "a: 'x\nb: 1",
            (
                "1:4: a quote is opened here and never closed; "
                "close it; a quote inside single quotes is doubled [yaml-quote]"
            ),
        ),
        ("title:x\nb: 1", "1:1: a space is missing after the colon; write `key: value` [yaml-syntax]"),
        (
            "a: b: c",
            (
                "1:5: a second colon is not allowed here; "
                "put a value that contains `: ` in quotes, or compare the indentation with the line above [yaml-syntax]"
            ),
        ),
        (
            "a: 1\nb c\nd: e",
            (
                "2:1: this line is neither `key: value` nor a continuation of the value above; "
                "write a space after the colon, or indent the continuation of a value [yaml-syntax]"
            ),
        ),
        (
            "a:\n  b: 1\n c: 2",
            (
                "3:2: the indentation of this line matches no line above it; "
                "compare the indentation of this line with the lines above it [yaml-indent]"
            ),
        ),
        (
            "a: 'it's'",
            (
                "1:8: text follows after the end of the value; put the whole value in single quotes "
                "and double each quote inside it, or check the indentation [yaml-syntax]"
            ),
        ),
        (
            "a: [1, 2\nb: 3",
            (
                "1:4: a list is opened with `[` here and not closed, or a comma is missing in it; "
                "close it with `]`, or put a value that starts with `[` in quotes [yaml-syntax]"
            ),
        ),
        (
            "a: {b",
            (
                "1:4: a mapping is opened with `{` here and not closed, or a comma is missing in it; "
                "close it with `}`, or put a value that starts with `{` in quotes [yaml-syntax]"
            ),
        ),
        (
            "a: - b",
            (
                "1:4: a value may not start with `- `; "
                "put the value in quotes, or start a list on a line of its own [yaml-syntax]"
            ),
        ),
        (
            "a: !!python/name:os.system x",
            (
                "1:4: the tag `!!python/name:os.system` is not supported; "
                "remove it, or put a value that starts with `!` in quotes [yaml-tag]"
            ),
        ),
        ("a: !x!y b", f"1:4: a value that starts with `!` is read as a tag; {QUOTES} [yaml-tag]"),
        ("a: !!int b", "1:4: `b` is not a valid `!!int` [yaml-tag]"),
        ("? [a]\n: b", "1:3: a key must be a scalar, not a list or a mapping [yaml-syntax]"),
        (
            "<<: 1",
            (
                "1:5: `<<` merges a mapping, and this is not a mapping; "
                "write `<<: *name` with the anchor of a mapping, or put the key `<<` in quotes [yaml-alias]"
            ),
        ),
        (
            "a: 1\nb: \x07",
            (
                "2:4: the character U+0007 is not allowed in a YAML file; "
                "remove it, or write it as an escape sequence in double quotes [yaml-character]"
            ),
        ),
    ],
)
def test_a_syntax_error_has_a_location_and_a_fix(text: str, sentence: str) -> None:
    assert fault(text) == f"rule.yml:{sentence}"


def test_the_caller_chooses_the_class_of_the_fault() -> None:
    with pytest.raises(SettingsError) as raised:
        read_documents("a: %", file="watcher.yml", fault=SettingsError)
    assert raised.value.location == Location(file="watcher.yml", line=1, column=4)


# --------------------------------------------------------------------------- the second opinion


def test_real_rules_read_as_pyyaml_reads_them() -> None:
    """Every file equals what `safe_load_all` reads; the file that it rejects is read with a warning."""
    if not CORPUS.is_file():
        pytest.skip("needs the archive of real rules, shared/data/rules.tar.gz beside the checkout")
    compared, repaired = 0, []
    with tarfile.open(CORPUS) as archive:
        for member in archive:
            if not member.name.endswith((".yml", ".yaml")) or (stream := archive.extractfile(member)) is None:
                continue
            text = stream.read().decode("utf-8-sig")
            documents = read_sources(text, file=member.name)
            repaired += [member.name for document in documents if document.findings]
            try:
                expected = list(yaml.load_all(text, yaml.CSafeLoader))
            except yaml.YAMLError:
                continue
            assert [to_python(document.value) for document in documents] == expected, member.name
            compared += 1
    assert compared > 2000
    assert [Path(name).name for name in repaired] == ["win-os-dump file transfered over SMB share.yaml"]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "on",
            "No",
            "true",
            "TRUE",
            "~",
            "null",
            "Null",
            "yes and no",
            "nothing",
            "of all",
            "0x1F",
            "0b11",
            "017",
        ),
        *("1_000", "-1.5e+3", ".inf", "-.INF", "12:30:45", "2024-01-31", "2024-13-45", "0b_", "1102", "4688a", "Off!"),
        *("2024-01-31 10:00:00.5 +02:00", "1" * 60, f"2024-01-31 {'x' * 60}", "n" * 60, "'on'", '"1"', "! 12"),
    ],
)
def test_a_scalar_has_the_value_of_safe_load_each_time_that_it_is_read(written: str) -> None:
    try:
        expected = yaml.safe_load(f"key: {written}")["key"]
    except ValueError:  # only looks like a date or a number
        expected = written
    for _ in range(2):
        value = scalar(written).value
        assert (type(value), value) == (type(expected), expected)


def test_a_character_that_json_escapes_as_two_surrogates_is_one_character() -> None:
    text = '{"a": "\\ud83d\\udd11 key", "\\ud83d\\udd11": !!str "\\ud83d\\udd11", "b": "\\ud83d", "c": "\\u00e4"}'
    (node,) = read_documents(text, file="rule.yml")
    assert to_python(node) == {"a": "🔑 key", "🔑": "🔑", "b": "\ud83d", "c": "ä"}
