"""Regular expressions of PCRE, RE2 and .NET are converted to Python's dialect with the same meaning."""

from __future__ import annotations

import re
import warnings
from datetime import date
from pathlib import Path

import pytest

from watcher.lint.run_lints import lint_rules
from watcher.settings import Source
from watcher.sigma.modified_values import ModifierError
from watcher.sigma.modifiers import apply_modifiers
from watcher.sigma.regex_dialect import to_python_regex
from watcher.sigma.rule_folders import read_folder, read_folders


@pytest.mark.parametrize(
    ("written", "result", "not_found"),
    [
        (r"^(?<cmd>net1?)\s\k<cmd>$", "net net", "net net1"),
        (r"(?'cmd'a+)-\k'cmd'", "aa-aa", "aa-b"),
        (r"\.exe\z", "a.exe", "a.exe\n"),
        (r"\.exe\Z", "a.exe\n", "a.exe\n\n"),
        (r"a\hb", "a\tb", "a\nb"),
        (r"^[\h]+$", " \t", "\n"),
        (r"a\Rb", "a\r\nb", "ab"),
        (r"\x{1F600}", "😀", "x{1F600}"),
        (r"[\x{1F600}-\x{1F610}]", "😁", "1"),
        (r"^\p{L}+\pN$", "é1", "é_"),
        (r"^\P{L}$", "1", "é"),
        (r"\Qa.b\E+", "xa.bb", "axb"),
        ("^[[:alpha:]_]+$", "aB_", "a1"),
        ("^[^[:space:]]+$", "a", " "),
        ("^[[:xdigit:]]{2}$", "aF", "ag"),
        # flags in the middle: for the rest of their group, all its branches
        ("a(?i)b", "aB", "AB"),
        ("a(?i)b|c", "C", "AB"),
        ("(x(?i)y|z)w", "Zw", "ZW"),
        ("(?i)abc", "ABC", "abd"),
        ("(?i)a(?-i)b", "Ab", "AB"),
        ("(?-i)a", "a", "A"),
        ("(?i:a)b", "Ab", "AB"),
        # signs that Python may one day take for set operations
        ("^[[a]$", "[", "b"),
        ("^[a--b]$", "-", "+"),
        ("^[a&&b]$", "&", "c"),
        ("^[]a]$", "]", "["),
        ("^[^]a]$", "b", "]"),
        # what is Python's already
        (r"^(?=.*a)(?!b)c.*a", "ca", "cb"),
        (r"(?<=a)b(?<!c)", "ab", "cb"),
        (r"\\\[\(", r"\[(", r"\\["),
        (r"[\]\\]", "\\", "["),
        (r"(?P<n>a)(?P=n)", "aa", "ab"),
        ("(?>a+)b", "aab", "b"),
        ("a++b", "aab", "b"),
    ],
)
def test_a_converted_expression_matches_as_intended(written: str, result: str, not_found: str) -> None:
    search = re.compile(to_python_regex(written)).search
    assert search(result)
    assert not search(not_found)


@pytest.mark.parametrize("written", [r"\p{Greek}", "a{2,1}", "(", "[", "\\", r"(?i", "(?L)a", "a{99999999999}", r"\K"])
def test_an_expression_that_python_lacks_is_rejected_as_written(written: str) -> None:
    with pytest.raises(ModifierError) as raised:
        apply_modifiers(written, written, ("re",), {})
    assert str(raised.value).startswith(f"`{written}` is not a valid regular expression: ")


def test_deep_nesting_is_rejected_without_a_crash() -> None:
    deep = "(" * 5000 + ")" * 5000
    with pytest.raises(ModifierError):
        apply_modifiers(deep, deep, ("re",), {})


def test_placeholders_that_break_an_expression_are_rejected() -> None:
    with pytest.raises(ModifierError, match="is not a valid regular expression"):
        apply_modifiers("^%it%$", "^%it%$", ("re", "expand"), {"it": ("(",)})


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("[a-z&&[^b]]", "q]"),
        ("[[a]", "["),
        ("[a--b]", "-"),
        ("[a~~b]", "~"),
        ("[&&&a]", "&"),
        ("[[:none:]]", "n]"),
        (r"x[\w--a]", "x-"),
    ],
)
def test_sets_in_sets_are_read_without_a_warning(pattern: str, value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert re.search(to_python_regex(pattern), value)


def test_the_lints_read_expressions_in_pythons_dialect(tmp_path: Path) -> None:
    selection = "F|re: '[a-z&&[^b]]'"
    text = f"title: x\nlogsource: {{product: windows}}\ndetection: {{s: {{{selection}}}, condition: s}}\n"
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    rules = read_folders([read_folder("a", tmp_path)]).rules
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lint_rules(rules, Source(), today=date(2026, 3, 1))
