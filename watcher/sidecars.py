"""The parts of a sidecar put together: for one round, or sharing its work with other sidecars by leases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from watcher.components import Components
from watcher.correlate.correlation_plan import CorrelationPlan, SearchedRules
from watcher.health.cluster_clock import ClusterClock
from watcher.health.correlation_problems import lacking_correlations
from watcher.health.dead_man_switch import DeadManSwitch
from watcher.health.monitor import HealthMonitor
from watcher.health.own_profile import OwnProfile
from watcher.health.process_health import ProcessHealth
from watcher.health.recorded_problems import Problem
from watcher.health.rule_faults import rule_problems
from watcher.health.rule_states import rule_states
from watcher.health.silence_notices import SilenceNotices
from watcher.health.source_problems import faulty_source, undecided_events
from watcher.heap import freeze_heap
from watcher.model import Rule
from watcher.pipeline import PreparedRule, RateLimit, Stopping, prepare_rule
from watcher.schedule import (
    RuleReloader,
    Service,
    Sidecar,
    SourceSearch,
    StopConditions,
    delivery_job,
    delivery_lease,
    live_job,
    live_lease,
    past_job,
    past_lease,
    source_search,
)
from watcher.settings import Settings
from watcher.settings.effective import rule_settings
from watcher.sigma.rule_folders import Fingerprints, LoadedRules, fingerprints
from watcher.state.lease_names import DELIVERY
from watcher.state.leases import Leases

_LEAST_CHECK = timedelta(seconds=1)
_RELOAD_EVERY = timedelta(seconds=1)


def one_shot_sidecar(components: Components, searched: SearchedRules, stopping: Stopping) -> Sidecar:
    """Create a sidecar for a single round: it shares no leases and waits for no digest to settle."""
    stop = StopConditions(live=stopping, past=stopping)
    correlator = components.correlator(searched.plan)
    searches = tuple(
        source_search(
            components.detector(source, searched.rules, correlator),
            components.checkpoints(),
            components.event_counts(),
            stop=stop,
            clock=components.clock,
        )
        for source in components.settings.sources
    )
    rate_limit = replace(_rate_limit(components.settings), settle=timedelta(0))
    return Sidecar(searches=searches, delivery=components.delivery(rate_limit, lambda _channel: stopping()))


def _rate_limit(settings: Settings) -> RateLimit:
    limits = settings.rate_limit
    return RateLimit(limit=limits.alerts, per_key=limits.alerts_per_key, messages=limits.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadableRules:
    """How a sidecar reads its rules again."""

    loaded: LoadedRules  # as they were read at the start
    read: Callable[[], LoadedRules]
    searched: Callable[[LoadedRules], SearchedRules]
    folders: Sequence[Path]  # watched for changes


def shared_sidecar(
    components: Components, rules: ReloadableRules, stop: threading.Event, process: ProcessHealth
) -> Sidecar:
    """Create a sidecar that runs until `stop` is set and shares its work with others by leases."""
    leases, activity = components.leases(), process.activity
    activity.begin(components.settings.lease)

    def stopping(job: str, lease: str) -> Stopping:
        return activity.watched(job, lambda: stop.is_set() or not leases.holds(lease))

    searches = _shared_searches(components, rules.searched(rules.loaded), stopping)
    names = [channel.name for channel in components.settings.channels]
    ends = {name: stopping(delivery_job(name), delivery_lease(name)) for name in names}
    rate_limit = _rate_limit(components.settings)
    reloader = _reloader(components, rules, searches)
    cluster_clock = ClusterClock(components.clock, components.events().now)
    leases.profile = OwnProfile(components.settings, lambda: reloader.rules, rules.searched)
    monitor = _monitor(
        components, leases, process, cluster_clock, partial(_own_problems, reloader, process, searches, cluster_clock)
    )
    freeze_heap()
    return Sidecar(
        searches=searches,
        delivery=components.delivery(rate_limit, lambda channel: ends[channel](), process.metrics.delivered),
        leases=leases,
        reloader=reloader,
        activity=activity,
        services=tuple(
            _services(components, monitor, process, lambda: rule_states(reloader.rules, components.settings))
        ),
        stop=stop,
        now=cluster_clock.now,
    )


def _shared_searches(
    components: Components, searched: SearchedRules, stopping: Callable[[str, str], Stopping]
) -> tuple[SourceSearch, ...]:
    """Return the searches of all sources, each of which ends where its lease is lost."""
    correlator = components.correlator(searched.plan)
    searches = tuple(
        source_search(
            components.detector(source, searched.rules, correlator),
            components.checkpoints(),
            components.event_counts(),
            stop=StopConditions(
                live=stopping(live_job(source.name), live_lease(source.name)),
                past=stopping(past_job(source.name), past_lease(source.name)),
            ),
            clock=components.clock,
        )
        for source in components.settings.sources
    )
    for search in searches:
        search.live.waited = components.waited
    return searches


def _own_problems(
    reloader: RuleReloader, process: ProcessHealth, searches: Sequence[SourceSearch], cluster_clock: ClusterClock
) -> Sequence[Problem]:
    """Return the problems of a sidecar beside those of its jobs."""
    faulty = (faulty_source(search.source, search.live.faults) for search in searches)
    sources = (problem for problem in faulty if problem is not None)
    now = cluster_clock.now()
    slow = (undecided_events(search.source, search.rules.detector.undecided_rules(now)) for search in searches)
    lacking = lacking_correlations(search.rules.detector.correlator for search in searches)
    return (*rule_problems(reloader.rules), *process.problems(), *sources, *chain.from_iterable(slow), *lacking)


def _monitor(
    components: Components,
    leases: Leases,
    process: ProcessHealth,
    cluster_clock: ClusterClock,
    own: Callable[[], Sequence[Problem]],
) -> HealthMonitor:
    return HealthMonitor(
        leases=leases,
        activity=process.activity,
        reader=components.evidence_reader(),
        record=components.problem_record(),
        operators=components.operators(),
        clock=cluster_clock,
        own=own,
        observe=process.metrics.observe,
    )


def _services(
    components: Components, monitor: HealthMonitor, process: ProcessHealth, rule_counts: Callable[[], Mapping[str, int]]
) -> Iterator[Service]:
    """Yield the jobs that watch the sidecar itself."""

    def check() -> None:
        monitor.check()
        process.metrics.set_leases({name: monitor.leases.holds(name) for name in components.lease_names()})
        process.metrics.set_rules(rule_counts())

    period = max(components.settings.lease / 3, _LEAST_CHECK)
    yield Service(name="health", every=period, work=check)
    notices = components.silence_notices()
    yield Service(name="silences", every=period, work=partial(_notify_of_silences, notices, monitor.leases, components))
    monitoring = components.settings.monitoring
    if monitoring.dead_man_url is not None:
        switch = DeadManSwitch(monitoring.dead_man_url, lambda: monitor.is_alerting)
        yield Service(name="dead-man's switch", every=monitoring.dead_man_every, work=switch.call)
    if process.reload is not None:
        yield Service(name="settings", every=_RELOAD_EVERY, work=process.reload)


def _notify_of_silences(notices: SilenceNotices, leases: Leases, components: Components) -> None:
    """Notify operators of silences that ended, where this sidecar is the one that notifies them."""
    if leases.holds(DELIVERY):
        notices.send(components.events().now())


def _reloader(components: Components, rules: ReloadableRules, searches: Sequence[SourceSearch]) -> RuleReloader:
    """Connect the rule files to the searches; unchanged rules are not prepared again."""

    def current() -> Fingerprints:
        return {file: mark for folder in rules.folders for file, mark in fingerprints(folder).items()}

    def apply(loaded: LoadedRules) -> None:
        searched = rules.searched(loaded)
        correlator = components.correlator(searched.plan)
        for search in searches:
            prepare = _Preparation(components.settings, search, searched.plan)
            search.rules.reload([prepare(rule) for rule in searched.rules], correlator)
        freeze_heap()

    return RuleReloader(rules.loaded, fingerprints=current, read=rules.read, apply=apply)


class _Preparation:
    """Prepares the rules of a source; those that did not change stay as they are."""

    def __init__(self, settings: Settings, search: SourceSearch, plan: CorrelationPlan) -> None:
        self._settings, self._source, self._plan = settings, search.source, plan
        self._previous = {prepared.rule.id: prepared for prepared in search.rules.detector.rules}

    def __call__(self, rule: Rule) -> PreparedRule:
        role = self._plan.roles.get(rule.id)
        previous = self._previous.get(rule.id)
        if previous is not None and previous.rule == rule and previous.role == role:
            return previous
        return prepare_rule(rule, rule_settings(rule, self._settings), self._source, role)
