"""The settings of routes: calendars, the tree, and inhibitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Annotated, ClassVar

from watcher.routes import Matchers
from watcher.settings.annotations import AnyKeyOf, NonEmpty, Option
from watcher.settings.formats import Boolean, Lines, Name, PositiveDuration, SomeLines
from watcher.settings.route_formats import Dates, Hours, MatcherText, TimeZone, Weekdays

_HOLDS_ALWAYS = AnyKeyOf(
    keys=("weekdays", "hours", "dates"),
    message="holds always",
    fix="give at least one of `weekdays`, `hours`, `dates`",
    code="missing-key",
)

_MATCHERS = (
    "[label matchers](routing.md#labels-and-matchers) as in Alertmanager, which must hold together; "
    "operators are `=`, `!=`, `=~`, `!~`, and for `level` also `>=` and `<=`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSettings:
    """Recurring times; all that is given must hold together."""

    line: int = 0  # in the settings file
    name: Annotated[Name, Option("routes use it", example="office-hours")]
    time_zone: Annotated[
        TimeZone, Option("of its days and hours; daylight saving is observed", default="`UTC`", example="Europe/Vienna")
    ] = UTC
    weekdays: Annotated[tuple[Weekdays, ...], Option("weekdays: `sat`, `mon-fri`", example="[mon-fri]")] = ()
    hours: Annotated[
        tuple[Hours, ...],
        Option(
            "spans of a day: `08:00-17:00`; `22:00-06:00` ends on the next day, and belongs to the day on which it "
            "starts",
            example='["08:00-17:00"]',
        ),
    ] = ()
    dates: Annotated[
        tuple[Dates, ...],
        Option("days: `2026-12-24`, or `2026-12-24/2027-01-06`, both included", example='["2026-12-24/2027-01-06"]'),
    ] = ()

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (_HOLDS_ALWAYS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationSettings:
    """Further channels for alerts that nobody acknowledges."""

    after: Annotated[PositiveDuration, Option("how long after the alert was opened", example="30m")]
    to: Annotated[
        SomeLines, Option("the channels; an acknowledged or closed alert is not escalated", example="pagerduty")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubrouteSettings:
    """A route within another; what it leaves out is that of the route above."""

    line: int = 0  # in the settings file
    name: Annotated[Name, Option("shown as the reason of a delivery", example="domain-controllers")]
    matchers: Annotated[tuple[MatcherText, ...], Option(_MATCHERS, example="['level>=high', 'host=~\"dc.*\"']")] = ()
    match: Annotated[
        Mapping[str, SomeLines],
        Option(
            "the same as a mapping: label → one value or several, of which one must be equal",
            example="{tag: tlp.red}",
        ),
    ] = field(default_factory=dict)
    during: Annotated[Lines, Option("names of calendars; one of them must hold", example="[office-hours]")] = ()
    outside: Annotated[Lines, Option("names of calendars; none of them may hold", example="[office-hours]")] = ()
    receivers: Annotated[
        Lines | None, Option("channels that get the alerts; `[]` for none", example="[mail, slack]")
    ] = None
    continues: Annotated[
        Boolean, Option("whether the routes after it are asked too, where it matches", key="continue")
    ] = False
    digest: Annotated[
        PositiveDuration | None,
        Option("sends one message about all alerts of a level in this interval (`1h`: at full hours)", example="1h"),
    ] = None
    group_by: Annotated[
        Lines | None,
        Option("labels: a digest of its own for each of their values (`[]`: one for all)", example="[host]"),
    ] = None
    escalate: Annotated[
        tuple[EscalationSettings, ...] | None,
        Option(
            "channels that get an alert which nobody acknowledged",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings(SubrouteSettings):
    """A route of the first level."""

    routes: Annotated[
        tuple[SubrouteSettings, ...],
        Option(
            "routes within this one, asked where it matches; where none of them matches, this one decides",
            example="[{name: servers, match: {host: [SRV1, SRV2]}, receivers: mail}]",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitionSettings:
    """Alerts that are held back by alerts of a higher level."""

    line: int = 0  # in the settings file
    source: Annotated[
        Annotated[tuple[MatcherText, ...], NonEmpty()],
        Option("label matchers of the alerts that hold others back", example="level=critical"),
    ]
    target: Annotated[
        Annotated[tuple[MatcherText, ...], NonEmpty()],
        Option("label matchers of the alerts that are held back, which have a lower level", example="level<=low"),
    ]
    equal: Annotated[
        SomeLines, Option("labels in which both have a value in common; one without a value has none", example="[host]")
    ] = ("host",)
    within: Annotated[PositiveDuration, Option("how long after it was opened an alert holds others back")] = timedelta(
        hours=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindowSettings:
    """Recurring times in which alerts send no messages."""

    line: int = 0  # in the settings file
    name: Annotated[Name, Option("shown as the reason of a delivery", example="patch-night")]
    matchers: Annotated[tuple[MatcherText, ...], Option(_MATCHERS, example="['host=~\"srv.*\"']")] = ()
    match: Annotated[
        Mapping[str, SomeLines],
        Option(
            "the same as a mapping: label → one value or several, of which one must be equal", example="{host: DC01}"
        ),
    ] = field(default_factory=dict)
    during: Annotated[
        Annotated[SomeLines, NonEmpty()], Option("names of calendars; one of them must hold", example="[office-hours]")
    ]

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (
        AnyKeyOf(
            keys=("matchers", "match"),
            message="means every alert",
            fix="name the alerts by `matchers` or `match`",
            code="missing-key",
        ),
    )


def all_matchers(parts: tuple[Matchers, ...]) -> Matchers:
    """Return the matchers of several texts as those of one."""
    return tuple(matcher for part in parts for matcher in part)
