"""One value of a rule and the values of an event that fulfil it; what is kept of them for readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from watcher.match.descriptions import describe_value
from watcher.match.flat_event import Values
from watcher.match.matched_parts import marks_of, merged
from watcher.match.matchers import Matcher, regex_matcher
from watcher.match.predicate import anywhere, refers, value_matcher
from watcher.model import (
    MatchedField,
    MatchedValue,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaRegex,
    SigmaString,
    SigmaValue,
    Wildcard,
)
from watcher.model.matched_fields import Mark
from watcher.printable import truncate

MOST_VALUES = 5
"""Values of the event that are kept of a field."""

MOST_WORDS = 5
"""Values of the rule that are kept of a field."""

LONGEST = 1_200
"""Characters that are kept of a value."""

_LONGEST_WORDS = 400
_HEAD = 300  # characters at the beginning of a value that is longer
_BEFORE = 150  # characters before its first marked part
_MOST_MARKS = 20
_STEPS_OF_OTHERS = 10


class ValueCheck:
    """One value of a detection item; what it needs is prepared when an event asks for it."""

    def __init__(self, sigma_value: SigmaValue, *, is_keyword: bool) -> None:
        self._value = sigma_value
        self._is_keyword = is_keyword

    @property
    def referred(self) -> str | None:
        """The field whose values it is compared with."""
        return self._value.field if isinstance(self._value, SigmaFieldReference) else None

    @cached_property
    def words(self) -> str:
        """What it asks for."""
        return truncate(describe_value(self._value, keyword=self._is_keyword), _LONGEST_WORDS)

    @cached_property
    def steps(self) -> int:
        """How many steps a comparison takes for each character of a value, about."""
        if not isinstance(self._value, SigmaString):
            return _STEPS_OF_OTHERS
        parts = self._value.parts
        if Wildcard.ONE not in parts and Wildcard.DASH not in parts:
            return 1
        return _STEPS_OF_OTHERS * sum(1 if isinstance(part, Wildcard) else len(part) for part in parts)

    def fulfilling(self, values: Values, others: Values) -> Values | None:
        """Return the values that fulfil it, None where it does not hold; raises Undecided beyond the time limit.

        `others` are those of the field that it refers to.
        """
        match self._value:
            case SigmaNull():
                return None if values else ()
            case SigmaExists(expected=expected):
                return values if bool(values) is expected else None
            case SigmaFieldReference() as reference:
                kept = tuple(value for value in values if refers(reference, (value,), others))
            case _:
                kept = tuple(filter(self._matcher, values))
        return kept or None

    def marks(self, value: str) -> tuple[Mark, ...]:
        """Return the parts of a value that it asks for."""
        return marks_of(self._searched, value)

    @cached_property
    def _searched(self) -> SigmaValue:
        return anywhere(self._value) if self._is_keyword else self._value

    @cached_property
    def _matcher(self) -> Matcher:
        searched = self._searched
        return regex_matcher(searched) if isinstance(searched, SigmaRegex) else value_matcher(searched)


@dataclass(slots=True)
class FieldEntry:
    """What is kept of a field of the rule."""

    marks: dict[str, list[Mark]] = field(default_factory=dict)  # value of the event → its marked parts
    words: list[str] = field(default_factory=list)
    more: int = 0  # values of the rule beyond those

    def add_value(self, value: str, marks: Sequence[Mark] = ()) -> None:
        """Add a value of the event, unless there are enough."""
        if value in self.marks or len(self.marks) < MOST_VALUES:
            self.marks.setdefault(value, []).extend(marks)

    def add_words(self, words: str) -> None:
        """Add what a value of the rule asks for, unless there are enough."""
        if words in self.words:
            return
        if len(self.words) < MOST_WORDS:
            self.words.append(words)
        else:
            self.more += 1

    def result(self, name: str) -> MatchedField:
        """Return the field."""
        more = (f"… and {self.more:,} more",) if self.more else ()
        values = tuple(excerpt(value, merged(marks, _MOST_MARKS)) for value, marks in self.marks.items())
        return MatchedField(field=name, values=values, words=(*self.words, *more))


def excerpt(value: str, marks: tuple[Mark, ...]) -> MatchedValue:
    """Return a value with its marked parts; of a long one the beginning, and what is around the first part."""
    if len(value) <= LONGEST:
        return MatchedValue(value, marks)
    start = max(marks[0][0] - _BEFORE, 0) if marks else 0
    if start <= _HEAD:
        return _cut("", value, marks, 0)
    return _cut(f"{value[:_HEAD]}… ({start - _HEAD:,} characters) …", value, marks, start)


def _cut(head: str, value: str, marks: tuple[Mark, ...], start: int) -> MatchedValue:
    """Return a head and a value from a position on, in the length that is kept."""
    room = LONGEST - len(head)
    end = start + room
    shifted = tuple(
        (len(head) + first - start, len(head) + min(last, end) - start) for first, last in marks if start <= first < end
    )
    missing = len(value) - end
    tail = f"… ({missing:,} more characters)" if missing > 0 else ""
    return MatchedValue(f"{head}{value[start:end]}{tail}", shifted)
