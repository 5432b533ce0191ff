r"""Strings of a rule: `*` and `?` are wildcards, `\` escapes only them and itself."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import SigmaString, Wildcard
from watcher.sigma.sigma_strings import (
    any_dash,
    base64,
    base64_offsets,
    literal,
    open_end,
    open_start,
    parse_sigma_string,
)

ANY, ONE, DASH = Wildcard.ANY, Wildcard.ONE, Wildcard.DASH


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("plain", ("plain",)),  # no wildcard
        ("", ()),  # nothing
        ("*", (ANY,)),  # only a wildcard
        ("a*b?c", ("a", ANY, "b", ONE, "c")),  # both
        ("**", (ANY, ANY)),  # kept as written
        (r"\*", ("*",)),  # escaped
        (r"\?", ("?",)),  # escaped
        (r"a\*b*", ("a*b", ANY)),  # escaped and not
        (r"C:\Windows\cmd.exe", (r"C:\Windows\cmd.exe",)),  # a backslash before another character is itself
        (r"\\server", (r"\server",)),  # doubled
        (r"\\\\server", (r"\\server",)),  # four are two
        (r"\\*", ("\\", ANY)),  # an escaped backslash, then a wildcard
        (r"\\\*", (r"\*",)),  # an escaped backslash, then an escaped asterisk
        ("end\\", ("end\\",)),  # at the end
        ("a\n*", ("a\n", ANY)),  # newlines are ordinary
        ("é?ß", ("é", ONE, "ß")),  # other alphabets too
    ],
)
def test_a_string_is_parsed_into_literals_and_wildcards(written: str, parts: tuple[object, ...]) -> None:
    assert parse_sigma_string(written).parts == parts


@pytest.mark.parametrize("written", ["a*b?c", r"\*\?", r"C:\Windows\*", r"\\\\x", "*", "x\\"])
def test_a_string_round_trips_through_its_source_form(written: str) -> None:
    text = parse_sigma_string(written)
    assert parse_sigma_string(str(text)) == text


def test_a_wildcard_is_added_only_where_none_is() -> None:
    assert open_start(parse_sigma_string("a")).parts == (ANY, "a")
    assert open_start(parse_sigma_string("*a")).parts == (ANY, "a")
    assert open_end(parse_sigma_string("a")).parts == ("a", ANY)
    assert open_end(parse_sigma_string("a*")).parts == ("a", ANY)
    assert open_end(parse_sigma_string(r"a\*")).parts == ("a*", ANY)  # an escaped `*` is not a wildcard
    assert open_end(SigmaString(("A",), cased=True)) == SigmaString(("A", ANY), cased=True)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("-a", (DASH, "a")),  # at the start
        ("/a", (DASH, "a")),  # a slash as well
        (" -a /b", (" ", DASH, "a ", DASH, "b")),  # several
        ("-foo-bar", (DASH, "foo-bar")),  # inside a word it stays
        ("a- b", ("a- b",)),  # before no word it stays
        ("--a", ("-", DASH, "a")),  # only the last dash precedes the word
        ("*-a", (ANY, DASH, "a")),  # behind a wildcard
        ("x", ("x",)),  # none
    ],
)
def test_windash_replaces_the_dashes_before_a_word(written: str, parts: tuple[object, ...]) -> None:
    assert any_dash(parse_sigma_string(written)).parts == parts


def test_a_string_without_wildcards_is_a_literal() -> None:
    assert literal(parse_sigma_string("a")) == "a"
    assert literal(parse_sigma_string("")) == ""
    assert literal(parse_sigma_string("a*")) is None


def test_base64_uses_the_standard_alphabet() -> None:
    assert base64(b"foobar") == SigmaString(("Zm9vYmFy",))


@pytest.mark.parametrize("length", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("before", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_base64offset_form_occurs_at_any_position(length: int, before: int, after: int) -> None:

    data = b"payload!"[:length]
    encoded = b64encode(b"x" * before + data + b"y" * after).decode()
    form = base64_offsets(data)[before % 3]
    assert str(form.parts[0]) in encoded


@given(st.text(alphabet="\\*?ab\n", max_size=12))
def test_a_string_is_read_character_by_character(source: str) -> None:
    parts: list[str | Wildcard] = []
    position = 0
    while position < len(source):
        escape = source[position] == "\\" and source[position + 1 : position + 2] in ("\\", "*", "?")
        position += escape
        sign = source[position]
        wildcard = None if escape else {"*": Wildcard.ANY, "?": Wildcard.ONE}.get(sign)
        if wildcard is not None:
            parts.append(wildcard)
        elif parts and isinstance(parts[-1], str):
            parts[-1] += sign
        else:
            parts.append(sign)
        position += 1
    assert parse_sigma_string(source).parts == tuple(parts)
