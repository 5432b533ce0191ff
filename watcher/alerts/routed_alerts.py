"""Alerts on their routes: which channels get them, decided once, when they are opened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from watcher.model import Alert
from watcher.routes import alert_labels
from watcher.routes.route_tree import RouteTree
from watcher.routes.routing import route_alert


@dataclass(frozen=True, slots=True)
class AlertRouter:
    """Sets the receivers of alerts; without routes an alert keeps the channels of its rule's settings."""

    tree: RouteTree = field(default_factory=RouteTree)

    def route(self, alert: Alert, *, source: str, at: datetime) -> Alert:
        """Return an alert with the receivers of its routes; `source` is the one that was searched."""
        if not self.tree.routes:
            return alert
        routing = route_alert(alert_labels(alert, source), at=at, tree=self.tree, default=alert.channels)
        return replace(
            alert,
            channels=tuple(receiver.channel for receiver in routing.receivers),
            receivers=routing.receivers,
            routes=routing.taken,
            source=source,
        )
