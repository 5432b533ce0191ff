"""The parse tree of an expression: each construct has its type, and literals and classes match as in Python."""

from __future__ import annotations

import re

import pytest

from watcher.match.regex_tree import (
    Anchor,
    AtomicGroup,
    Backreference,
    Branches,
    CharacterClass,
    Conditional,
    Failure,
    Greed,
    Group,
    Literal,
    LookAround,
    RegexPart,
    Repeat,
    inner_parts,
    parse_regex,
    walk_regex,
)

A, B = Literal(ord("a")), Literal(ord("b"))


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("ab", (A, B)),
        ("(?:ab)", (A, B)),  # Python's parser removes a group without effect
        ("^a$", (Anchor.START, A, Anchor.END)),
        (r"\Aa\Z", (Anchor.STRING_START, A, Anchor.STRING_END)),
        (r"\ba\B", (Anchor.BOUNDARY, A, Anchor.NO_BOUNDARY)),
        ("(a)", (Group(1, 0, 0, (A,)),)),
        ("(?i:a)", (Group(None, int(re.IGNORECASE), 0, (A,)),)),
        ("(?-s:a)", (Group(None, 0, int(re.DOTALL), (A,)),)),
        ("aa|bb", (Branches(((A, A), (B, B))),)),
        ("a*", (Repeat(0, None, Greed.GREEDY, (A,)),)),
        ("a{2,3}?", (Repeat(2, 3, Greed.LAZY, (A,)),)),
        ("a++", (Repeat(1, None, Greed.POSSESSIVE, (A,)),)),
        ("(?=a)", (LookAround(is_ahead=True, is_negated=False, parts=(A,)),)),
        ("(?!a)", (LookAround(is_ahead=True, is_negated=True, parts=(A,)),)),
        ("(?<=a)", (LookAround(is_ahead=False, is_negated=False, parts=(A,)),)),
        ("(?<!a)", (LookAround(is_ahead=False, is_negated=True, parts=(A,)),)),
        ("(?>ab)", (AtomicGroup((A, B)),)),
        (r"(a)\1", (Group(1, 0, 0, (A,)), Backreference(1))),
        ("(a)(?(1)a|b)", (Group(1, 0, 0, (A,)), Conditional(1, (A,), (B,)))),
        ("(a)(?(1)b)", (Group(1, 0, 0, (A,)), Conditional(1, (B,), None))),
        ("(?!)", (Failure(),)),
    ],
)
def test_each_construct_has_its_type(pattern: str, parts: tuple[RegexPart, ...]) -> None:
    assert parse_regex(pattern).parts == parts


@pytest.mark.parametrize("pattern", [".", "[abc]", "[^a]", "[^ab]", r"\d", r"\D", r"[\w.-]", r"[^\s\\]", "[]^]", r"\W"])
def test_a_character_class_matches_the_same_characters_as_in_python(pattern: str) -> None:
    (part,) = parse_regex(pattern).parts
    assert isinstance(part, CharacterClass)
    characters = [chr(code_point) for code_point in range(0x3000)]
    assert [bool(re.fullmatch(part.pattern, character)) for character in characters] == [
        bool(re.fullmatch(pattern, character)) for character in characters
    ]


@pytest.mark.parametrize("character", ["a", "]", "\\", "\n", "é", "\U0001f600", "\ud800"])
def test_the_expression_of_a_literal_matches_it(character: str) -> None:
    (part,) = parse_regex(re.escape(character)).parts
    assert isinstance(part, Literal)
    assert re.fullmatch(part.pattern, character)


def test_flags_of_the_rule_and_of_the_expression_are_joined() -> None:
    assert parse_regex("(?s)a", "im").flags & ~re.UNICODE == re.IGNORECASE | re.MULTILINE | re.DOTALL


def test_walk_yields_every_part_once() -> None:
    tree = parse_regex("(?:a(b)|c+)(?=d)(?(1)e|f)(?>g)(?i:h)")
    literals = [chr(part.code_point) for part in walk_regex(tree.parts) if isinstance(part, Literal)]
    assert literals == list("abcdefgh")
    assert all(inner_parts(part) == () for part in walk_regex(tree.parts) if isinstance(part, Literal))


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "*"])
def test_an_invalid_expression_is_refused_as_by_python(pattern: str) -> None:
    with pytest.raises(re.error):
        re.compile(pattern)
    with pytest.raises(re.error):
        parse_regex(pattern)
