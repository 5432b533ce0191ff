"""Modifiers turn source values into sigma values, or are rejected with the reason."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from watcher.model import (
    SigmaCidr,
    SigmaCompare,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegex,
    SigmaString,
    SigmaTimestampPart,
    SigmaValue,
    Wildcard,
)
from watcher.sigma.modified_values import ModifierError
from watcher.sigma.modifiers import ALLOWED, apply_modifiers

ANY, ONE, DASH = Wildcard.ANY, Wildcard.ONE, Wildcard.DASH
PLACEHOLDERS = {"admins": ("adm_*", "root"), "dc": (r"\\dc1",), "net": ("10.0.0.0/8",), "word": ("a.b", "c")}


def expanded(value: Any, *modifiers: str) -> tuple[SigmaValue, ...]:
    written = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return apply_modifiers(value, written, modifiers, PLACEHOLDERS)


@pytest.mark.parametrize(
    ("value", "modifiers", "expected"),
    [
        # values without modifiers
        ("a*", "", SigmaString(("a", ANY))),
        (5, "", SigmaNumber(5)),
        (5.5, "", SigmaNumber(5.5)),
        (True, "", SigmaString(("true",))),
        (None, "", SigmaNull()),
        ("", "", SigmaNull()),
        (float("inf"), "", SigmaString(("inf",))),  # no number to compare with
        # where in the value
        ("a", "contains", SigmaString((ANY, "a", ANY))),
        ("*a", "contains", SigmaString((ANY, "a", ANY))),
        ("", "contains", SigmaString((ANY,))),  # any value
        ("a", "startswith", SigmaString(("a", ANY))),
        ("a", "endswith", SigmaString((ANY, "a"))),
        (44, "startswith", SigmaString(("44", ANY))),  # a number's digits
        ("a?b", "endswith", SigmaString((ANY, "a", ONE, "b"))),
        # case
        ("Ab", "cased", SigmaString(("Ab",), cased=True)),
        ("Ab", "contains cased", SigmaString((ANY, "Ab", ANY), cased=True)),
        ("Ab", "cased contains", SigmaString((ANY, "Ab", ANY), cased=True)),
        # dashes
        ("-a", "windash", SigmaString((DASH, "a"))),
        (" /a", "windash contains", SigmaString((ANY, " ", DASH, "a", ANY))),
        # regular expressions
        ("a.*", "re", SigmaRegex("a.*")),
        ("a", "re i", SigmaRegex("a", "i")),
        ("a", "re i m s", SigmaRegex("a", "ims")),
        ("a", "re s m i i", SigmaRegex("a", "ims")),  # in any order, each once
        ("a", "re ignorecase multiline dotall", SigmaRegex("a", "ims")),
        (r"\\x\d", "re", SigmaRegex(r"\\x\d")),  # backslashes are the expression's own
        ("a", "re contains", SigmaRegex("a")),  # searched anywhere as it is
        (5, "re", SigmaRegex("5")),
        # encodings
        ("foobar", "base64", SigmaString(("Zm9vYmFy",))),
        ("ping", "wide base64", SigmaString(("cABpAG4AZwA=",))),
        ("ping", "utf16le base64", SigmaString(("cABpAG4AZwA=",))),
        ("ping", "utf16be base64", SigmaString(("AHAAaQBuAGc=",))),
        ("ping", "utf16 base64", SigmaString(("//5wAGkAbgBnAA==",))),  # with a byte-order mark
        ("é", "base64", SigmaString(("w6k=",))),  # UTF-8 without another encoding
        ("ab", "wide", SigmaString(("a\0b\0",))),
        # addresses and numbers
        ("10.0.0.0/8", "cidr", SigmaCidr(ip_network("10.0.0.0/8"))),
        ("10.1.2.3/8", "cidr", SigmaCidr(ip_network("10.0.0.0/8"))),  # host bits are forgiven
        ("::1", "cidr", SigmaCidr(ip_network("::1/128"))),
        (5, "lt", SigmaCompare("lt", 5)),
        (5.5, "lte", SigmaCompare("lte", 5.5)),
        ("0x10", "gt", SigmaCompare("gt", 16)),
        ("7", "gte", SigmaCompare("gte", 7)),
        # the field itself
        (True, "exists", SigmaExists(expected=True)),
        ("no", "exists", SigmaExists(expected=False)),
        (0, "exists", SigmaExists(expected=False)),
        # another field
        ("Other", "fieldref", SigmaFieldReference("Other")),
        ("Other", "fieldref startswith", SigmaFieldReference("Other", "startswith")),
        ("Other", "startswith fieldref", SigmaFieldReference("Other", "startswith")),
        ("Other", "endswith fieldref", SigmaFieldReference("Other", "endswith")),
        ("Other", "fieldref contains", SigmaFieldReference("Other", "contains")),
        ("Other", "contains fieldref", SigmaFieldReference("Other", "contains")),
        ("Other", "fieldref startswith endswith", SigmaFieldReference("Other", "contains")),
        ("Other", "fieldref cased", SigmaFieldReference("Other", cased=True)),
        # parts of a time
        (3, "minute", SigmaTimestampPart("minute", 3)),
        (4, "hour", SigmaTimestampPart("hour", 4)),
        (5, "day", SigmaTimestampPart("day", 5)),
        (6, "week", SigmaTimestampPart("week", 6)),
        (7, "month", SigmaTimestampPart("month", 7)),
        (2026, "year", SigmaTimestampPart("year", 2026)),
        (8, "gte hour", SigmaTimestampPart("hour", 8, "gte")),
        (8, "hour lt", SigmaTimestampPart("hour", 8, "lt")),
        # those that speak of the whole list change no test
        ("a", "all", SigmaString(("a",))),
        ("a", "contains neq", SigmaString((ANY, "a", ANY))),
    ],
)
def test_modifiers_turn_a_value_into_a_sigma_value(value: Any, modifiers: str, expected: SigmaValue) -> None:
    assert expanded(value, *modifiers.split()) == (expected,)


def test_base64offset_results_in_three_alternatives() -> None:
    assert expanded("foobar", "base64offset", "contains") == (
        SigmaString((ANY, "Zm9vYmFy", ANY)),
        SigmaString((ANY, "Zvb2Jhc", ANY)),
        SigmaString((ANY, "mb29iYX", ANY)),
    )


def test_a_chain_of_encodings_is_applied_from_left_to_right() -> None:
    assert expanded("ping", "wide", "base64offset", "contains") == (
        SigmaString((ANY, "cABpAG4AZw", ANY)),
        SigmaString((ANY, "AAaQBuAGcA", ANY)),
        SigmaString((ANY, "wAGkAbgBnA", ANY)),
    )


@pytest.mark.parametrize(
    ("value", "modifiers", "expected"),
    [
        ("%admins%", "expand", (SigmaString(("adm_", ANY)), SigmaString(("root",)))),  # values are strings of a rule
        ("%admins%", "contains expand", (SigmaString((ANY, "adm_", ANY, ANY)), SigmaString((ANY, "root", ANY)))),
        ("%admins%", "expand contains", (SigmaString((ANY, "adm_", ANY)), SigmaString((ANY, "root", ANY)))),
        (r"C:\Users\%admins%", "expand", (SigmaString(("C:\\Users\\adm_", ANY)), SigmaString(("C:\\Users\\root",)))),
        ("%dc%-%word%", "expand", (SigmaString((r"\dc1-a.b",)), SigmaString((r"\dc1-c",)))),  # every choice of values
        ("50% of 100%", "expand", (SigmaString(("50% of 100%",)),)),  # no placeholder
        (
            "-x %word%",
            "windash expand",
            (SigmaString((DASH, "x a.b")), SigmaString((DASH, "x c"))),
        ),  # the dash stays open
        ("^%word%$", "re expand", (SigmaRegex("^a.b$"), SigmaRegex("^c$"))),
        ("%net%", "expand cidr", (SigmaCidr(ip_network("10.0.0.0/8")),)),
        ("%word%", "", (SigmaString(("%word%",)),)),  # without `expand` a percent sign is one
    ],
)
def test_placeholders_take_the_values_of_settings(value: str, modifiers: str, expected: tuple[SigmaValue, ...]) -> None:
    assert expanded(value, *modifiers.split()) == expected


def test_a_backslash_before_a_placeholder_escapes_nothing_of_its_value() -> None:
    values = apply_modifiers(r"C:\%any%", r"C:\%any%", ("expand",), {"any": ("*x",)})
    assert values == (SigmaString(("C:\\", ANY, "x")),)


NAMES = ", ".join(ALLOWED)


@pytest.mark.parametrize(
    ("value", "modifiers", "sentence"),
    [
        ("a", "contain", f"unknown modifier `contain`; the modifiers are {NAMES}"),
        ("a", "contains foo", f"unknown modifier `foo`; the modifiers are {NAMES}"),
        ("a", "contains re", "`re` must be the first modifier"),
        ("(", "re", "`(` is not a valid regular expression: missing ), unterminated subpattern at position 0"),
        (None, "re", "`re` needs a value, and the value is null"),
        (None, "contains", "`contains` needs a value, and the value is null"),
        ("a", "i", "`i` must follow `re`"),
        ("a", "contains m", "`m` must follow `re`"),
        ("a*", "base64", "`base64` cannot encode wildcards"),
        ("a?", "wide base64", "`wide` cannot encode wildcards"),
        ("é", "wide", "`wide` results in bytes that are not a string; add `base64offset` after it"),
        ("a", "utf16", "`utf16` results in bytes that are not a string; add `base64offset` after it"),
        ("a", "base64offset", "`base64offset` needs a longer value: too short to have a fixed Base64 character"),
        (
            "10.0.0.0/33",
            "cidr",
            "`cidr` needs a network such as `10.0.0.0/8`: '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
        ),
        ("a", "lt", "`lt` needs a number"),
        (True, "gte", "`gte` needs a number"),
        ("a", "contains gt", "`gt` needs a number"),
        ("a", "hour", "`hour` needs a number"),
        (5.5, "hour", "`hour` needs an integer"),
        ("maybe", "exists", "`exists` needs `true` or `false`"),
        (None, "exists", "`exists` needs `true` or `false`"),
        (5, "lt contains", "`contains` needs a string, which the modifiers before it do not result in"),
        ("10.0.0.0/8", "cidr windash", "`windash` needs a string, which the modifiers before it do not result in"),
        ("a", "re cased", "`cased` needs a string, which the modifiers before it do not result in"),
        ("a", "contains cidr", "`cidr` must be the first modifier"),
        (
            "%nobody%",
            "expand",
            "the placeholder `%nobody%` has no values; add them in settings under `placeholders`",
        ),
        (
            "%nobody%",
            "contains expand",
            "the placeholder `%nobody%` has no values; add them in settings under `placeholders`",
        ),
    ],
)
def test_a_modifier_that_does_not_fit_is_rejected(value: Any, modifiers: str, sentence: str) -> None:
    with pytest.raises(ModifierError) as raised:
        expanded(value, *modifiers.split())
    assert str(raised.value) == sentence


def test_every_modifier_of_the_specification_is_known() -> None:
    specified = (
        "all base64 base64offset cased cidr contains day endswith exists expand fieldref gt gte hour i lt lte m minute "
        "month neq re s startswith utf16 utf16be utf16le week wide windash year"
    )
    assert set(specified.split()) <= set(ALLOWED)


@pytest.mark.parametrize("modifier", ["contains", "startswith", "endswith"])
@pytest.mark.parametrize("text", ["", "a", "*", "*a", "a*", r"\*", r"a\\b", r"a\b", "a?b"])
def test_a_modifier_alone_and_beside_one_for_all_values_result_in_the_same(modifier: str, text: str) -> None:
    assert apply_modifiers(text, text, (modifier,), {}) == apply_modifiers(text, text, (modifier, "all"), {})
