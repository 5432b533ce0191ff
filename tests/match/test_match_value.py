"""One test of a rule against one value."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from watcher.match.matchers import (
    cidr_matcher,
    comparison_matcher,
    fold,
    number_matcher,
    regex_matcher,
    string_matcher,
    timestamp_matcher,
)
from watcher.model import SigmaCidr, SigmaCompare, SigmaNumber, SigmaRegex, SigmaString, SigmaTimestampPart, Wildcard
from watcher.sigma.sigma_strings import any_dash, parse_sigma_string
from watcher.timestamps import parse_timestamp, timestamp_part


def matches(written: str, value: str) -> bool:
    return string_matcher(parse_sigma_string(written))(fold(value))


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        ("cmd.exe", "CMD.EXE", True),  # case does not count
        ("cmd.exe", "cmd.exe ", False),  # the whole value
        ("cmd", "cmd.exe", False),
        ("*cmd*", "x\ncmd\ny", True),  # any run, newlines too
        ("a*b", "a\nb", True),
        ("a*b", "ab", True),  # the empty run
        ("a?b", "acb", True),  # one character
        ("a?b", "ab", False),
        ("a?b", "a\nb", True),
        ("?", "é", True),
        ("*", "", True),
        ("a.b", "axb", False),  # a dot is a dot
        (r"\*", "*", True),  # escaped
        (r"\*", "x", False),
        ("[a]", "[A]", True),  # brackets have no meaning
        ("*.ps1", "C:\\x.PS1", True),
        ("c:\\win*", "C:\\Windows", True),
        ("*a*b*", "xbxa", False),  # in order
        ("É", "é", True),  # letters outside ASCII fold as well
        ("straße", "STRASSE", False),  # but one character stays one
        ("k", "\N{KELVIN SIGN}", False),  # and none becomes ASCII
        ("İ", "i", False),
    ],
)
def test_a_text_is_compared_with_the_whole_value(written: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert matches(written, value) is expected


def test_a_cased_text_compares_every_letter() -> None:
    cased = SigmaString((Wildcard.ANY, "IEX"), cased=True)
    assert string_matcher(cased)("x IEX")
    assert not string_matcher(cased)("x iex")


@pytest.mark.parametrize("dash", ["-", "/", "\N{EN DASH}", "\N{EM DASH}", "\N{HORIZONTAL BAR}"])
def test_windash_means_every_character_that_windows_takes_for_a_dash(dash: str) -> None:
    test = string_matcher(any_dash(parse_sigma_string("* -urlcache*")))
    assert test(f"certutil {dash}urlcache")


def test_windash_means_no_other_character() -> None:
    assert not string_matcher(any_dash(parse_sigma_string("-a")))("_a")
    assert not string_matcher(any_dash(parse_sigma_string("-a")))("\N{HYPHEN}a")


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        (5, "5", True),
        (5, "5.0", False),
        (5.0, "5", True),
        (5.5, "5.5", True),
        (5, "0x5", False),  # no conversion
        (5, "05", True),  # both are whole
        (5, "+5", True),
        (5, "-5", False),
        (5, "0" * 39 + "5", True),
        (5, "0" * 40 + "5", False),  # no number that anybody writes
        (0, "-0", True),
        (0, "000", True),
        (-1, "-1", True),
        (-1, "-01", True),
        (5.5, "05.5", False),
        (5, " 5", False),
        (5, "", False),
        (5, "a", False),
    ],
)
def test_a_number_equals_its_text_and_the_same_whole_number(number: float, value: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert number_matcher(SigmaNumber(number))(value) is expected


@pytest.mark.parametrize(
    ("pattern", "flags", "value", "expected"),
    [
        ("b+", "", "abbc", True),  # anywhere
        ("^b", "", "ab", False),
        ("B", "", "b", False),  # case counts
        ("B", "i", "b", True),
        ("^b", "", "a\nb", False),
        ("^b", "m", "a\nb", True),
        ("a.b", "", "a\nb", False),
        ("a.b", "s", "a\nb", True),
    ],
)
def test_an_expression_is_searched_with_its_flags(pattern: str, flags: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert regex_matcher(SigmaRegex(pattern, flags))(value) is expected


@pytest.mark.parametrize(
    ("network", "value", "expected"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),  # IPv4 in IPv6's clothes
        ("fe80::/10", "FE80::1", True),
        ("fe80::/10", "10.1.2.3", False),
        ("10.0.0.0/8", "-", False),  # no address
        ("10.0.0.0/8", "10.1.2.3:80", False),
        ("10.0.0.0/8", " 10.1.2.3 ", True),
        ("::ffff:0:0/96", "10.1.2.3", False),
    ],
)
def test_an_address_lies_in_a_network(network: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert cidr_matcher(SigmaCidr(ip_network(network)))(value) is expected


@pytest.mark.parametrize(
    ("operator", "bound", "value", "expected"),
    [
        ("lt", 5, "4", True),
        ("lt", 5, "5", False),
        ("lte", 5, "5", True),
        ("gt", 5, "10", True),  # numbers, not texts
        ("gte", 5, "5", True),
        ("gt", 15, "0x10", True),  # hexadecimal
        ("gt", 5, "5.5", True),
        ("lt", 5, "a", False),  # no number
        ("gte", 5, "", False),
        ("gt", 5, "nan", False),
        ("gt", 2**63, str(2**64), True),  # however large
    ],
)
def test_a_number_is_compared_as_a_number(operator: str, bound: int, value: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert comparison_matcher(SigmaCompare(operator, bound))(value) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-23T14:05:06.789Z", "2026-11-23T14:05:06.789000+00:00"),
        ("2026-11-23T14:05:06.123456789Z", "2026-11-23T14:05:06.123456+00:00"),  # nanoseconds are cut
        ("2026-11-23T14:05:06+02:00", "2026-11-23T12:05:06+00:00"),
        ("2026-11-23 14:05:06", "2026-11-23T14:05:06+00:00"),  # without a zone it is UTC
        ("1795443906789", "2026-11-23T14:25:06.789000+00:00"),  # milliseconds
        ("yesterday", None),
        ("99999999999999999999", None),
        ("9999-12-31T23:59:59-03:00", None),  # in UTC it is after the last year
        ("0001-01-01T00:00:00+05:00", None),
    ],
)
def test_a_time_is_read_in_the_forms_that_events_have(written: str, expected: str | None) -> None:
    result = parse_timestamp(written)
    assert (result.isoformat() if result else None) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [("minute", 5), ("hour", 14), ("day", 23), ("week", 48), ("month", 11), ("year", 2026)],
)
def test_a_time_has_its_parts(part: str, expected: int) -> None:
    written = "2026-11-23T14:05:06Z"
    assert timestamp_part(written, part) == expected
    assert timestamp_matcher(SigmaTimestampPart(part, expected))(written)
    assert not timestamp_matcher(SigmaTimestampPart(part, expected + 1))(written)
    assert timestamp_matcher(SigmaTimestampPart(part, expected + 1, "lt"))(written)
    assert timestamp_matcher(SigmaTimestampPart(part, expected, "lte"))(written)
    assert timestamp_matcher(SigmaTimestampPart(part, expected - 1, "gt"))(written)
    assert timestamp_matcher(SigmaTimestampPart(part, expected, "gte"))(written)
    assert not timestamp_matcher(SigmaTimestampPart(part, expected))("no time")
