r"""Matchers of labels, as Alertmanager has them: `=`, `!=`, `=~`, `!~`, and an order of levels.

- A label with several values (`tag`, `rule`, `user`) is equal if one of its values is.
- `!=` and `!~` are the opposite of `=` and `=~`: no value may be equal. A label without a value is the empty string.
- Letters are compared without their case; a regular expression must match all of the value.
- Expressions are RE2's, which needs time in proportion to the value, whatever an attacker wrote into an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from watcher.model import Level
from watcher.routes.labels import RULE_LABELS, Labels

LEVEL = "level"
"""The only label whose values have an order."""

_MOST_MEMORY = 8_388_608  # bytes of a compiled expression, with its states


class MatchOperator(StrEnum):
    """How a label is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"
    AT_LEAST = ">="
    AT_MOST = "<="

    @property
    def is_negative(self) -> bool:
        """Whether it is the opposite of another operator."""
        return self in (MatchOperator.NOT_EQUAL, MatchOperator.NOT_MATCHES)

    @property
    def is_pattern(self) -> bool:
        """Whether the value is a regular expression."""
        return self in (MatchOperator.MATCHES, MatchOperator.NOT_MATCHES)

    @property
    def is_order(self) -> bool:
        """Whether it compares levels by their order."""
        return self in (MatchOperator.AT_LEAST, MatchOperator.AT_MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMatcher:
    """A comparison of one label; several values mean any of them."""

    label: str
    operator: MatchOperator
    values: tuple[str, ...]

    def matches(self, labels: Labels) -> bool:
        """Whether the comparison holds for the labels of an alert."""
        own = labels.get(self.label, ()) or ("",)
        holds = any(_compare(self.operator, value, text) for value in self.values for text in own)
        return holds is not self.operator.is_negative

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.label}{self.operator}{quoted(self.values[0])}"
        return f"{self.label}{self.operator}[{', '.join(map(quoted, self.values))}]"


Matchers = tuple[LabelMatcher, ...]
"""Matchers that must hold together."""


def all_match(matchers: Iterable[LabelMatcher], labels: Labels) -> bool:
    """Whether all matchers hold for the labels of an alert; without matchers they do."""
    return all(matcher.matches(labels) for matcher in matchers)


def may_match(matchers: Iterable[LabelMatcher], labels: Labels) -> bool:
    """Whether some alert of a rule may match, by the labels of the rule; an event may have any other value."""
    return all(matcher.matches(labels) for matcher in matchers if matcher.label in RULE_LABELS)


def equality_matchers(values: Mapping[str, Sequence[str]]) -> Matchers:
    """Return the matchers of a mapping: each label must have one of its values."""
    return tuple(
        LabelMatcher(label=label, operator=MatchOperator.EQUAL, values=tuple(texts)) for label, texts in values.items()
    )


def quoted(text: str) -> str:
    """Return a value in quotes, as the syntax of matchers reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return the search for a regular expression of RE2 in all of a value; raise a ValueError where it is none."""
    import re2  # noqa: PLC0415 - only where matchers hold expressions

    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MOST_MEMORY
    try:
        compiled = re2.compile(_encoded(pattern), options)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else fault
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from fault
    return lambda value: compiled.fullmatch(_encoded(value)) is not None


_search = cache(compile_pattern)  # expressions come from settings and from people, never from events


def _compare(operator: MatchOperator, value: str, text: str) -> bool:
    if operator.is_pattern:
        return _search(value)(text)
    if operator.is_order:
        return _compare_levels(operator, value, text)
    return value.casefold() == text.casefold()


def _compare_levels(operator: MatchOperator, value: str, text: str) -> bool:
    ranks = [Level(name).rank for name in (text.lower(), value.lower()) if name in tuple(Level)]
    if len(ranks) < 2:
        return False
    return ranks[0] >= ranks[1] if operator is MatchOperator.AT_LEAST else ranks[0] <= ranks[1]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # events may hold lone surrogates
