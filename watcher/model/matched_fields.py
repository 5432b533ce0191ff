"""Which values of an event made a rule match, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Mark = tuple[int, int]
"""Start and end of a part of a text."""


@dataclass(frozen=True, slots=True)
class MatchedValue:
    """A value of an event, bounded, and the parts of it that the rule asks for."""

    text: str
    marks: tuple[Mark, ...] = ()  # ascending, apart; none where no part stands out

    def segments(self) -> Iterator[tuple[str, bool]]:
        """Yield the parts of the text in order, each with whether it is marked."""
        position = 0
        for start, end in self.marks:
            if position <= start < end <= len(self.text):
                if position < start:
                    yield self.text[position:start], False
                yield self.text[start:end], True
                position = end
        if position < len(self.text):
            yield self.text[position:], False

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON, as it is stored."""
        return {"text": self.text, "marks": [list(mark) for mark in self.marks]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> MatchedValue:
        """Return what `as_document` wrote."""
        marks = tuple((int(start), int(end)) for start, end in document.get("marks") or ())
        return cls(str(document.get("text") or ""), marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedField:
    """A field of the rule whose values in the event fulfil a detection item."""

    field: str  # as the rule names it; empty: a keyword, anywhere in the event
    values: tuple[MatchedValue, ...]  # of the event; none where the item asks for an absent field
    words: tuple[str, ...]  # what the rule asks of them, e.g. "ends with `\\cmd.exe`"

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON, as it is stored."""
        return {
            "field": self.field,
            "values": [value.as_document() for value in self.values],
            "words": list(self.words),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> MatchedField:
        """Return what `as_document` wrote."""
        return cls(
            field=str(document.get("field") or ""),
            values=tuple(map(MatchedValue.from_document, document.get("values") or ())),
            words=tuple(map(str, document.get("words") or ())),
        )
