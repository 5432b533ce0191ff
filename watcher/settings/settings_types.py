"""What can be set, as frozen types with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from watcher.settings.channel_settings import Channel
from watcher.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """How to reach a cluster."""

    hosts: tuple[str, ...] = ("http://localhost:9200",)
    username: str | None = None
    password: Secret | None = None
    api_key: Secret | None = None  # the encoded form, `base64(id:key)`
    ca_certs: Path | None = None
    ca_fingerprint: str | None = None  # SHA-256 of the CA, as Elasticsearch prints it at first start
    client_cert: Path | None = None
    client_key: Path | None = None
    verify_certs: bool = True
    timeout: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Where alerts, hits and coverage are kept."""

    cluster: Cluster | None = None  # None: in the cluster of the events
    prefix: str = "watcher"
    retention: timedelta = timedelta(days=365)
    store: str = "whole"  # of a hit's event: whole, fields, none


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceMapping:
    """A log source that the user adds: which events it means."""

    product: str | None = None
    category: str | None = None
    service: str | None = None
    channels: tuple[str, ...] = ()
    event_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An index pattern that is watched."""

    name: str = "windows"
    index: str = "winlogbeat-*"
    time_field: str = "@timestamp"
    every: timedelta = timedelta(minutes=1)
    delay: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=5)
    sweep_past: timedelta = timedelta(days=7)
    sweep_ahead: timedelta = timedelta(days=1)
    sweep_every: timedelta = timedelta(minutes=15)
    catch_up: str = "newest"  # which part of a span that was missed is searched first: newest or oldest
    start: datetime | None = None  # first start from here instead of now - overlap
    slice: timedelta = timedelta(hours=1)  # the longest window searched at once when catching up
    search: str = "auto"  # auto, scan (one pass over all events) or query (each rule by its own query)
    scan_below: int = 1000  # events per query of a rule up to which `auto` scans
    fetch: str = "whole"  # of the events that a scan reads: whole, or needed (the fields that rules look at)
    budget: timedelta = timedelta(minutes=5)  # of one window: waiting for a busy cluster, asking by queries
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # Sigma field → further paths
    logsources: tuple[LogSourceMapping, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of rules."""

    name: str
    path: Path
    corpus: str = ""  # the label under which the catalogue counts its rules; empty: its name
    repository: str = ""  # the address of where its rules come from
    files: str = ""  # the address that a rule's path is put behind to read its file there


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which rules a line of settings speaks of, and what it sets; what it does not set is None."""

    line: int  # in watcher.yml; 0: a default
    folder: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    path: tuple[str, ...] = ()  # globs on the path relative to the folder
    enabled: bool | None = None
    group_by: tuple[str, ...] | None = None  # `("event",)`: every hit is an alert
    quiet_period: timedelta | None = None
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Findings of `watcher check` that are accepted."""

    code: tuple[str, ...]  # globs
    because: str = ""
    where: Selector  # of which rules; what it would set is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    """When many alerts of one rule go to one channel as one message."""

    limit: int = 20  # alerts of a rule that a channel is told one by one in an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set; the defaults run against a cluster on this machine."""

    file: Path | None = None
    cluster: Cluster = Cluster()
    state: StateSettings = StateSettings()
    sources: tuple[Source, ...] = (Source(),)
    folders: tuple[Folder, ...] = ()  # none: the shipped rules
    selectors: tuple[Selector, ...] = ()  # in order, the later wins
    allow: tuple[Allowance, ...] = ()  # findings of `watcher check`
    channels: tuple[Channel, ...] = ()
    storm: RateLimitSettings = RateLimitSettings()
    lease: timedelta = timedelta(seconds=30)  # of several sidecars: how long one may be silent until others take over
    templates: Path | None = None  # a folder whose files take the place of the shipped templates of the same name
    discover_url: str | None = None  # Kibana or Dashboards, e.g. `https://kibana.example/app/discover`
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values for `expand`: name → values
