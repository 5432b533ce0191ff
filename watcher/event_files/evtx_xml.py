"""What the XML of a record says that the parser's JSON does not.

The JSON lacks unnamed `<Data>` beside named ones. It also names the second element `X` like a value called `X_1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any

_EVENT_DATA = re.compile(r"<EventData\b[^>]*>(.*)</EventData>", re.DOTALL)
_ELEMENT = re.compile(r"<([\w:.-]+)([^>]*?)(?:/>|>([^<]*)</\1>)")
_NUMBERED = re.compile(r'Name="[^"]*_[1-9][0-9]*"')
_NAME = re.compile(r'\bName="([^"]*)"')


@dataclass(frozen=True, slots=True)
class DataElement:
    """An element of an event's data."""

    name: str  # of its attribute `Name`, else of the element itself; empty for a `<Data>` without a name
    text: str


@dataclass(frozen=True, slots=True)
class EvtxRecord:
    """A record of an event log."""

    json: str
    event_data: str = ""  # the XML of the values, where the JSON lacks some or their names are ambiguous

    def __len__(self) -> int:
        return len(self.json) + len(self.event_data)

    def elements(self) -> tuple[DataElement, ...]:
        """Return the elements of `event_data`, in order."""
        return tuple(map(_element, _ELEMENT.finditer(self.event_data)))


class XmlRecords:
    """The records of a file as XML, read beside those of its JSON: one step for each of them."""

    def __init__(self, records: Iterator[Any]) -> None:
        self._records = records
        self._record: Mapping[str, Any] = {}

    def step(self) -> None:
        """Read the next record; a damaged one has no XML."""
        self._record = {}
        with suppress(StopIteration, OSError, RuntimeError, ValueError):
            self._record = next(self._records)

    def record(self, parsed: Mapping[str, Any]) -> EvtxRecord:
        """Return a record of the parser's JSON, with the XML of its values where that says more."""
        xml = str(self._record["data"]) if self._record.get("event_record_id") == parsed["event_record_id"] else ""
        event_data = _EVENT_DATA.search(xml) if _is_richer(xml) else None
        return EvtxRecord(parsed["data"], event_data[1] if event_data else "")


def _is_richer(xml: str) -> bool:
    """Whether the XML says more: unnamed values beside named ones, or a name that ends as a repeated element's."""
    if "<Data Name=" not in xml:  # the texts of events never contain these characters
        return False
    return "<Data>" in xml or "<Data/>" in xml or _NUMBERED.search(xml) is not None


def _element(element: re.Match[str]) -> DataElement:
    tag, attributes, text = element.groups()
    name = _NAME.search(attributes)
    named = unescape(name[1]) if name else tag
    value = unescape(text or "")
    return DataElement("" if named == "Data" else named, value if value.strip() else "")  # the parser indents
