"""Formats of routes and calendars: matchers, weekdays, hours, dates and time zones."""

from __future__ import annotations

import re
from datetime import date, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from watcher.near_names import near_name_fix
from watcher.routes import MatcherError, Matchers, parse_matchers
from watcher.routes.calendars import WEEKDAYS, DateSpan, TimeSpan
from watcher.settings.annotations import InvalidValueError, ValueFormat

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]|24(?=:00)):([0-5][0-9])")
_LONGEST_SPAN = 3660  # days


def parse_matcher_text(text: str) -> Matchers:
    """Return the matchers of a text; raise an InvalidValueError that says what is wrong with it."""
    try:
        return parse_matchers(text)
    except MatcherError as fault:
        raise InvalidValueError(fault.message, fault.fix) from None


def parse_weekdays(text: str) -> tuple[int, ...]:
    """Return the numbers of weekdays: `sat`, `mon-fri`, and `fri-mon` over a weekend."""
    first, _, last = text.lower().partition("-")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return tuple((start + number) % 7 for number in range((end - start) % 7 + 1))


def parse_hours(text: str) -> TimeSpan:
    """Return a span of a day: `08:00-17:00`, and `22:00-06:00` over midnight."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour, minute, last_hour, last_minute = map(int, match.groups())
    span = TimeSpan(start=hour * 60 + minute, end=last_hour * 60 + last_minute)
    if span.start == span.end:
        raise InvalidValueError("the span is empty", "leave out `hours` for all of the day")
    return span


def parse_dates(text: str) -> DateSpan:
    """Return days: `2026-12-24`, or `2026-12-24/2027-01-06` from the first to the last."""
    first, _, last = text.partition("/")
    span = DateSpan(first=date.fromisoformat(first), last=date.fromisoformat(last or first))
    if span.last < span.first:
        raise InvalidValueError(f"`{text}` ends before it begins", "write the earlier day first")
    if (span.last - span.first).days > _LONGEST_SPAN:
        raise InvalidValueError("the span is longer than ten years", "write shorter spans")
    return span


def parse_time_zone(text: str) -> tzinfo:
    """Return a time zone of the IANA database."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fix = near_name_fix(text, sorted(available_timezones()), "write it as `Europe/Vienna`")
        raise InvalidValueError(f"this machine knows no time zone `{text}`", fix) from None


MatcherText = Annotated[
    Matchers,
    ValueFormat(
        expected="matchers",
        parse=parse_matcher_text,
        schema={"type": "string"},
        advice='write them as `level=~"high|critical", host!="DC01"`',
    ),
]
Weekdays = Annotated[
    tuple[int, ...],
    ValueFormat(
        expected="weekdays",
        parse=parse_weekdays,
        schema={"type": "string", "pattern": f"^(?i:{'|'.join(WEEKDAYS)})(-(?i:{'|'.join(WEEKDAYS)}))?$"},
        advice=f"write `mon-fri`, or one of {', '.join(WEEKDAYS)}",
    ),
]
Hours = Annotated[
    TimeSpan,
    ValueFormat(
        expected="hours",
        parse=parse_hours,
        schema={"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"},
        advice="write them as `08:00-17:00`, over midnight as `22:00-06:00`",
    ),
]
Dates = Annotated[
    DateSpan,
    ValueFormat(
        expected="a day or days",
        parse=parse_dates,
        schema={"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(/[0-9]{4}-[0-9]{2}-[0-9]{2})?$"},
        advice="write them as `2026-12-24`, or `2026-12-24/2027-01-06`",
    ),
]
TimeZone = Annotated[
    tzinfo,
    ValueFormat(
        expected="a time zone",
        parse=parse_time_zone,
        schema={"type": "string"},
        advice="write it as `Europe/Vienna`",
    ),
]
