from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from watcher.routes.calendars import MINUTES, Calendar, DateSpan, TimeSpan

VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = Calendar(name="office", zone=VIENNA, weekdays=(0, 1, 2, 3, 4), hours=(TimeSpan(start=8 * 60, end=17 * 60),))
NIGHT = Calendar(name="night", zone=VIENNA, weekdays=(4,), hours=(TimeSpan(start=22 * 60, end=6 * 60),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-27T08:00:00+01:00", True),  # a Friday
        ("2026-11-27T07:59:59+01:00", False),
        ("2026-11-27T16:59:59+01:00", True),
        ("2026-11-27T17:00:00+01:00", False),
        ("2026-11-28T12:00:00+01:00", False),  # a Saturday
        ("2026-07-03T06:00:00+00:00", True),  # 08:00 in summer
        ("2026-01-02T06:00:00+00:00", False),  # 07:00 in winter
    ],
)
def test_office_hours_are_those_of_the_time_zone(moment: str, *, holds: bool) -> None:
    assert OFFICE.holds(at(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-27T21:59:00+01:00", False),
        ("2026-11-27T22:00:00+01:00", True),
        ("2026-11-28T05:59:00+01:00", True),  # Saturday, but the night of Friday
        ("2026-11-28T06:00:00+01:00", False),
        ("2026-11-27T05:00:00+01:00", False),  # the night of Thursday
        ("2026-11-28T22:00:00+01:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_starts(moment: str, *, holds: bool) -> None:
    assert NIGHT.holds(at(moment)) is holds


def test_a_repeated_hour_is_in_the_calendar_twice_and_a_skipped_one_never() -> None:
    small_hours = Calendar(name="small", zone=VIENNA, hours=(TimeSpan(start=2 * 60, end=3 * 60),))
    autumn = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(4)]
    assert [small_hours.holds(moment) for moment in autumn] == [True, True, False, False]  # 02:30 twice
    spring = [datetime(2026, 3, 29, hour, 30, tzinfo=UTC) for hour in range(4)]
    assert [small_hours.holds(moment) for moment in spring] == [False, False, False, False]


def test_dates_are_included_from_the_first_to_the_last() -> None:
    holidays = Calendar(name="h", zone=VIENNA, dates=(DateSpan(first=date(2026, 12, 24), last=date(2027, 1, 6)),))
    assert not holidays.holds(at("2026-12-23T23:59:00+01:00"))
    assert holidays.holds(at("2026-12-24T00:00:00+01:00"))
    assert holidays.holds(at("2027-01-06T23:59:00+01:00"))
    assert not holidays.holds(at("2027-01-07T00:00:00+01:00"))


def test_a_span_until_midnight_ends_there() -> None:
    evening = Calendar(name="e", hours=(TimeSpan(start=20 * 60, end=MINUTES),))
    assert evening.holds(at("2026-11-27T23:59:59+00:00"))
    assert not evening.holds(at("2026-11-28T00:00:00+00:00"))


def test_the_next_day_of_a_calendar() -> None:
    saturdays = Calendar(name="s", weekdays=(5,), dates=(DateSpan(first=date(2026, 11, 1), last=date(2026, 11, 30)),))
    assert saturdays.next_day(at("2026-11-23T12:00:00+00:00")) == date(2026, 11, 28)
    assert saturdays.next_day(at("2026-11-28T23:00:00+00:00")) == date(2026, 11, 28)
    assert saturdays.next_day(at("2026-11-29T00:00:00+00:00")) is None
    assert OFFICE.next_day(at("2026-11-28T12:00:00+01:00")) == date(2026, 11, 30)
