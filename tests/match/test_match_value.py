"""One test of a rule against one value."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from watcher.match.instant import instant, part_of
from watcher.match.value import fold, on_cidr, on_compare, on_number, on_regex, on_text, on_time
from watcher.model import Cidr, Compare, Number, Regex, Text, TimePart, Wildcard
from watcher.read.text import any_dash, parse_text


def matches(written: str, value: str) -> bool:
    return on_text(parse_text(written))(fold(value))


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
    cased = Text((Wildcard.ANY, "IEX"), cased=True)
    assert on_text(cased)("x IEX")
    assert not on_text(cased)("x iex")


@pytest.mark.parametrize("dash", ["-", "/", "\N{EN DASH}", "\N{EM DASH}", "\N{HORIZONTAL BAR}"])
def test_windash_means_every_character_that_windows_takes_for_a_dash(dash: str) -> None:
    test = on_text(any_dash(parse_text("* -urlcache*")))
    assert test(f"certutil {dash}urlcache")


def test_windash_means_no_other_character() -> None:
    assert not on_text(any_dash(parse_text("-a")))("_a")
    assert not on_text(any_dash(parse_text("-a")))("\N{HYPHEN}a")


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
    assert on_number(Number(number))(value) is expected


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
    assert on_regex(Regex(pattern, flags))(value) is expected


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
    assert on_cidr(Cidr(ip_network(network)))(value) is expected


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
    assert on_compare(Compare(operator, bound))(value) is expected


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
    ],
)
def test_a_time_is_read_in_the_forms_that_events_have(written: str, expected: str | None) -> None:
    found = instant(written)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [("minute", 5), ("hour", 14), ("day", 23), ("week", 48), ("month", 11), ("year", 2026)],
)
def test_a_time_has_its_parts(part: str, expected: int) -> None:
    written = "2026-11-23T14:05:06Z"
    assert part_of(written, part) == expected
    assert on_time(TimePart(part, expected))(written)
    assert not on_time(TimePart(part, expected + 1))(written)
    assert on_time(TimePart(part, expected + 1, "lt"))(written)
    assert on_time(TimePart(part, expected, "lte"))(written)
    assert on_time(TimePart(part, expected - 1, "gt"))(written)
    assert on_time(TimePart(part, expected, "gte"))(written)
    assert not on_time(TimePart(part, expected))("no time")
