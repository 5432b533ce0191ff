"""What only the cluster knows: how its indices are mapped, which events they hold, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from watcher.catalogue.assumed_mapping import assumed
from watcher.catalogue.catalogue import LiveData
from watcher.catalogue.entries import SourceMapping
from watcher.errors import ClusterError, Unreachable
from watcher.model import Finding, Rule, Window
from watcher.ports import EventSource, EventVolume, State
from watcher.search.live_findings import live_findings
from watcher.settings import Settings, Source
from watcher.translate.plan import Translator, paths_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredData:
    """Everything that was asked of the cluster, or is assumed of it."""

    live: LiveData | None  # None: it was not asked
    asked: tuple[SourceMapping, ...]
    findings: tuple[Finding, ...]


def gather_live(
    settings: Settings, events: EventSource, state: State, rules: Sequence[Rule], *, days: int
) -> GatheredData:
    """Ask the cluster; what it refuses is told, and the rest goes on. Raises Unreachable where nothing answers."""
    now = events.now()
    window = Window(start=now - timedelta(days=days), end=now)
    problems: list[str] = []
    asked: list[SourceMapping] = []
    findings: list[Finding] = []
    volumes: list[EventVolume] = []
    for source in settings.sources:
        asked.append(SourceMapping(source=source, mapping=assumed(source, paths_of(rules, source))))
        with _told(problems):
            asked[-1] = SourceMapping(source=source, mapping=events.mapping(source.index, paths_of(rules, source)))
            volumes.extend(events.volumes(source.index, window, time_field=source.time_field))
            findings.extend(_looked(events, asked[-1], rules, window))
    hits = {}
    with _told(problems):
        span = {"gte": window.start.isoformat(), "lt": window.end.isoformat()}
        hits = dict(state.counts(f"{settings.state.prefix}-hits-*", {"range": {"@timestamp": span}}, "rule.id"))
    live = LiveData(days=days, volumes=tuple(_added(volumes)), hits=hits, problems=tuple(problems))
    return GatheredData(live=live, asked=tuple(asked), findings=tuple(findings))


def _looked(events: EventSource, asked: SourceMapping, rules: Sequence[Rule], window: Window) -> tuple[Finding, ...]:
    if not asked.mapping.indices:
        return ()
    source: Source = asked.source
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        return live_findings(snapshot, rules, Translator(source, asked.mapping))


@contextmanager
def _told(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except Unreachable:
        raise
    except ClusterError as fault:
        problems.append(str(fault))


def _added(volumes: Sequence[EventVolume]) -> Iterator[EventVolume]:
    """Add up what several sources hold of one kind; hosts may be the same ones, so the most count."""
    found: dict[tuple[str, str], EventVolume] = {}
    for one in volumes:
        before = found.get((one.channel.lower(), one.code))
        found[one.channel.lower(), one.code] = EventVolume(
            channel=one.channel,
            code=one.code,
            events=one.events + (before.events if before else 0),
            hosts=max(one.hosts, before.hosts if before else 0),
        )
    yield from (found[key] for key in sorted(found))
