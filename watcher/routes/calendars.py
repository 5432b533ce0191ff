"""Calendars: recurring times in a time zone, such as office hours.

Times are those of clocks on the wall. Where daylight saving repeats an hour, the calendar holds in both; an hour that
it skips never comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The names of weekdays, Monday first as in `datetime.weekday`."""

MINUTES = 24 * 60
"""Minutes of a day: the end of a time span that lasts until midnight."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A span of a day, in minutes since midnight; one whose end is not after its start ends on the next day."""

    start: int
    end: int  # not included

    @property
    def crosses_midnight(self) -> bool:
        """Whether it ends on the next day."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSpan:
    """Days from the first to the last, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Recurring times; what is left out means any. A span over midnight belongs to the day on which it starts."""

    name: str
    zone: tzinfo = UTC
    weekdays: tuple[int, ...] = ()
    hours: tuple[TimeSpan, ...] = ()
    dates: tuple[DateSpan, ...] = field(default=())

    def holds(self, at: datetime) -> bool:
        """Whether a moment is in the calendar."""
        local = at.astimezone(self.zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        if not self.hours:
            return self._includes(day)
        return any(self._span_holds(span, day, minute) for span in self.hours)

    def next_day(self, at: datetime) -> date | None:
        """Return the first day of the calendar that is not over at a moment; None where there is none."""
        today = at.astimezone(self.zone).date()
        spans = self.dates or (DateSpan(first=today, last=date.max),)
        return min((day for span in spans for day in self._days(span, today)), default=None)

    def _span_holds(self, span: TimeSpan, day: date, minute: int) -> bool:
        if not span.crosses_midnight:
            return span.start <= minute < span.end and self._includes(day)
        if minute >= span.start:
            return self._includes(day)
        return minute < span.end and day > date.min and self._includes(day - _DAY)

    def _includes(self, day: date) -> bool:
        return (not self.weekdays or day.weekday() in self.weekdays) and (
            not self.dates or any(span.first <= day <= span.last for span in self.dates)
        )

    def _days(self, span: DateSpan, today: date) -> Iterator[date]:
        """Yield at most a week of days of a span from a day on, which has every weekday once."""
        first = max(span.first, today)
        count = min(len(WEEKDAYS), (span.last - first).days + 1)  # no day comes after `date.max`
        days = (first + timedelta(days=number) for number in range(count))
        yield from (day for day in days if self._includes(day))
