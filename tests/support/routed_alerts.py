"""A state with routed alerts, and channels that record what they get, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.alerts.routed_alerts import AlertRouter
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.inhibition import Inhibitor
from watcher.delivery.outbox import Outbox
from watcher.model import Level
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.pipeline import DeliveryResult, Dispatcher, RateLimit
from watcher.ports import PartialUpdate, StoredDocument
from watcher.routes.route_tree import RouteTree
from watcher.routes.silences import Silencer
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import format_timestamp


@dataclass
class RoutedAlerts:
    """Opens alerts on the routes of a tree, and delivers them, at a time that the test sets."""

    tree: RouteTree
    names: tuple[str, ...] = ("mail", "pager", "slack")
    now: datetime = NOW
    rate_limit: RateLimit = field(default_factory=RateLimit)
    fallbacks: dict[str, str] = field(default_factory=dict)
    silencers: Sequence[Silencer] = ()
    state: MemoryDocuments = field(default_factory=MemoryDocuments)

    def __post_init__(self) -> None:
        self.channels = {name: RecordingChannel(name) for name in self.names}
        self.opened = 0
        self.outcomes: Counter[str] = Counter()  # of deliveries, as metrics count them

    def open(self, level: Level = Level.HIGH, host: str = "WEB01", *, command: str = "a shell") -> str:
        """Open an alert of a rule of its level on a host, or let a hit join it; return the id."""
        self.opened += 1
        own, settings = (
            rule(level=level, id=f"rule-{level}", title=f"Rule {level}"),
            effective(channels=("mail",), quiet_period=timedelta(days=70)),
        )
        document = event_document(self.opened, host=host, time=format_timestamp(self.now), CommandLine=command)
        grouped = grouped_hit(own, settings, document)
        router = AlertRouter(self.tree)
        alerts = [
            router.route(alert, source="windows", at=self.now)
            for alert in alerts_of_hits(own, settings, [grouped], origin="live")
        ]
        AlertStore(self.state).record(alerts, [grouped.hit], now=self.now)
        return alerts[0].id

    def deliver(self, after: timedelta = timedelta(0)) -> DeliveryResult:
        """Deliver what is due some time later, which becomes now."""
        self.now += after
        return self.dispatcher().deliver()

    def dispatcher(self) -> Dispatcher:
        """Return the dispatcher of the channels."""
        settings = {name: MailChannel(name=name, host="localhost", to=("soc@corp.example",)) for name in self.names}
        inhibitor = Inhibitor(documents=self.state, prefix="watcher", inhibitions=self.tree.inhibitions)
        return Dispatcher(
            queries=DeliveryQueries(self.state),
            outbox=Outbox(self.state),
            states=ChannelStates(StateDocuments(self.state)),
            channels={
                name: (replace(settings[name], fallback=self.fallbacks.get(name)), channel)
                for name, channel in self.channels.items()
            },
            renderer=Renderer(),
            links=Links(),
            now=lambda: self.now,
            rate_limit=self.rate_limit,
            inhibitor=inhibitor,
            silencers=lambda: self.silencers,
            observe=lambda _channel, outcome: self.outcomes.update([outcome]),
        )

    def triage(self, alert: str, change: Callable[[StoredDocument], dict[str, object]]) -> None:
        """Write what a person did to an alert."""
        stored = self.stored(alert)
        self.state.update([PartialUpdate(stored=stored, part={"watcher": change(stored)})])

    def acknowledge(self, alert: str, state: str = "acknowledged") -> None:
        """Acknowledge an alert, or close it."""
        self.triage(alert, lambda _: {"alert": {"state": state, "by": "anna"}})

    def stored(self, alert: str) -> StoredDocument:
        """Return a stored alert."""
        return next(stored for (_, name), stored in self.state.documents.items() if name == alert)

    def alerts(self) -> tuple[StoredDocument, ...]:
        """Return all stored alerts."""
        return tuple(stored for (index, _), stored in self.state.documents.items() if "alerts" in index)

    def states(self, alert: str) -> dict[str, str]:
        """Return the states of the deliveries of an alert by channel."""
        return {
            str(entry["channel"]): str(entry["state"]) for entry in self.stored(alert).document["watcher"]["deliveries"]
        }

    def taken(self) -> dict[str, int]:
        """Return the number of messages that each channel got, without those that got none."""
        return {name: len(channel.taken) for name, channel in self.channels.items() if channel.taken}
