"""Settings of routes → the tree of routes, in which every route has all its values."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.routes import equality_matchers
from watcher.routes.calendars import Calendar
from watcher.routes.route_tree import Escalation, Inhibition, Route, RouteTree
from watcher.routes.silences import MaintenanceWindow
from watcher.settings.route_settings import CalendarSettings, RouteSettings, SubrouteSettings, all_matchers
from watcher.settings.settings_types import Settings

Calendars = Mapping[str, Calendar]


def route_tree(settings: Settings) -> RouteTree:
    """Return the tree of routes that settings describe."""
    calendars = calendars_of(settings)
    return RouteTree(
        routes=tuple(_route_with_subroutes(route, calendars) for route in settings.routes),
        inhibitions=tuple(
            Inhibition(
                sources=all_matchers(entry.source),
                targets=all_matchers(entry.target),
                equal=entry.equal,
                within=entry.within,
            )
            for entry in settings.inhibit
        ),
    )


def maintenance_windows(settings: Settings) -> tuple[MaintenanceWindow, ...]:
    """Return the maintenance windows of settings."""
    calendars = calendars_of(settings)
    return tuple(
        MaintenanceWindow(
            name=entry.name,
            matchers=(*all_matchers(entry.matchers), *equality_matchers(entry.match)),
            calendars=tuple(calendars[name] for name in entry.during),
            line=entry.line,
        )
        for entry in settings.maintenance_windows
    )


def calendars_of(settings: Settings) -> Calendars:
    """Return the calendars of settings by name."""
    return {entry.name: _calendar(entry) for entry in settings.calendars}


def _calendar(entry: CalendarSettings) -> Calendar:
    return Calendar(
        name=entry.name,
        zone=entry.time_zone,
        weekdays=tuple(sorted({number for numbers in entry.weekdays for number in numbers})),
        hours=entry.hours,
        dates=entry.dates,
    )


def _route_with_subroutes(entry: RouteSettings, calendars: Calendars) -> Route:
    above = _route(entry, calendars, Route(name=""))
    return _route(entry, calendars, Route(name=""), tuple(_route(inner, calendars, above) for inner in entry.routes))


def _route(entry: SubrouteSettings, calendars: Calendars, above: Route, routes: tuple[Route, ...] = ()) -> Route:
    """Return a route; what its settings leave out is that of the route above it."""
    escalations = tuple(
        Escalation(after=escalation.after, receivers=escalation.to) for escalation in entry.escalate or ()
    )
    return Route(
        name=entry.name,
        matchers=(*all_matchers(entry.matchers), *equality_matchers(entry.match)),
        during=tuple(calendars[name] for name in entry.during),
        outside=tuple(calendars[name] for name in entry.outside),
        receivers=above.receivers if entry.receivers is None else entry.receivers,
        goes_on=entry.continues,
        digest=above.digest if entry.digest is None else entry.digest,
        group_by=above.group_by if entry.group_by is None else entry.group_by,
        escalations=above.escalations if entry.escalate is None else escalations,
        routes=routes,
    )
