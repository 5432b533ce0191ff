from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile_text import BIDI, EVIL

from watcher.notify.escaping import (
    MAX_LENGTH,
    bounded_text,
    escape_mrkdwn,
    neutralise_mentions_and_links,
    single_line,
    truncate,
    visible_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("plain", "plain"),
        (4688, "4688"),
        (True, "true"),
        ([1, "two", None], "1, two, "),
        ({"a": [1]}, '{"a": [1]}'),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a[U+000D]b"),
        (BIDI, "[U+202E]"),
        ("\x1b[31m", "[U+001B][31m"),
        ("\ud800", "[U+D800]"),
        ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"),
    ],
)
def test_any_value_is_shown_as_text(value: object, text: str) -> None:
    """Any JSON value is shown as text, and characters that cannot be seen as their code point."""
    assert bounded_text(value) == text


def test_long_text_says_how_much_is_missing() -> None:
    """What is cut is counted in characters of the original."""
    text = bounded_text("x" * 40_000)
    assert len(text) <= MAX_LENGTH
    kept = text.index("…")
    assert text == f"{'x' * kept}… ({40_000 - kept:,} more characters)"


@given(st.text(alphabet=st.characters(), max_size=600), st.integers(min_value=60, max_value=300))
def test_shown_is_bounded_sendable_and_stable(text: str, limit: int) -> None:
    """Whatever comes in, the text stays within its limit, can be encoded, and does not change when shown again."""
    once = bounded_text(text, limit)
    assert len(once) <= limit
    assert once.encode().decode() == once
    assert bounded_text(once, limit) == once


@given(st.text(alphabet=st.characters(), max_size=400))
def test_one_line_is_one_line(text: str) -> None:
    """A subject has no line break and no control character, whatever it is made of."""
    line = single_line(text)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 200
    assert visible_text(line) == line


def test_line_breaks_become_blanks() -> None:
    """A line break in a subject becomes a blank."""
    assert single_line(EVIL["header"]) == "x Bcc: evil@example.com body"


def test_cut_fits_exactly() -> None:
    """Text of just the limit stays whole, one more character is cut."""
    assert truncate("a" * 50, 50) == "a" * 50
    assert truncate("a" * 51, 50) == "a" * 28 + "… (23 more characters)"


def test_slack_markup_is_taken_apart() -> None:
    """In Slack's markup event text opens no link, no mention, no bold and no code."""
    text = escape_mrkdwn(f"{EVIL['everyone']} {EVIL['markup']} a&b")
    assert "<" not in text
    assert "*bold*" not in text
    assert "`code`" not in text
    assert "@everyone" not in text
    assert "a&amp;b" in text
    seen = text.replace("\u200b", "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert seen == f"{EVIL['everyone']} {EVIL['markup']} a&b"


def test_mentions_are_broken_and_nothing_else() -> None:
    """Names that chat services would call are broken; addresses and markup stay as they are."""
    assert neutralise_mentions_and_links("@everyone @HERE <!channel> a@b.example <b>") == (
        "@\u200beveryone @\u200bHERE <\u200b!channel> a@b.example <b>"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@alice, (@bob) @**all** @_**carl**", "@|alice, (@|bob) @|**all** @|_**carl**"),
        ("<users/all> <at>x</at> <#C1> <@&42>", "<|users/all> <|at>x</at> <|#C1> <|@&42>"),
        ("[click](http://evil.example)", "[click]|(http://evil.example)"),
        ("![x](http://evil.example/pixel)", "![x]|(http://evil.example/pixel)"),
        ("[click][1] [1]: http://evil.example", "[click][1] [1]|: http://evil.example"),
        ("<https://evil.example|click> <mailto:a@b.example>", "<|https://evil.example|click> <|mailto:a@b.example>"),
        (
            "http://evil.example a@b.example [x] (y) if ($a[1]) {}",
            "http://evil.example a@b.example [x] (y) if ($a[1]) {}",
        ),
        ("[Convert]::FromBase64String($a[0][1]) [::1]:9200", "[Convert]::FromBase64String($a[0][1]) [::1]:9200"),
        ("x <C:\\a> @{n=1} < 5", "x <C:\\a> @{n=1} < 5"),
    ],
)
def test_mentions_of_users_and_links_under_another_text_are_broken(text: str, expected: str) -> None:
    """Each service's way is broken by a zero-width space, here `|`, once; bare addresses and code stay."""
    broken = neutralise_mentions_and_links(text)
    assert broken.replace("\u200b", "|") == expected
    assert neutralise_mentions_and_links(broken) == broken


def test_shown_text_survives_json() -> None:
    """Shown text can be put into JSON and back."""
    for text in EVIL.values():
        assert json.loads(json.dumps(bounded_text(text))) == bounded_text(text)
