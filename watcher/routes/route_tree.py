"""The tree of routes: what settings say about which alerts go where, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from watcher.routes.calendars import Calendar
from watcher.routes.label_matchers import Matchers


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Channels that get an alert where nobody acknowledged it for a time."""

    after: timedelta
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A node of the tree; what settings leave out is that of the route above."""

    name: str
    matchers: Matchers = ()
    during: tuple[Calendar, ...] = ()  # one of them must hold
    outside: tuple[Calendar, ...] = ()  # none of them may hold
    receivers: tuple[str, ...] = ()  # channels; none: nobody is notified
    goes_on: bool = False  # further routes are asked although this one matches
    digest: timedelta | None = None  # how often one message about all alerts is sent; None: one for each alert
    group_by: tuple[str, ...] = ()  # labels; digests of alerts with different values are different messages
    escalations: tuple[Escalation, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def is_unconditional(self) -> bool:
        """Whether it matches every alert at any time."""
        return not (self.matchers or self.during or self.outside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """Alerts that are not sent while there is an alert of a higher level with equal labels."""

    sources: Matchers  # of the alert of the higher level
    targets: Matchers  # of the alerts that are held back
    equal: tuple[str, ...]  # labels whose values both have
    within: timedelta  # after the source was opened


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTree:
    """All routes in their order, and inhibitions."""

    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()

    def walk(self) -> Iterator[tuple[tuple[Route, ...], Route]]:
        """Yield every route after the one above it, with those above it."""
        yield from _walk((), self.routes)


def _walk(above: tuple[Route, ...], routes: tuple[Route, ...]) -> Iterator[tuple[tuple[Route, ...], Route]]:
    for route in routes:
        yield above, route
        yield from _walk((*above, route), route.routes)
