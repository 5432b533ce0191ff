"""How noisy a rule would be, before anybody enables it: searched over the past, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from watcher.alerts.alert_documents import summary_fields
from watcher.alerts.grouping import GroupedHit
from watcher.model import Event, Window
from watcher.pipeline import DetectionScope, Detector, UndecidedEvent

SAMPLES = 5
_MOST = 10_000  # different values of a field that are counted; further ones are lumped together
_OTHERS = "(others)"


@dataclass(slots=True)
class Preview:
    """What a rule would have found, growing day by day."""

    days: dict[str, int] = field(default_factory=dict)  # day → hits
    alerts: set[str] = field(default_factory=set)  # ids of the alerts that it would have opened
    hosts: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    parents: Counter[str] = field(default_factory=Counter)
    samples: list[Event] = field(default_factory=list)  # the newest
    undecided: int = 0  # events that could not be decided within the time limit

    @property
    def hits(self) -> int:
        """How many events it would have hit."""
        return sum(self.days.values())

    def add(self, one: GroupedHit) -> None:
        """Count one hit."""
        day = f"{one.hit.time:%Y-%m-%d}"
        self.days[day] = self.days.get(day, 0) + 1
        self.alerts.add(one.alert)
        told = summary_fields(one.hit.event)
        for counter, path in ((self.hosts, "host.name"), (self.users, "user.name"), (self.parents, _PARENT)):
            value = _at(told, path)
            known = value in counter or len(counter) < _MOST
            counter[value if known else _OTHERS] += 1
        self.samples = [*self.samples, one.hit.event][-SAMPLES:]


_PARENT = "process.parent.executable"


def _at(document: Mapping[str, object], path: str) -> str:
    node: object = document
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return str(node) if node is not None else "(none)"


def days_of(now: datetime, count: int) -> Iterator[Window]:
    """Give the last days in UTC, what there is of today included, oldest first."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(count - 1, -1, -1):
        start = today - timedelta(days=back)
        end = min(start + timedelta(days=1), now)
        if start < end:
            yield Window(start=start, end=end)


def preview(detector: Detector, window: Window, into: Preview, asked: DetectionScope) -> None:
    """Search a day by the detector's rules, and count what they hit.

    Raises the ClusterError that kept it from being searched whole, Stopped where it is asked to end.
    """
    into.days.setdefault(f"{window.start:%Y-%m-%d}", 0)
    for one in detector.look(window, asked):
        if isinstance(one, UndecidedEvent):
            into.undecided += 1
        else:
            into.add(one)
