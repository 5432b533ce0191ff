"""Faults of YAML's grammar in sentences that say what to do."""

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
_SINGLE = "write the value in single quotes, where a backslash stands for itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentence:
    """How one complaint of the parser is told."""

    context: str  # a pattern on what the parser was doing
    problem: str  # a pattern on what it met; its groups fill the message
    message: str
    fix: str
    code: str = "yaml-syntax"
    opening: bool = False  # the place to look at is where the construct began


_SENTENCES = (
    _Sentence(
        context="next token",
        problem=r"character '\\t'",
        message="a tab stands where YAML wants spaces",
        fix="replace it by spaces",
        code="yaml-tab",
    ),
    _Sentence(
        context="next token",
        problem=r"character ['\"](.)['\"] that cannot",
        message="a value may not start with `{0}`",
        fix=_QUOTES,
        code="yaml-quote",
    ),
    _Sentence(
        context="scanning an (?:alias|anchor)",
        problem="",
        message="a value that starts with `{sign}` is read as a reference",
        fix=_QUOTES,
        code="yaml-quote",
        opening=True,
    ),
    _Sentence(
        context="double-quoted",
        problem=r"unknown escape character '(.+)'",
        message="`\\{0}` has no meaning between double quotes",
        fix=_SINGLE,
        code="yaml-quote",
    ),
    _Sentence(
        context="double-quoted",
        problem="escape sequence",
        message="a backslash between double quotes starts an escape, and this one is none",
        fix=_SINGLE,
        code="yaml-quote",
    ),
    _Sentence(
        context="quoted scalar",
        problem="end of stream|document separator",
        message="a quote is opened here and never closed",
        fix="close it; a quote inside single quotes is written twice",
        code="yaml-quote",
        opening=True,
    ),
    _Sentence(
        context="",
        problem="mapping values are not allowed",
        message="a second colon makes no key here",
        fix="put a value that holds `: ` in quotes, or compare the indentation with the line above",
    ),
    _Sentence(
        context="simple key",
        problem="could not find expected ':'",
        message="this line is neither `key: value` nor part of the value above",
        fix="write a space after the colon, or indent what continues a value",
        opening=True,
    ),
    _Sentence(
        context="flow sequence",
        problem="",
        message="a list is opened with `[` here and not closed, or a comma is missing in it",
        fix="close it with `]`, or put a value that starts with `[` in quotes",
        opening=True,
    ),
    _Sentence(
        context="flow mapping",
        problem="",
        message="a map is opened with `{{` here and not closed, or a comma is missing in it",
        fix="close it with `}`, or put a value that starts with `{` in quotes",
        opening=True,
    ),
    _Sentence(
        context="block (?:mapping|collection)",
        problem="found '<scalar>'",
        message="text follows where the value has already ended",
        fix="put the whole value in single quotes and write a quote inside it twice, or check the indentation",
    ),
    _Sentence(
        context="block (?:mapping|collection)",
        problem="",
        message="the indentation of this line fits nothing above it",
        fix=_INDENT,
        code="yaml-indent",
    ),
    _Sentence(
        context="",
        problem="(?:sequence entries|mapping keys) are not allowed",
        message="a value may not start with `{sign} `",
        fix="put the value in quotes, or start a list on a line of its own",
    ),
    _Sentence(
        context="block node",
        problem=r"found '([,\]}])'",
        message="a value may not start with `{0}`",
        fix=_QUOTES,
        code="yaml-quote",
    ),
    _Sentence(
        context="block scalar",
        problem="",
        message="a block of text starts with `|` or `>` alone on its line",
        fix="put a value that starts with one of them in quotes",
        code="yaml-quote",
    ),
    _Sentence(
        context="",
        problem="tag handle|scanning a tag",
        message="a value that starts with `!` is read as a tag",
        fix=_QUOTES,
        code="yaml-tag",
    ),
    _Sentence(
        context="scanning a tag",
        problem="",
        message="a value that starts with `!` is read as a tag",
        fix=_QUOTES,
        code="yaml-tag",
    ),
    _Sentence(
        context="",
        problem="<document start>",
        message="text follows where the document has already ended",
        fix="write a space after the colon of `key: value`; a further document starts with `---`",
    ),
)
_NO_SPACE = re.compile(r"\s*(?:- )?(?:'[^']*'|\"[^\"]*\"|[\w.|-]+):[^\s:/\\]")


def explain(reason: yaml.MarkedYAMLError, text: str, *, file: str, fault: type[InputError]) -> InputError:
    """Put a complaint of the parser into our own words, with the place to look at."""
    context, problem = reason.context or "", reason.problem or ""
    for sentence in _SENTENCES:
        found = re.search(sentence.problem, problem)
        if found is None or not re.search(sentence.context, context):
            continue
        mark = (reason.context_mark if sentence.opening else None) or reason.problem_mark
        hurried = _hurried_colon(text, reason.problem_mark)
        if hurried is not None and sentence.code == "yaml-syntax":
            return fault(
                "a space is missing after the colon",
                location=Location(file=file, line=hurried + 1),
                fix="write `key: value`",
                code="yaml-syntax",
            )
        message = sentence.message.format(*found.groups(), sign=_sign(text, mark))
        return fault(message, location=location_of(mark, file), fix=sentence.fix, code=sentence.code)
    mark = reason.problem_mark or reason.context_mark
    return fault(
        f"YAML cannot be read here ({', '.join(part for part in (context, problem) if part)})",
        location=location_of(mark, file),
        fix=_INDENT,
        code="yaml-syntax",
    )


def unreadable_character(text: str, *, file: str, fault: type[InputError]) -> None:
    """Refuse the characters that YAML forbids: control characters and halves of surrogate pairs."""
    found = Reader.NON_PRINTABLE.search(text)
    if found is None:
        return
    before = text[: found.start()]
    raise fault(
        f"the character U+{ord(found.group()):04X} may not stand in a YAML file",
        location=Location(file=file, line=before.count("\n") + 1, column=len(before) - before.rfind("\n")),
        fix="remove it, or write it as an escape between double quotes",
        code="yaml-character",
    )


def location_of(mark: Any, file: str) -> Location:
    """Give the place of a mark of PyYAML, which counts from 0."""
    return Location(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Location(file=file, line=1)


def _sign(text: str, mark: Any) -> str:
    return text[mark.index : mark.index + 1] if mark else ""


def _hurried_colon(text: str, mark: Any) -> int | None:
    """Give the line (from 0), this one or the last before it that says something, that reads `key:value`."""
    if mark is None:
        return None
    lines = text.split("\n")[: mark.line + 1]
    spoken = [number for number in range(len(lines)) if lines[number].split("#")[0].strip()][-2:]
    return next((number for number in reversed(spoken) if _NO_SPACE.match(lines[number])), None)
