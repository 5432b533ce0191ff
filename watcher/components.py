"""Settings → the running parts: the only place that knows which port is which."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.alert_upgrade import upgrade_alert
from watcher.alerts.open_absences import OpenAbsences
from watcher.alerts.routed_alerts import AlertRouter
from watcher.checkpoints.checkpoint_upgrade import upgrade_checkpoint
from watcher.checkpoints.checkpoints import CHECKPOINT_KIND, Checkpoints
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.clock import SystemClock
from watcher.cluster.connections import Connection, connect
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.inhibition import Inhibitor
from watcher.delivery.outbox import Outbox
from watcher.delivery.silence_store import SilenceStore
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.delivery.window_records import WindowRecords
from watcher.health.evidence import EvidenceReader
from watcher.health.problem_record import ProblemRecord
from watcher.health.silence_notices import SilenceNotices
from watcher.model import Rule
from watcher.notify.channel_registry import build_notifier, following_channels
from watcher.notify.links import message_settings
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.pipeline import Correlator, Detector, Dispatcher, PreparedCorrelation, RateLimit, prepare_rule
from watcher.pipeline.returned_groups import ReturnedGroups
from watcher.ports import Clock, EventCounts, EventSource, Notifier, State
from watcher.routes.silences import Silencer
from watcher.schedule import (
    DELIVERY,
    delivery_lease,
    live_lease,
    past_lease,
)
from watcher.settings import ChannelSettings, Settings, Source
from watcher.settings.effective import rule_settings
from watcher.settings.effective_routes import maintenance_windows, route_tree
from watcher.state.installation import Installation
from watcher.state.leases import Leases
from watcher.state.migration import Migration
from watcher.state.state_documents import StateDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The connections to the clusters."""

    events: Connection
    state: Connection

    def close(self) -> None:
        """Close both connections."""
        self.events.close()
        if self.state is not self.events:
            self.state.close()


def connect_clusters(settings: Settings) -> Connections:
    """Connect to the cluster of the events, and to the state's where it is another."""
    events = connect(settings.cluster)
    state = connect(settings.state.cluster) if settings.state.cluster is not None else events
    return Connections(events=events, state=state)


def _ignore(_channel: str, _outcome: str) -> None:
    """Do nothing."""


