"""What only the cluster knows: how its indices are mapped, which events they hold, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from watcher.errors import ClusterError, Unreachable
from watcher.model import Finding, Rule, Window
from watcher.ports import Events, State, Volume
from watcher.search.live import look
from watcher.settings import Settings, Source
from watcher.show.catalogue.assumed import assumed
from watcher.show.catalogue.book import Live
from watcher.show.catalogue.entry import Asked
from watcher.translate.plan import Translator, paths_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything that was asked of the cluster, or is assumed of it."""

    live: Live | None  # None: it was not asked
    asked: tuple[Asked, ...]
    findings: tuple[Finding, ...]


def gather(settings: Settings, events: Events, state: State, rules: Sequence[Rule], *, days: int) -> Gathered:
    """Ask the cluster; what it refuses is told, and the rest goes on. Raises Unreachable where nothing answers."""
    now = events.now()
    window = Window(start=now - timedelta(days=days), end=now)
    problems: list[str] = []
    asked: list[Asked] = []
    findings: list[Finding] = []
    volumes: list[Volume] = []
    for source in settings.sources:
        asked.append(Asked(source=source, facts=assumed(source, paths_of(rules, source))))
        with _told(problems):
            asked[-1] = Asked(source=source, facts=events.facts(source.index, paths_of(rules, source)))
            volumes.extend(events.volumes(source.index, window, time_field=source.time_field))
            findings.extend(_looked(events, asked[-1], rules, window))
    hits = {}
    with _told(problems):
        span = {"gte": window.start.isoformat(), "lt": window.end.isoformat()}
        hits = dict(state.counts(f"{settings.state.prefix}-hits-*", {"range": {"@timestamp": span}}, "rule.id"))
    live = Live(days=days, volumes=tuple(_added(volumes)), hits=hits, problems=tuple(problems))
    return Gathered(live=live, asked=tuple(asked), findings=tuple(findings))


def _looked(events: Events, asked: Asked, rules: Sequence[Rule], window: Window) -> tuple[Finding, ...]:
    if not asked.facts.indices:
        return ()
    source: Source = asked.source
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        return look(snapshot, rules, Translator(source, asked.facts))


@contextmanager
def _told(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except Unreachable:
        raise
    except ClusterError as fault:
        problems.append(str(fault))


def _added(volumes: Sequence[Volume]) -> Iterator[Volume]:
    """Add up what several sources hold of one kind; hosts may be the same ones, so the most count."""
    found: dict[tuple[str, str], Volume] = {}
    for one in volumes:
        before = found.get((one.channel.lower(), one.code))
        found[one.channel.lower(), one.code] = Volume(
            channel=one.channel,
            code=one.code,
            events=one.events + (before.events if before else 0),
            hosts=max(one.hosts, before.hosts if before else 0),
        )
    yield from (found[key] for key in sorted(found))
