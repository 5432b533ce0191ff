"""A reference for routes, silences and inhibition: says what must hold by enumeration, without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from watcher.model import Level
from watcher.routes import Matchers, parse_matchers
from watcher.routes.calendars import Calendar, TimeSpan
from watcher.routes.route_tree import Escalation, Route
from watcher.routes.silences import MaintenanceWindow, Silencer, StoredSilence

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY = Calendar(name="day", hours=(TimeSpan(start=8 * 60, end=17 * 60),))
_LUNCH = Calendar(name="lunch", hours=(TimeSpan(start=12 * 60 + 30, end=13 * 60 + 15),))
_LEVELS = ("informational", "low", "low", "medium", "high", "critical", "critical")

CONDITIONS: Mapping[str, Callable[[str, str], bool]] = {
    "level>=high": lambda level, _host: level in ("high", "critical"),
    "level<=low": lambda level, _host: level in ("low", "informational"),
    "level!=medium": lambda level, _host: level != "medium",
    "host=A": lambda _level, host: host == "A",
    "host!=A": lambda _level, host: host != "A",
    'host=~"a|b", level=~".*l"': lambda level, host: host in "AB" and level.endswith("l"),
}
"""Matchers, and what they mean about a level and a host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAlert:
    """An alert as the test opened it."""

    level: str
    host: str
    at: datetime


def random_routes(random: Random, depth: int = 0) -> tuple[Route, ...]:
    """Return some routes, of which some have routes of their own."""
    return tuple(
        Route(
            name=f"r{random.randrange(1000)}",
            matchers=_random_matchers(random) if random.random() < 0.8 else (),
            during=(DAY,) if random.random() < 0.2 else (),
            outside=(DAY,) if random.random() < 0.2 else (),
            receivers=tuple(random.sample(["mail", "slack"], random.choice((0, 1, 1, 2)))),
            goes_on=random.random() < 0.5,
            digest=random.choice((None, HOUR)),
            escalations=random.choice(((), (Escalation(after=30 * MINUTE, receivers=("pager",)),))),
            routes=random_routes(random, depth + 1) if depth < 2 and random.random() < 0.4 else (),
        )
        for _ in range(random.choice((0, 1, 2, 3)))
    )


def random_silencers(random: Random, start: datetime) -> tuple[Silencer, ...]:
    """Return silences and maintenance windows that hold within hours of a moment."""
    silences = [
        StoredSilence(
            id=f"{number:08x}",
            matchers=_random_matchers(random),
            start=begin,
            until=begin + random.randint(1, 90) * MINUTE,
            by="ada",
            reason="patching",
            created=start,
        )
        for number in range(random.choice((0, 0, 1, 2)))
        for begin in (start + random.randint(0, 120) * MINUTE,)
    ]
    windows = [
        MaintenanceWindow(name=f"window {number}", matchers=_random_matchers(random), calendars=(_LUNCH,))
        for number in range(random.choice((0, 0, 1)))
    ]
    return (*silences, *windows)


def silencer_holds(silencer: Silencer, alert: OpenedAlert, at: datetime) -> bool:
    """Whether a silence or a window holds back a message about an alert at a moment."""
    if isinstance(silencer, StoredSilence):
        is_active = silencer.start <= at < silencer.until
    else:
        is_active = (12, 30) <= (at.hour, at.minute) < (13, 15)
    return is_active and holds(silencer.matchers, alert)


def holds(matchers: Matchers, alert: OpenedAlert) -> bool:
    """Whether the matchers of a condition mean an alert."""
    meant = [condition for text, condition in CONDITIONS.items() if parse_matchers(text) == matchers]
    return not matchers or meant[0](alert.level, alert.host)


def inhibited(alert: OpenedAlert, sources: Iterable[OpenedAlert], at: datetime) -> bool:
    """Whether a critical alert of the same host, opened within the hour, holds a low one back."""
    return alert.level in ("low", "informational") and any(
        source.level == "critical" and source.host == alert.host and at - HOUR < source.at for source in sources
    )


def expected_receivers(routes: tuple[Route, ...], alert: OpenedAlert) -> Mapping[str, tuple[str, timedelta, timedelta]]:
    """Return channel → its route, the wait for an escalation and the interval of its digest."""
    receivers: dict[str, tuple[str, timedelta, timedelta]] = {}
    deciding = [route for route, path in _paths(routes) if _decides(path, alert)]
    for route in deciding:
        zero = timedelta(0)
        planned = [(channel, zero, route.digest or zero) for channel in route.receivers]
        planned += [(channel, stage.after, zero) for stage in route.escalations for channel in stage.receivers]
        for channel, after, interval in planned:
            before = receivers.get(channel)
            if before is None or after + interval < before[1] + before[2]:
                receivers[channel] = (route.name, after, interval)
    return receivers if deciding else {"mail": ("", timedelta(0), timedelta(0))}


_Path = tuple[tuple[tuple[Route, ...], int], ...]  # on each depth the routes beside each other, and the position


def _paths(routes: tuple[Route, ...], above: _Path = ()) -> Iterator[tuple[Route, _Path]]:
    """Yield every route, in order, with the way to it."""
    for position, route in enumerate(routes):
        path = (*above, (routes, position))
        yield route, path
        yield from _paths(route.routes, path)


def _decides(path: _Path, alert: OpenedAlert) -> bool:
    """Whether an alert reaches a route: all above match, no earlier one ends the search, and none within matches."""
    for beside, position in path:
        ended = any(_matches(route, alert) and not route.goes_on for route in beside[:position])
        if ended or not _matches(beside[position], alert):
            return False
    beside, position = path[-1]
    return not any(_matches(inner, alert) for inner in beside[position].routes)


def _matches(route: Route, alert: OpenedAlert) -> bool:
    is_day = 8 <= alert.at.hour < 17
    return holds(route.matchers, alert) and not (route.during and not is_day) and not (route.outside and is_day)


def random_level(random: Random) -> Level:
    """Return a level."""
    return Level(random.choice(_LEVELS))


def _random_matchers(random: Random) -> Matchers:
    return parse_matchers(random.choice(list(CONDITIONS)))
