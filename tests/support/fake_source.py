"""One source with its searches, on fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from support.fakes import NOW, RULE, ArrivingEvents, FakeClock, ListedCounts, event_document, rule
from support.memory_state import MemoryDocuments
from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoint_body import checkpoint_to_body
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.model import EventDocument, Rule
from watcher.pipeline import Detector, PreparedRule, prepare_rule
from watcher.schedule import source_search
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.state_documents import DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp

MINUTE = timedelta(minutes=1)


SOURCE = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30), search="query")


OTHER = rule(RULE.replace("7f6f2c52", "8f6f2c52").replace("contains: shell", "contains: notepad"))


def arriving(number: int, moment: datetime, **more: Any) -> EventDocument:
    """Return an event of a time."""
    return event_document(number, time=format_timestamp(moment), **more)


@dataclass
class FakeSource:
    """One source with events, state and clock in memory."""

    source: Source = SOURCE
    rules: tuple[Rule, ...] = field(default_factory=lambda: (rule(),))
    events: ArrivingEvents = field(default_factory=ArrivingEvents)
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start a new sidecar on the same state."""
        detector = Detector(
            source=self.source, events=self.events, alert_store=AlertStore(self.state), rules=self.prepared()
        )
        self.checkpoints = Checkpoints(StateDocuments(self.state))
        self.search = source_search(detector, self.checkpoints, ListedCounts(self.events), clock=self.clock)

    def prepared(self) -> list[PreparedRule]:
        """Prepare the rules."""
        return [prepare_rule(enabled, rule_settings(enabled, Settings()), self.source) for enabled in self.rules]

    def reload(self, *rules: Rule) -> None:
        """Replace the rules while the sidecar runs."""
        self.rules = rules
        self.search.rules.reload(self.prepared())

    def store(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint into the state, whatever it holds."""
        body = checkpoint_to_body(checkpoint)
        key = DocumentKey(kind="live", source=self.source.name)
        StateDocuments(self.state).change(key, lambda _: body, now=NOW)

    @property
    def checkpoint(self) -> Checkpoint:
        """The stored checkpoint."""
        checkpoint = self.checkpoints.read(self.source.name)
        assert checkpoint is not None
        return checkpoint

    def gaps(self) -> list[tuple[float, float, tuple[str, ...]]]:
        """Return the gaps in minutes from now."""
        return [
            ((gap.window.start - NOW) / MINUTE, (gap.window.end - NOW) / MINUTE, gap.rules)
            for gap in self.checkpoint.gaps
        ]

    def windows(self) -> list[tuple[float, float]]:
        """Return the windows that were opened since the last call, in minutes from now."""
        windows = [((window.start - NOW) / MINUTE, (window.end - NOW) / MINUTE) for window in self.events.windows]
        self.events.windows.clear()
        return windows

    def ids(self, kind: str) -> set[str]:
        """Return the ids of the alerts or hits."""
        return {name for index, name in self.state.documents if f"-{kind}-" in index}

    def searched(self, since: datetime, until: datetime) -> None:
        """Store that a span was searched by every rule."""
        self.store(Checkpoint(since=since, watermark=until))
        rules = (prepared.rule for prepared in self.search.rules.detector.rules)
        self.checkpoints.record_rules(self.source.name, rules, since, now=NOW)
