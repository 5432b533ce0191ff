"""YAML syntax errors as messages with a fix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import Reader

from watcher.errors import InputError
from watcher.model import Location

_QUOTES = "put the value in single quotes"
_INDENT = "compare the indentation of this line with the lines above it"
_SINGLE = "write the value in single quotes, where a backslash is literal"
_PRINTABLE = b"\t\n\r" + bytes(range(0x20, 0x7F))  # of ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explanation:
    """The message for one kind of parser error."""

    context: str  # pattern for what the parser was reading
    problem: str  # pattern for the problem; its groups fill the message
    message: str
    fix: str
    code: str = "yaml-syntax"
    opening: bool = False  # the location is the start of the construct


_EXPLANATIONS = (
    _Explanation(
        context="next token",
        problem=r"character '\\t'",
        message="a tab is used where YAML requires spaces",
        fix="replace it with spaces",
        code="yaml-tab",
    ),
    _Explanation(
        context="next token",
        problem=r"character ['\"](.)['\"] that cannot",
        message="a value may not start with `{0}`",
        fix=_QUOTES,
        code="yaml-quote",
    ),
    _Explanation(
        context="scanning an (?:alias|anchor)",
        problem="",
        message="a value that starts with `{sign}` is read as a reference",
        fix=_QUOTES,
        code="yaml-quote",
        opening=True,
    ),
    _Explanation(
        context="double-quoted",
        problem=r"unknown escape character '(.+)'",
        message="`\\{0}` is not a valid escape sequence in double quotes",
        fix=_SINGLE,
        code="yaml-quote",
    ),
    _Explanation(
        context="double-quoted",
        problem="escape sequence",
        message="a backslash in double quotes starts an escape sequence, and this one is invalid",
        fix=_SINGLE,
        code="yaml-quote",
    ),
    _Explanation(
        context="quoted scalar",
        problem="end of stream|document separator",
        message="a quote is opened here and never closed",
        fix="close it; a quote inside single quotes is doubled",
        code="yaml-quote",
        opening=True,
    ),
    _Explanation(
        context="",
        problem="mapping values are not allowed",
        message="a second colon is not allowed here",
        fix="put a value that contains `: ` in quotes, or compare the indentation with the line above",
    ),
    _Explanation(
        context="simple key",
        problem="could not find expected ':'",
        message="this line is neither `key: value` nor a continuation of the value above",
        fix="write a space after the colon, or indent the continuation of a value",
        opening=True,
    ),
    _Explanation(
        context="flow sequence",
        problem="",
        message="a list is opened with `[` here and not closed, or a comma is missing in it",
        fix="close it with `]`, or put a value that starts with `[` in quotes",
        opening=True,
    ),
    _Explanation(
        context="flow mapping",
        problem="",
        message="a mapping is opened with `{{` here and not closed, or a comma is missing in it",
        fix="close it with `}`, or put a value that starts with `{` in quotes",
        opening=True,
    ),
    _Explanation(
        context="block (?:mapping|collection)",
        problem="found '<scalar>'",
        message="text follows after the end of the value",
        fix="put the whole value in single quotes and double each quote inside it, or check the indentation",
    ),
    _Explanation(
        context="block (?:mapping|collection)",
        problem="",
        message="the indentation of this line matches no line above it",
        fix=_INDENT,
        code="yaml-indent",
    ),
    _Explanation(
        context="",
        problem="(?:sequence entries|mapping keys) are not allowed",
        message="a value may not start with `{sign} `",
        fix="put the value in quotes, or start a list on a line of its own",
    ),
    _Explanation(
        context="block node",
        problem=r"found '([,\]}])'",
        message="a value may not start with `{0}`",
        fix=_QUOTES,
        code="yaml-quote",
    ),
    _Explanation(
        context="block scalar",
        problem="",
        message="a block scalar starts with `|` or `>` alone on its line",
        fix="put a value that starts with either in quotes",
        code="yaml-quote",
    ),
    _Explanation(
        context="",
        problem="tag handle|scanning a tag",
        message="a value that starts with `!` is read as a tag",
        fix=_QUOTES,
        code="yaml-tag",
    ),
    _Explanation(
        context="scanning a tag",
        problem="",
        message="a value that starts with `!` is read as a tag",
        fix=_QUOTES,
        code="yaml-tag",
    ),
    _Explanation(
        context="",
        problem="<document start>",
        message="text follows after the end of the document",
        fix="write a space after the colon of `key: value`; a further document starts with `---`",
    ),
)
_NO_SPACE = re.compile(r"\s*(?:- )?(?:'[^']*'|\"[^\"]*\"|[\w.|-]+):[^\s:/\\]")


def explain_syntax_error(reason: yaml.MarkedYAMLError, text: str, *, file: str, fault: type[InputError]) -> InputError:
    """Return the parser's error with a message, a location and a fix."""
    context, problem = reason.context or "", reason.problem or ""
    for explanation in _EXPLANATIONS:
        match = re.search(explanation.problem, problem)
        if match is None or not re.search(explanation.context, context):
            continue
        mark = (reason.context_mark if explanation.opening else None) or reason.problem_mark
        tight = _colon_without_space(text, reason.problem_mark)
        if tight is not None and explanation.code == "yaml-syntax":
            return fault(
                "a space is missing after the colon",
                location=Location(file=file, line=tight + 1),
                fix="write `key: value`",
                code="yaml-syntax",
            )
        message = explanation.message.format(*match.groups(), sign=_sign(text, mark))
        return fault(message, location=location_of(mark, file), fix=explanation.fix, code=explanation.code)
    mark = reason.problem_mark or reason.context_mark
    return fault(
        f"YAML cannot be read here ({', '.join(part for part in (context, problem) if part)})",
        location=location_of(mark, file),
        fix=_INDENT,
        code="yaml-syntax",
    )


def reject_unreadable_character(text: str, *, file: str, fault: type[InputError]) -> None:
    """Raise `fault` if the text has characters that YAML forbids: control characters and surrogates."""
    if text.isascii() and not text.encode().translate(None, delete=_PRINTABLE):
        return  # most texts, in a quarter of the time
    match = Reader.NON_PRINTABLE.search(text)
    if match is None:
        return
    preceding = text[: match.start()]
    raise fault(
        f"the character U+{ord(match.group()):04X} is not allowed in a YAML file",
        location=Location(file=file, line=preceding.count("\n") + 1, column=len(preceding) - preceding.rfind("\n")),
        fix="remove it, or write it as an escape sequence in double quotes",
        code="yaml-character",
    )


def location_of(mark: Any, file: str) -> Location:
    """Return the location of a PyYAML mark, whose lines and columns start at 0."""
    return Location(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Location(file=file, line=1)


def _sign(text: str, mark: Any) -> str:
    return text[mark.index : mark.index + 1] if mark else ""


def _colon_without_space(text: str, mark: Any) -> int | None:
    """Return the number (from 0) of this line or the last one with content before it, if it is `key:value`."""
    if mark is None:
        return None
    lines = text.split("\n")[: mark.line + 1]
    with_content = [number for number in range(len(lines)) if lines[number].split("#")[0].strip()][-2:]
    return next((number for number in reversed(with_content) if _NO_SPACE.match(lines[number])), None)
