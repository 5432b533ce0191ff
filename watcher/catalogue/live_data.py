"""Data of the cluster: mappings, event volumes and hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from watcher.catalogue.assumed_mapping import assumed_mapping
from watcher.catalogue.catalogue import LiveData
from watcher.catalogue.entries import SourceMapping
from watcher.errors import ClusterError, Unreachable
from watcher.model import Finding, Rule, Window
from watcher.ports import DocumentReader, EventCounts, EventSource, EventVolume
from watcher.search.live_findings import LiveFindings, live_findings
from watcher.search.rules_that_cannot_fire import RuleChances, cannot_fire
from watcher.settings import Settings, Source
from watcher.timestamps import format_timestamp
from watcher.translate.plan import Translator, paths_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePorts:
    """What the catalogue reads of the clusters."""

    events: EventSource
    counts: EventCounts
    documents: DocumentReader  # of the state: its hits


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredData:
    """The data of the cluster, or assumptions in its place."""

    live: LiveData | None  # None: no cluster was queried
    mappings: tuple[SourceMapping, ...]
    findings: tuple[Finding, ...]


def gather_live(settings: Settings, ports: LivePorts, rules: Sequence[Rule], *, days: int) -> GatheredData:
    """Query the cluster; failed requests are collected as problems.

    Raises Unreachable if it does not answer.
    """
    events = ports.events
    now = events.now()
    window = Window(start=now - timedelta(days=days), end=now)
    problems: list[str] = []
    mappings: list[SourceMapping] = []
    findings: list[Finding] = []
    chances: list[RuleChances] = []
    volumes: list[EventVolume] = []
    for source in settings.sources:
        mappings.append(SourceMapping(source=source, mapping=assumed_mapping(source, paths_of(rules, source))))
        with _collecting(problems):
            mappings[-1] = SourceMapping(source=source, mapping=events.mapping(source.index, paths_of(rules, source)))
            volumes.extend(ports.counts.volumes(source.index, window, time_field=source.time_field))
            live = _live_findings(events, mappings[-1], rules, window)
            findings.extend(live.findings)
            chances.append(live.chances)
    if len(chances) == len(settings.sources):  # a source that was not read may hold what the others lack
        findings.extend(cannot_fire(chances))
    hits = {}
    with _collecting(problems):
        span = {"gte": format_timestamp(window.start), "lt": format_timestamp(window.end)}
        hits = dict(
            ports.documents.counts(f"{settings.state.prefix}-hits-*", {"range": {"@timestamp": span}}, "rule.id")
        )
    data = LiveData(days=days, volumes=tuple(_merged(volumes)), hits=hits, problems=tuple(problems))
    return GatheredData(live=data, mappings=tuple(mappings), findings=tuple(findings))


def _live_findings(
    events: EventSource, source_mapping: SourceMapping, rules: Sequence[Rule], window: Window
) -> LiveFindings:
    if not source_mapping.mapping.indices:
        return LiveFindings(chances=RuleChances(silent=tuple(rules)))
    source: Source = source_mapping.source
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        return live_findings(snapshot, rules, Translator(source, source_mapping.mapping))


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except Unreachable:
        raise
    except ClusterError as fault:
        problems.append(str(fault))


def _merged(volumes: Sequence[EventVolume]) -> Iterator[EventVolume]:
    """Yield the sum of events per channel and event id; hosts may overlap, so their maximum is used."""
    merged: dict[tuple[str, str], EventVolume] = {}
    for volume in volumes:
        key = (volume.channel.lower(), volume.code)
        previous = merged.get(key)
        merged[key] = EventVolume(
            channel=volume.channel,
            code=volume.code,
            events=volume.events + (previous.events if previous else 0),
            hosts=max(volume.hosts, previous.hosts if previous else 0),
        )
    yield from (merged[key] for key in sorted(merged))
