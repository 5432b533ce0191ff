"""Calendars against a reference that walks on the clock on the wall, minute by minute, with daylight saving."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from support.seeded import fuzz

from watcher.routes.calendars import MINUTES, Calendar, DateSpan, TimeSpan
from watcher.settings.route_formats import parse_hours

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WINDOWS = [  # two days each, in UTC
    ("Europe/Vienna", date(2026, 3, 28)),  # an hour is skipped
    ("Europe/Vienna", date(2026, 10, 24)),  # an hour is repeated
    ("America/New_York", date(2026, 3, 7)),
    ("America/New_York", date(2026, 10, 31)),  # at the end of a month
    ("Australia/Lord_Howe", date(2026, 4, 4)),  # half an hour is repeated
    ("Australia/Lord_Howe", date(2026, 10, 3)),  # half an hour is skipped
    ("America/St_Johns", date(2026, 12, 31)),  # -03:30, at the end of a year
    ("Asia/Kathmandu", date(2024, 2, 28)),  # +05:45, with a 29th of February
    ("Africa/Cairo", date(2026, 4, 23)),  # midnight is skipped
    ("America/Havana", date(2026, 10, 31)),  # 00:00 to 01:00 is repeated
    ("Pacific/Apia", date(2011, 12, 29)),  # a day is skipped
    ("UTC", date(2026, 2, 28)),
]


def chosen_days(calendar: Calendar, first: date, last: date) -> list[date]:
    """Return the days of a calendar, from the first to the last."""
    every = (first + number * DAY for number in range((last - first).days + 1))
    listed = {day for span in calendar.dates for day in days_of(span)}
    return [
        day
        for day in every
        if (not calendar.weekdays or day.isoweekday() - 1 in calendar.weekdays)
        and (not calendar.dates or day in listed)
    ]


def walked(calendar: Calendar, first: date, last: date) -> set[tuple[date, int]]:
    """Return the minutes of a calendar that begin on days, as a clock shows them, each span from its start on."""
    minutes: set[tuple[date, int]] = set()
    for day in chosen_days(calendar, first, last):
        for start, end in [(span.start, span.end) for span in calendar.hours] or [(0, 1440)]:
            minute, shown = start, day
            while True:
                minutes.add((shown, minute))
                minute += 1
                if minute == end:
                    break
                if minute == 1440:
                    minute, shown = 0, shown + DAY
                    if end == 0:
                        break
    return minutes


def days_of(span: DateSpan) -> set[date]:
    return {span.first + number * DAY for number in range((span.last - span.first).days + 1)}


def random_calendar(random: Random, zone: str, first: date) -> Calendar:
    """Return a calendar with spans and days near those of a window."""

    def minute() -> int:
        return random.choice((0, 1, 30, 60, 90, 120, 149, 150, 180, 181, 720, 1410, 1439))

    def span() -> TimeSpan:
        start = minute()
        return TimeSpan(start=start, end=random.choice((minute(), start, (start + 30) % MINUTES, MINUTES)))

    def days() -> DateSpan:
        begin = first + random.randint(-2, 3) * DAY
        return DateSpan(first=begin, last=begin + random.choice((0, 0, 1, 40)) * DAY)

    return Calendar(
        name="any",
        zone=ZoneInfo(zone),
        weekdays=tuple(sorted(random.sample(range(7), random.choice((0, 0, 1, 3, 6))))),
        hours=tuple(span() for _ in range(random.choice((0, 1, 1, 2)))),
        dates=tuple(days() for _ in range(random.choice((0, 0, 1, 2)))),
    )


def check(random: Random) -> None:
    """Compare a random calendar with the reference at every minute of a window."""
    zone, first = random.choice(WINDOWS)
    compare(random_calendar(random, zone, first), first)


def compare(calendar: Calendar, first: date) -> None:
    minutes = walked(calendar, first - 3 * DAY, first + 4 * DAY)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    for number in range(2 * MINUTES):
        at = start + number * MINUTE
        local = at.astimezone(calendar.zone)
        expected = (local.date(), local.hour * 60 + local.minute) in minutes
        assert calendar.holds(at + timedelta(seconds=59)) is expected, (calendar, at)


@pytest.mark.parametrize("number", range(len(WINDOWS)))
def test_calendars_hold_at_the_minutes_that_a_clock_shows(number: int) -> None:
    zone, first = WINDOWS[number]
    random = Random(f"calendars {number}")  # noqa: S311 - reproducible inputs, no secrets
    for _ in range(3):
        compare(random_calendar(random, zone, first), first)


@pytest.mark.slow
def test_random_calendars_hold_at_the_minutes_that_a_clock_shows() -> None:
    assert fuzz(check) > 5


@pytest.mark.parametrize("number", range(len(WINDOWS)))
def test_the_next_day_is_the_first_of_all_days_that_the_calendar_has(number: int) -> None:
    zone, first = WINDOWS[number]
    random = Random(f"days {number}")  # noqa: S311 - reproducible inputs, no secrets
    for _ in range(40):
        calendar = random_calendar(random, zone, first)
        at = datetime(first.year, first.month, first.day, random.randrange(24), 30, tzinfo=UTC)
        today = at.astimezone(calendar.zone).date()
        days = chosen_days(calendar, today, today + 60 * DAY)
        assert calendar.next_day(at) == (days[0] if days else None), (calendar, at)


def test_a_span_of_which_the_ends_are_equal_is_a_day_from_its_start_on() -> None:
    day = Calendar(name="day", weekdays=(4,), hours=(TimeSpan(start=60, end=60),))
    friday = datetime(2026, 11, 27, tzinfo=UTC)
    assert not day.holds(friday + 59 * MINUTE)
    assert day.holds(friday + 60 * MINUTE)
    assert day.holds(friday + (MINUTES + 59) * MINUTE)
    assert not day.holds(friday + (MINUTES + 60) * MINUTE)


def test_the_first_day_of_all_has_no_day_before() -> None:
    night = Calendar(name="night", hours=(TimeSpan(start=22 * 60, end=6 * 60),))
    assert not night.holds(datetime(1, 1, 1, 3, tzinfo=UTC))
    assert night.holds(datetime(1, 1, 2, 3, tzinfo=UTC))


def test_the_last_day_of_all_has_no_day_after() -> None:
    last = DateSpan(first=date(9999, 12, 30), last=date.max)
    assert Calendar(name="last", dates=(last,)).next_day(datetime(2026, 1, 1, tzinfo=UTC)) == last.first
    fridays = Calendar(name="fridays", weekdays=(4,))
    assert fridays.next_day(datetime(9999, 12, 31, tzinfo=UTC)) == date.max
    assert Calendar(name="mondays", weekdays=(0,)).next_day(datetime(9999, 12, 31, tzinfo=UTC)) is None


def test_a_span_ends_with_the_day_at_24_00() -> None:
    assert parse_hours("00:00-24:00") == TimeSpan(start=0, end=1440)
    assert parse_hours("23:59-00:00").crosses_midnight
    assert MINUTES == 24 * 60


def test_time_zones_need_no_database_of_the_system() -> None:
    zoneinfo.reset_tzpath(to=())
    try:
        zones = [ZoneInfo.no_cache(zone) for zone, _ in WINDOWS]
    finally:
        zoneinfo.reset_tzpath()
    assert {str(zone) for zone in zones} == {zone for zone, _ in WINDOWS}
