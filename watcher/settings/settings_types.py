"""The root of the settings, with its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from watcher.model import Finding, Location
from watcher.settings.annotations import Checked, Option, unique_names
from watcher.settings.channel_types import ChannelSettings
from watcher.settings.cluster_settings import Cluster, StateSettings
from watcher.settings.formats import Count, ExistingFolder, Line, PositiveDuration, SomeLines, WebAddress
from watcher.settings.monitoring_settings import MonitoringSettings
from watcher.settings.route_formats import TimeZone
from watcher.settings.route_settings import (
    CalendarSettings,
    InhibitionSettings,
    MaintenanceWindowSettings,
    RouteSettings,
)
from watcher.settings.rule_selection import CheckSettings, RuleSelection
from watcher.settings.source_settings import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    """How many single messages a channel gets."""

    alerts: Annotated[
        Count,
        Option(
            "alerts of one rule that a channel gets as single messages in an hour; further alerts go out as a digest",
            formerly="limit",
        ),
    ] = 20
    messages: Annotated[
        Count,
        Option(
            "alerts of all rules that a channel gets as single messages in an hour, those of lower levels not counted; "
            "further ones go out as a digest every ten minutes"
        ),
    ] = 20
    alerts_per_key: Annotated[
        Count,
        Option(
            "alerts of all rules with the same group key, e.g. the same host, that a channel gets as single messages "
            "in an hour, those of lower levels not counted; critical alerts are exempt from all three limits"
        ),
    ] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set; the defaults run against a cluster on this machine."""

    file: Path | None = None
    warnings: tuple[str, ...] = ()  # settings that are read by a former name
    risks: tuple[Finding, ...] = ()  # settings that let others read credentials
    cluster: Annotated[
        Cluster, Option("the cluster of the events: Elasticsearch 8.x or 9.x, OpenSearch 2.11+ or 3.x")
    ] = field(default_factory=Cluster)
    sources: Annotated[
        tuple[Source, ...],
        Checked(unique_names("give each source a `name` of its own")),
        Option("what is searched: one entry per index pattern"),
    ] = (Source(),)
    rules: Annotated[RuleSelection, Option("which rules are run, and how")] = field(default_factory=RuleSelection)
    check: Annotated[CheckSettings, Option("which findings of `watcher check` are accepted")] = field(
        default_factory=CheckSettings
    )
    channels: Annotated[
        tuple[ChannelSettings, ...], Option("where alerts are sent: name → settings; `type` selects the kind")
    ] = ()
    state: Annotated[StateSettings, Option("where alerts, hits and checkpoints are stored")] = field(
        default_factory=StateSettings
    )
    rate_limit: Annotated[
        RateLimitSettings,
        Option("limits for single messages when one rule or many open very many alerts", formerly="storm"),
    ] = field(default_factory=RateLimitSettings)
    routes: Annotated[
        tuple[RouteSettings, ...],
        Option(
            "which alerts go to which channels and when, by [label matchers](routing.md): the first route that matches "
            "decides; where none matches, or nothing is set, `channels` of the rule's settings decide"
        ),
    ] = ()
    calendars: Annotated[
        tuple[CalendarSettings, ...],
        Checked(unique_names("give each calendar a `name` of its own")),
        Option("recurring times, which routes name"),
    ] = ()
    inhibit: Annotated[
        tuple[InhibitionSettings, ...],
        Option("alerts that are not sent while there is an alert of a higher level on the same host"),
    ] = ()
    maintenance_windows: Annotated[
        tuple[MaintenanceWindowSettings, ...],
        Checked(unique_names("give each maintenance window a `name` of its own")),
        Option("recurring times in which some alerts send no messages, as [silences](silences.md#maintenance-windows)"),
    ] = ()
    monitoring: Annotated[
        MonitoringSettings, Option("how operators watch watcher itself: metrics, liveness, a dead-man's switch")
    ] = field(default_factory=MonitoringSettings)
    lease: Annotated[
        PositiveDuration,
        Option("where several sidecars share the work: how long one may be silent before the others take over"),
    ] = timedelta(seconds=30)
    base_hits_in_memory: Annotated[
        Count,
        Option(
            "events that the correlations of one process keep in memory, all of them together; beyond it the groups "
            "with most of them lose their oldest, which their alerts and `watcher status` say"
        ),
    ] = 10_000_000
    person: Annotated[
        Line | None,
        Option(
            "under whose name `watcher ack` and the other commands of triage write history; left out: user@machine",
            example="alice",
        ),
    ] = None
    templates: Annotated[
        ExistingFolder | None,
        Option("folder whose files replace the shipped templates of the same name", example="templates"),
    ] = None
    discover_url: Annotated[
        WebAddress | None,
        Option(
            "address of Kibana or Dashboards, for the link from an alert to its events",
            example="https://kibana.example/app/discover",
        ),
    ] = None
    data_view: Annotated[
        Line | None,
        Option(
            "id of the data view (Kibana) or index pattern (Dashboards) that these links open", example="winlogbeat"
        ),
    ] = None
    catalogue_url: Annotated[
        WebAddress | None,
        Option(
            "address of the site of `watcher catalogue`, for the link from an alert to the page of its rule",
            example="https://rules.example",
        ),
    ] = None
    time_zone: Annotated[
        TimeZone | None, Option("time zone of times in messages, beside UTC", example="Europe/Berlin")
    ] = None
    placeholders: Annotated[
        Mapping[str, SomeLines],
        Option(
            "values for the `expand` modifier: name of the placeholder without `%` → values",
            example="{domain_controllers: [DC01.corp.example, DC02.corp.example]}",
        ),
    ] = field(default_factory=dict)

    def location(self, line: int) -> Location:
        """Return the place of an entry, by its line in the settings file."""
        return Location(file=str(self.file or "settings"), line=line)
