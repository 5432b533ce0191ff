"""The settings of a source: which events are searched, how, and where their fields are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

from watcher.settings.annotations import AnyKeyOf, Option
from watcher.settings.formats import (
    Count,
    Duration,
    IndexPattern,
    Line,
    Lines,
    Name,
    PositiveDuration,
    Silence,
    SomeLines,
    Timestamp,
    word,
)

_NO_LOGSOURCE = AnyKeyOf(
    keys=("product", "category", "service"),
    message="does not name a log source",
    fix="give `product`, `category` or `service`",
)
_NO_EVENTS = AnyKeyOf(
    keys=("channels", "event_codes"),
    message="does not say which events belong to the log source",
    fix="give `channels`, `event_codes` or both",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceMapping:
    """A log source that the user adds, and the events that belong to it."""

    product: Annotated[Line | None, Option("product of the log source", example="windows")] = None
    category: Annotated[Line | None, Option("category of the log source", example="vpn")] = None
    service: Annotated[Line | None, Option("service of the log source", example="company-vpn")] = None
    channels: Annotated[Lines, Option("channels of its events", example="[Company-VPN/Operational]")] = ()
    event_codes: Annotated[Lines, Option("event ids of its events", example="[100, 101]")] = ()

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (_NO_LOGSOURCE, _NO_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """A file with field locations and log sources that several sources or installations share."""

    path: Path
    fields: Annotated[
        Mapping[str, SomeLines], Option("Sigma field → further paths of it in the index", example="{User: user.name}")
    ] = field(default_factory=dict)
    logsources: Annotated[tuple[LogSourceMapping, ...], Option("log sources, and the events that belong to them")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LateEventSettings:
    """The check for late events: events that were indexed after their window was searched."""

    past: Annotated[Duration, Option("how far back the check looks for late events")] = timedelta(days=7)
    ahead: Annotated[Duration, Option("how far ahead it looks, for clocks that are fast")] = timedelta(days=1)
    every: Annotated[PositiveDuration, Option("how often the check runs")] = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An index pattern that is searched."""

    name: Annotated[Name, Option("unique name; checkpoints and leases are stored under it")] = "windows"
    index: Annotated[IndexPattern, Option("index pattern; several are separated by commas")] = "winlogbeat-*"
    time_field: Annotated[
        Line,
        Option(
            "field that selects the events of a window; events without it are selected by `@timestamp`, which is "
            "always the time of a hit"
        ),
    ] = "@timestamp"
    every: Annotated[PositiveDuration, Option("how often a search runs")] = timedelta(minutes=1)
    delay: Annotated[Duration, Option("how long a search waits for the events of its window to arrive")] = timedelta(
        seconds=30
    )
    overlap: Annotated[Duration, Option("how far each window reaches back into the previous one")] = timedelta(
        minutes=5
    )
    late_events: Annotated[
        LateEventSettings,
        Option("late events: slices of the past whose event count grew are searched again", formerly="sweep"),
    ] = LateEventSettings()
    silent_after: Annotated[
        Silence,
        Option(
            "how long a source may have no events before it is reported: a duration, `never`, or `auto`: half as long "
            "again as the second longest silence of the last 14 days, at least 10 minutes and at most 3 days"
        ),
    ] = "auto"
    catch_up: Annotated[
        Annotated[str, word("newest", "oldest")],
        Option("which part of a missed time span is searched first: `newest` or `oldest`; live search never waits"),
    ] = "newest"
    start: Annotated[
        Timestamp | None,
        Option(
            "where the first start begins, with a time zone; left out: `overlap` before now",
            example="2025-01-31T08:00:00Z",
        ),
    ] = None
    slice: Annotated[PositiveDuration, Option("longest window that is searched at once when catching up")] = timedelta(
        hours=1
    )
    search: Annotated[
        Annotated[str, word("auto", "scan", "query")],
        Option(
            "search strategy: `scan` reads the events of a window once for all rules, `query` sends one query per "
            "rule, `auto` takes the cheaper one"
        ),
    ] = "auto"
    scan_below: Annotated[
        Count,
        Option(
            "`auto` scans up to this number of events per query (a long rule has several queries); "
            "`watcher explain --plan` shows the calculation"
        ),
    ] = 1000
    fetch: Annotated[
        Annotated[str, word("whole", "needed")],
        Option(
            "what a scan reads of each event: `whole`, or only the `needed` fields, which saves network traffic and "
            "costs CPU time of the cluster"
        ),
    ] = "whole"
    budget: Annotated[
        PositiveDuration,
        Option(
            "time limit of one window: for waiting until an overloaded cluster answers, and for queries rule by rule "
            "before the remaining rules are scanned for"
        ),
    ] = timedelta(minutes=5)
    fields: Annotated[
        Mapping[str, SomeLines],
        Option("Sigma field → further paths of it in the index", example="{CompanyUser: [user.name, company.user]}"),
    ] = field(default_factory=dict)
    logsources: Annotated[
        tuple[LogSourceMapping, ...], Option("log sources of your own, and the events that belong to them")
    ] = ()
    field_maps: Annotated[
        tuple[FieldMap, ...],
        Option(
            "files with `fields` and `logsources` to share; what the source itself sets comes first",
            example="[maps/company.yml]",
        ),
    ] = ()
