"""Sigma's log source → bounds on channel and event code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from watcher.model import SigmaNumber, SigmaString, SigmaValue
from watcher.ports import IndexMapping
from watcher.settings import Source
from watcher.taxonomy.field_locations import CHANNEL, EVENT_CODES, SYSTEM_PATHS, WINDOWS
from watcher.taxonomy.logsources import EventClass, LogSourceEvents
from watcher.translate.bounds import EVERYTHING, NOTHING, Bounds, all_of, any_of, both, either, exactly, none_of
from watcher.translate.field_resolver import FieldResolver
from watcher.translate.string_clauses import number_terms


@dataclass(frozen=True, slots=True, eq=False)
class LogSourceClauses:
    """The clauses of one source's log sources; each is built once."""

    field_resolver: FieldResolver
    _by_event_class: dict[EventClass, Bounds] = field(default_factory=dict, repr=False)

    @property
    def source(self) -> Source:
        """Return the source that is searched."""
        return self.field_resolver.source

    @property
    def mapping(self) -> IndexMapping:
        """Return how the indices of the source are mapped."""
        return self.field_resolver.mapping

    def bounds(self, events: LogSourceEvents) -> Bounds:
        """Return the bounds for the events of a log source."""
        return either(self.of_event_class(event_class) for event_class in events.event_classes)

    def of_event_class(self, event_class: EventClass) -> Bounds:
        """Return the bounds for the events of one channel and its event codes."""
        bounds = self._by_event_class.get(event_class)
        if bounds is None:
            channel = self.field_resolver.mapped_field(CHANNEL)
            parts = []
            if event_class.channel is not None:
                parts.append(channel.matches(SigmaString((event_class.channel,))))
            if event_class.codes:
                parts.append(self._codes(event_class.codes))
            if event_class.non_windows:
                parts.append(self._non_windows())
            bounds = self._by_event_class[event_class] = both(parts)
        return bounds

    def _non_windows(self) -> Bounds:
        """Return the bounds for the events without `winlog`."""
        surely = any_of(self.field_resolver.mapped_field(path).exists().lower for path in SYSTEM_PATHS)
        may_be_windows = self.mapping.unindexed or any(path.startswith(WINDOWS) for path in self.mapping.fields)
        return Bounds(none_of(surely), NOTHING if may_be_windows else EVERYTHING)

    def _codes(self, codes: Iterable[str]) -> Bounds:
        values = tuple(
            SigmaNumber(int(code)) if code.isdecimal() else SigmaString((code,), cased=True) for code in codes
        )
        first, second = (self.of_codes(path, values) for path in EVENT_CODES)
        # the second path is read only if the first holds nothing
        absent = none_of(self.field_resolver.mapped_field(EVENT_CODES[0]).exists().upper)
        return Bounds(
            any_of((first.upper, second.upper)),
            any_of((first.lower, all_of((second.lower, absent)))),
        )

    def of_codes(self, path: str, values: tuple[SigmaValue, ...]) -> Bounds:
        """Return the bounds for event codes at a path: one `terms` clause if the path is a plain keyword."""
        types = self.mapping.fields.get(path, ())
        numbers = tuple(value for value in values if isinstance(value, SigmaNumber))
        is_plain = (
            len(types) == 1
            and types[0].type == "keyword"
            and types[0].searchable
            and types[0].normalizer is None
            and not types[0].adds
            and not self.mapping.unindexed
        )
        if is_plain and len(numbers) == len(values):
            return exactly(number_terms(path, numbers))
        return either(self.field_resolver.mapped_field(path).matches(value) for value in values)
