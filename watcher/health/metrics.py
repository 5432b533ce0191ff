"""Metrics for Prometheus; every label has few values, which settings or the code list."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from watcher.errors import ClusterError
from watcher.health.channel_health import ChannelHealth
from watcher.health.recorded_problems import ProblemKind, RecordedProblem
from watcher.health.source_problems import SourceEvidence
from watcher.pipeline import WindowResult

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, namespace="watcher", registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, namespace="watcher", registry=registry)


@dataclass(slots=True)
class Metrics:
    """The metrics of one sidecar. Counters count what this sidecar did; gauges of sources are the state's."""

    now: Callable[[], datetime]
    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))
    _watermarks: dict[str, datetime] = field(default_factory=dict)
    _oldest: dict[str, datetime | None] = field(default_factory=dict)
    _ticks: Counter = field(init=False)
    _events: Counter = field(init=False)
    _hits: Counter = field(init=False)
    _alerts: Counter = field(init=False)
    _deliveries: Counter = field(init=False)
    _errors: Counter = field(init=False)
    _lag: Gauge = field(init=False)
    _gaps: Gauge = field(init=False)
    _too_late: Gauge = field(init=False)
    _future: Gauge = field(init=False)
    _replaced: Gauge = field(init=False)
    _waiting: Gauge = field(init=False)
    _oldest_waiting: Gauge = field(init=False)
    _leases: Gauge = field(init=False)
    _rules: Gauge = field(init=False)
    _problems: Gauge = field(init=False)

    def __post_init__(self) -> None:
        registry = self.registry
        self._ticks = _counter(registry, "ticks", "Calls of a job by outcome", "job", "source", "outcome")
        self._events = _counter(registry, "events_read", "Documents of events that were fetched", "source")
        self._hits = _counter(registry, "hits", "Hits that were recorded for the first time", "source")
        self._alerts = _counter(registry, "alerts", "Alerts that were opened", "level")
        self._deliveries = _counter(registry, "deliveries", "Messages by outcome", "channel", "outcome")
        self._errors = _counter(registry, "cluster_errors", "Errors of the cluster and the state", "kind")
        self._lag = _gauge(registry, "source_lag_seconds", "Time between the watermark and now", "source")
        self._gaps = _gauge(registry, "source_gaps", "Spans that were not searched completely", "source")
        self._too_late = _gauge(registry, "source_events_too_late", "Events indexed too late to be searched", "source")
        self._future = _gauge(registry, "source_events_too_far_ahead", "Events dated too far ahead", "source")
        self._replaced = _gauge(
            registry, "source_events_replaced_time", "Matched events with an impossible time", "source"
        )
        self._waiting = _gauge(registry, "deliveries_waiting", "Messages that wait, of the oldest alerts", "channel")
        self._oldest_waiting = _gauge(
            registry, "deliveries_oldest_waiting_seconds", "Age of the oldest message that waits", "channel"
        )
        self._leases = _gauge(registry, "lease_held", "Whether this sidecar holds a lease", "lease")
        self._rules = _gauge(registry, "rules", "Rules, and files that are faulty", "state")
        self._problems = _gauge(registry, "problems", "Problems that last, of all sidecars", "kind")
        info = _gauge(registry, "build_info", "The version of watcher", "version")
        info.labels(version("sigma-watcher")).set(1)

    # ---- what this sidecar does

    def job_ended(self, job: str, source: str, outcome: str, result: object) -> None:
        """Count a call of a job, and what a search found."""
        self._ticks.labels(job, source, outcome).inc()
        if isinstance(result, ClusterError):
            self._errors.labels(type(result).__name__).inc()
        windows = result if isinstance(result, tuple) else (result,)
        for window in (window for window in windows if isinstance(window, WindowResult)):
            self._events.labels(source).inc(window.fetched)
            self._hits.labels(source).inc(window.hits)
            for level, count in window.by_level.items():
                self._alerts.labels(level).inc(count)

    def delivered(self, channel: str, outcome: str) -> None:
        """Count a message that was sent, postponed or given up."""
        self._deliveries.labels(channel, outcome).inc()

    # ---- what the state holds

    def observe(
        self,
        sources: Sequence[SourceEvidence],
        channels: Sequence[ChannelHealth],
        recorded: Sequence[RecordedProblem],
    ) -> None:
        """Set the gauges of sources, channels and problems."""
        for source in sources:
            name, checkpoint = source.source.name, source.checkpoint
            self._watermarks[name] = checkpoint.watermark
            self._gaps.labels(name).set(len(checkpoint.gaps))
            self._too_late.labels(name).set(checkpoint.too_late)
            self._future.labels(name).set(checkpoint.future_events)
            self._replaced.labels(name).set(checkpoint.replaced_times)
        for channel in channels:
            self._oldest[channel.channel] = channel.oldest_waiting
            self._waiting.labels(channel.channel).set(channel.waiting)
        kinds = Tally(entry.problem.kind for entry in recorded if entry.ended is None)
        for kind in ProblemKind:
            self._problems.labels(str(kind)).set(kinds[kind])

    def set_leases(self, held: Mapping[str, bool]) -> None:
        """Set which leases this sidecar holds."""
        for lease, holds in held.items():
            self._leases.labels(lease).set(holds)

    def set_rules(self, counts: Mapping[str, int]) -> None:
        """Set how many rules are in a state."""
        for state, count in counts.items():
            self._rules.labels(state).set(count)

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format; ages are those of the moment."""
        now = self.now()
        for name, watermark in list(self._watermarks.items()):
            self._lag.labels(name).set((now - watermark).total_seconds())
        for channel, oldest in list(self._oldest.items()):
            self._oldest_waiting.labels(channel).set((now - oldest).total_seconds() if oldest else 0)
        return generate_latest(self.registry)
