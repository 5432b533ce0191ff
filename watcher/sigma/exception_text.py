r"""Text of an exception: a Sigma filter with the fields and values that somebody typed.

Source: Sigma specification 2.1, "Sigma Filters". A condition is typed as in a rule, `Image|endswith: \agent.exe`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from watcher.errors import InputError
from watcher.model import LogSource, Rule

_PLAIN_KEY = re.compile(r"[A-Za-z_@][\w.@|-]*")
_PLAIN_VALUE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})|null|true|false")
_EMPTY = ("''", '""')
_EXAMPLE = r"write it as in a rule: `--where 'Image|endswith: \agent.exe'`"


@dataclass(frozen=True, slots=True)
class ExceptionItem:
    """One condition of an exception: a field with its modifiers, and a value as in a rule."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionDetails:
    """What an exception says besides its conditions."""

    id: str
    day: date
    author: str
    reason: str


def parse_item(text: str) -> ExceptionItem:
    """Return the condition that somebody typed; raises InputError where it is none."""
    key, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not key or key.startswith("|"):
        raise InputError(f"`{text}` names no field", fix=_EXAMPLE)
    if not value:
        raise InputError(f"`{text}` has no value", fix="write `null` for an absent or empty field")
    return ExceptionItem(key, value)


def exception_text(rule: Rule, items: Sequence[ExceptionItem], details: ExceptionDetails) -> str:
    """Return the filter that excludes from a rule the events that match every condition.

    Raises InputError for characters that a rule file cannot hold, or that nobody sees.
    """
    text = "\n".join(_lines(rule, items, details)) + "\n"
    hidden = next((character for character in text if not character.isprintable() and character != "\n"), None)
    if hidden is not None:
        raise InputError(
            f"the exception would hold the invisible character {hidden!a}", fix="write the filter in an editor"
        )
    return text


def _lines(rule: Rule, items: Sequence[ExceptionItem], details: ExceptionDetails) -> Iterator[str]:
    yield f"title: {_quoted(f'Exception of {rule.title}')}"
    yield f"id: {details.id}"
    yield f"description: {_quoted(details.reason)}"
    yield f"author: {_quoted(details.author)}"
    yield f"date: {details.day.isoformat()}"
    yield from _logsource(rule.logsource)
    yield "filter:"
    yield "  rules:"
    yield f"    - {_quoted(rule.id)}  # {' '.join(rule.title.split())}"
    selections = _selections(items)
    for name, members in selections.items():
        yield f"  {name}:"
        for item in members:
            yield f"    {_key(item.key)}: {_value(item.value)}"
    yield f"  condition: not {'selection' if len(selections) == 1 else 'all of selection_*'}"


def _logsource(logsource: LogSource) -> Iterator[str]:
    named = (("product", (logsource.product,) if logsource.product else ()), ("category", logsource.category))
    lines = [f"  {key}: {_names(names)}" for key, names in (*named, ("service", logsource.service)) if names]
    if lines:
        yield "logsource:"
        yield from lines


def _names(names: Sequence[str]) -> str:
    quoted = [name if _PLAIN_KEY.fullmatch(name) else _quoted(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _selections(items: Sequence[ExceptionItem]) -> dict[str, list[ExceptionItem]]:
    """Distribute conditions over selections: a selection has each key once."""
    groups: list[list[ExceptionItem]] = []
    for item in dict.fromkeys(items):
        free = next((group for group in groups if all(other.key != item.key for other in group)), None)
        if free is None:
            groups.append([item])
        else:
            free.append(item)
    if len(groups) == 1:
        return {"selection": groups[0]}
    return {f"selection_{number}": group for number, group in enumerate(groups, start=1)}


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else _quoted(key)


def _value(value: str) -> str:
    if value in _EMPTY:
        return "''"
    return value if _PLAIN_VALUE.fullmatch(value) else _quoted(value)


def _quoted(text: str) -> str:
    """Return text as one line in YAML's single quotes, in which a backslash is a backslash."""
    doubled = " ".join(text.split("\n")).replace("'", "''")
    return f"'{doubled}'"
