"""Which values of an event made a rule match, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedField:
    """A field of the rule whose values in the event fulfil a detection item."""

    field: str  # as the rule names it; empty: a keyword, anywhere in the event
    values: tuple[str, ...]  # of the event, bounded; none where the item asks for an absent field
    words: tuple[str, ...]  # what the rule asks of them, e.g. "ends with `\\cmd.exe`"

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON, as it is stored."""
        return {"field": self.field, "values": list(self.values), "words": list(self.words)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> MatchedField:
        """Return what `as_document` wrote."""
        return cls(
            field=str(document.get("field") or ""),
            values=tuple(map(str, document.get("values") or ())),
            words=tuple(map(str, document.get("words") or ())),
        )
