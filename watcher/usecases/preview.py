"""How many alerts a rule would open, before it is enabled: searched over the past, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from watcher.alerts.grouping import GroupedHit
from watcher.components import Components
from watcher.errors import SettingsError
from watcher.model import Hit, Rule, UnsearchableIndex, Window
from watcher.pipeline import DetectionScope, Stopping, UndecidedEvent

SAMPLES = 5
_MOST_VALUES = 10_000  # different values of a field that are counted; further ones are counted together
_OTHERS = "(others)"
_ABSENT = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a rule would have matched."""

    rule: Rule
    hits: int
    alerts: int  # that it would have opened
    undecided: int  # events that could not be decided within the time limit
    days: Mapping[str, int]  # day in UTC → hits
    hosts: Mapping[str, int]  # the most frequent first
    users: Mapping[str, int]
    parents: Mapping[str, int]
    samples: tuple[Hit, ...]  # the newest
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # indices that were not searched


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewProgress:
    """How many days of a source are searched."""

    source: str
    done: int
    days: int
    hits: int  # of all sources so far


@dataclass(slots=True)
class PreviewTally:
    """The counts of a preview while days are searched."""

    days: dict[str, int] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)  # ids
    hosts: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    parents: Counter[str] = field(default_factory=Counter)
    samples: list[Hit] = field(default_factory=list)
    undecided: int = 0
    unsearchable: dict[str, UnsearchableIndex] = field(default_factory=dict)  # by name

    @property
    def hits(self) -> int:
        """How many events the rule matched."""
        return sum(self.days.values())

    def add(self, grouped: GroupedHit) -> None:
        """Count one hit."""
        day = f"{grouped.hit.time:%Y-%m-%d}"
        self.days[day] = self.days.get(day, 0) + 1
        self.alerts.add(grouped.alert)
        summary = grouped.hit.summary
        counted = ((self.hosts, summary.host), (self.users, summary.account), (self.parents, summary.parent_process))
        for counter, text in counted:
            value = text or _ABSENT
            is_counted = value in counter or len(counter) < _MOST_VALUES
            counter[value if is_counted else _OTHERS] += 1
        self.samples = [*self.samples, grouped.hit][-SAMPLES:]

    def result(self, rule: Rule) -> Preview:
        """Return the counts, the most frequent values first."""
        return Preview(
            rule=rule,
            hits=self.hits,
            alerts=len(self.alerts),
            undecided=self.undecided,
            days=dict(sorted(self.days.items())),
            hosts=dict(self.hosts.most_common()),
            users=dict(self.users.most_common()),
            parents=dict(self.parents.most_common()),
            samples=tuple(self.samples),
            unsearchable=tuple(self.unsearchable.values()),
        )


def preview(
    rule: Rule,
    days: int,
    components: Components,
    *,
    progress: Callable[[PreviewProgress], None],
    stopping: Stopping,
) -> Preview:
    """Search the last days by one rule on every source, and count what it matches.

    Raises SettingsError for a rule that counts events, ClusterError where a day could not be searched completely,
    Stopped where it is asked to end.
    """
    if rule.aggregation is not None:
        raise SettingsError(
            f"`{rule.title}` counts events (`| {rule.aggregation}`), and watcher does not",
            fix="remove what follows the pipe to see the hits, and join them in one alert by `group_by`",
        )
    tally = PreviewTally()
    for source in components.settings.sources:
        detector = components.detector(source, (rule,))
        windows = tuple(last_days(components.events().now(), days))
        for done, window in enumerate(windows):
            progress(PreviewProgress(source=source.name, done=done, days=len(windows), hits=tally.hits))
            tally.days.setdefault(f"{window.start:%Y-%m-%d}", 0)
            for item in detector.find_hits(window, DetectionScope(stopping=stopping)):
                if isinstance(item, UndecidedEvent):
                    tally.undecided += 1
                elif isinstance(item, UnsearchableIndex):
                    tally.unsearchable[item.index] = item
                else:
                    tally.add(item)
        progress(PreviewProgress(source=source.name, done=len(windows), days=len(windows), hits=tally.hits))
    return tally.result(rule)


def last_days(now: datetime, count: int) -> Iterator[Window]:
    """Yield the last days in UTC, oldest first; the last one is today up to now."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(count - 1, -1, -1):
        start = today - timedelta(days=back)
        end = min(start + timedelta(days=1), now)
        if start < end:
            yield Window(start=start, end=end)