def operator_channels(settings: Settings, clock: Clock) -> OperatorNotifier:
    """Create the channels that hear of watcher's own failures; they need no cluster."""
    channels = tuple((channel, build_notifier(channel, clock)) for channel in settings.channels if channel.operator)
    return OperatorNotifier(channels, Renderer(settings.templates), clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The parts that settings describe, on open connections; all of them share one clock."""

    settings: Settings
    connections: Connections
    clock: Clock = field(default_factory=SystemClock)
    waiting_since: float | None = None  # on the clock's monotonic time; None: the process did not wait for its cluster

    def waited(self) -> timedelta:
        """Return for how long the process has been waiting for its cluster, or working since."""
        if self.waiting_since is None:
            return timedelta(0)
        return timedelta(seconds=self.clock.monotonic() - self.waiting_since)

    def close(self) -> None:
        """Close the connections."""
        self.connections.close()

    def events(self) -> EventSource:
        """Return the port that searches the events."""
        return self.connections.events.events()

    def event_counts(self) -> EventCounts:
        """Return the port that counts the events."""
        return self.connections.events.event_counts()

    def state(self) -> State:
        """Return the port to the state."""
        return self.connections.state.state()

    def installation(self) -> Installation:
        """Return the index templates and lifecycle policies of the state."""
        state, documents = self.settings.state, self.state()
        migration = Migration(
            documents=documents,
            clock=self.clock,
            prefix=state.prefix,
            upgrade_alert=upgrade_alert,
            upgrade_bodies={CHECKPOINT_KIND: upgrade_checkpoint},
        )
        return Installation(state=documents, prefix=state.prefix, retention=state.retention, migration=migration)

    def alert_store(self) -> AlertStore:
        """Return the stored alerts and hits."""
        state = self.settings.state
        return AlertStore(self.state(), state.prefix, state.store, self.installation().ensure_index)

    def state_documents(self) -> StateDocuments:
        """Return the documents that the sidecars keep for themselves."""
        return StateDocuments(self.state(), self.settings.state.prefix, self.installation().ensure_index)

    def checkpoints(self) -> Checkpoints:
        """Return the checkpoints of the sources."""
        return Checkpoints(self.state_documents())

    def channel_states(self) -> ChannelStates:
        """Return the stored states of the channels."""
        return ChannelStates(self.state_documents())

    def silence_store(self) -> SilenceStore:
        """Return the stored silences."""
        return SilenceStore(self.state_documents())

    def silencers(self) -> Sequence[Silencer]:
        """Return the silences and maintenance windows that hold back messages, or will."""
        windows = maintenance_windows(self.settings)
        if not windows:
            return self.silence_store().read()
        return (*self.silence_store().read(), *self.window_records().opened(windows, now=self.events().now()))

    def window_records(self) -> WindowRecords:
        """Return since when maintenance windows hold."""
        return WindowRecords(self.state_documents())

    def silence_notices(self) -> SilenceNotices:
        """Return what notifies operators of the ends of silences."""
        silenced = SilencedAlerts(self.state(), self.settings.state.prefix)
        return SilenceNotices(
            store=self.silence_store(),
            windows=self.window_records(),
            configured=maintenance_windows(self.settings),
            silenced=silenced,
            operators=self.operators(),
        )

    def notifiers(self) -> Mapping[str, tuple[ChannelSettings, Notifier]]:
        """Create the channels by name."""
        return {channel.name: (channel, build_notifier(channel, self.clock)) for channel in self.settings.channels}

    def renderer(self) -> Renderer:
        """Create the renderer of notifications."""
        return Renderer(self.settings.templates)

    def operators(self) -> OperatorNotifier:
        """Create the channels that hear of watcher's own failures."""
        return operator_channels(self.settings, self.clock)

    def detector(self, source: Source, rules: Sequence[Rule], correlator: Correlator | None = None) -> Detector:
        """Create the detector of a source."""
        roles = {} if correlator is None else correlator.plan.roles
        return Detector(
            source=source,
            events=self.events(),
            alert_store=self.alert_store(),
            rules=[
                prepare_rule(rule, rule_settings(rule, self.settings), source, roles.get(rule.id)) for rule in rules
            ],
            router=AlertRouter(route_tree(self.settings)),
            correlator=correlator,
        )

    def correlator(self, plan: CorrelationPlan) -> Correlator | None:
        """Create what evaluates correlations, None where there are none."""
        if not plan.correlations:
            return None
        return Correlator(
            plan=plan,
            rules={
                rule.id: PreparedCorrelation(rule=rule, effective=rule_settings(rule, self.settings))
                for rule in plan.rules.values()
            },
            checkpoint=self.checkpoints().read,
            events=self.connections.events.state(),
            starts=self.checkpoints().rule_starts,
            most_base_hits=self.settings.base_hits_in_memory,
            late=LateBaseHits(self.state_documents()),
            returned=ReturnedGroups(
                absences=OpenAbsences(documents=self.state(), prefix=self.settings.state.prefix),
                following=following_channels(self.settings.channels),
            ),
            now=self.events().now,
        )

    def delivery(
        self,
        rate_limit: RateLimit,
        stopping: Callable[[str], bool],
        observe: Callable[[str, str], None] = _ignore,
    ) -> Dispatcher:
        """Create the dispatcher of pending deliveries.

        `stopping` tells of a channel whether its run is to end; `observe` gets the channel and outcome of each.
        """
        return Dispatcher(
            queries=DeliveryQueries(self.state(), self.settings.state.prefix),
            outbox=Outbox(self.state()),
            states=self.channel_states(),
            channels=self.notifiers(),
            renderer=self.renderer(),
            links=message_settings(self.settings),
            inhibitor=self._inhibitor(),
            now=self.events().now,
            rate_limit=rate_limit,
            silencers=self.silencers,
            stopping=stopping,
            observe=observe,
        )

    def _inhibitor(self) -> Inhibitor | None:
        inhibitions = route_tree(self.settings).inhibitions
        prefix = self.settings.state.prefix
        return Inhibitor(documents=self.state(), prefix=prefix, inhibitions=inhibitions) if inhibitions else None

    def evidence_reader(self) -> EvidenceReader:
        """Create the reader of what the state shows of the health of all sidecars."""
        return EvidenceReader(
            sources=self.settings.sources,
            checkpoints=self.checkpoints(),
            counts=self.event_counts(),
            state=self.state(),
            prefix=self.settings.state.prefix,
            leases=self.lease_names(),
            channels=[channel.name for channel in self.settings.channels],
            period=self.settings.lease,
        )

    def problem_record(self) -> ProblemRecord:
        """Return the recorded problems of all sidecars."""
        return ProblemRecord(self.state_documents())

    def search_leases(self) -> tuple[str, ...]:
        """Return the names of the leases of the searches, which open alerts."""
        sources = [source.name for source in self.settings.sources]
        return (*map(live_lease, sources), *map(past_lease, sources))

    def lease_names(self) -> tuple[str, ...]:
        """Return the names of the leases that sidecars with these settings share."""
        channels = [channel.name for channel in self.settings.channels]
        return (DELIVERY, *map(delivery_lease, channels), *self.search_leases())

    def leases(self) -> Leases:
        """Create the membership of a new sidecar."""
        return Leases(
            documents=self.state_documents(),
            clock=self.clock,
            member=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            names=self.lease_names(),
            for_complete=self.search_leases(),
            period=self.settings.lease,
        )
