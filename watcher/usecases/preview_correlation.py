"""How many alerts a correlation rule would open: its base rules are searched over the past, nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.alerts.correlated_hits import alert_of
from watcher.components import Components
from watcher.correlate import CorrelationStates, Spans
from watcher.correlate.correlation_texts import group_values_text
from watcher.model import UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlation_rules import CorrelationRule
from watcher.pipeline import DetectionScope, Detector, Stopping, UndecidedEvent
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.timestamps import milliseconds, moment_at
from watcher.usecases.named_rules import NamedCorrelation
from watcher.usecases.preview import SAMPLES, PreviewProgress, last_days

_MOST_GROUPS = 10_000  # that are counted; further ones are counted together
_OTHERS = "(others)"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationPreview:
    """What a correlation rule would have found."""

    rule: CorrelationRule
    hits: int
    alerts: int  # that it would have opened
    waiting: int  # matches that later events could still end
    undecided: int  # events that a base rule could not decide about within the time limit
    days: Mapping[str, int]  # day in UTC → alerts
    groups: Mapping[str, int]  # group as text → alerts, the most frequent first
    base_hits: Mapping[str, int]  # title of a base rule → events that it matched, in the days and before them
    samples: tuple[CorrelationHit, ...]  # the newest
    titles: Mapping[str, str]  # of rules, by id
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # indices that were not searched


@dataclass(slots=True)
class _Tally:
    """The counts of a preview while days are searched."""

    named: NamedCorrelation
    effective: RuleSettings
    days: dict[str, int] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)  # ids
    groups: Counter[str] = field(default_factory=Counter)
    base_hits: Counter[str] = field(default_factory=Counter)
    samples: list[CorrelationHit] = field(default_factory=list)
    unsearchable: dict[str, UnsearchableIndex] = field(default_factory=dict)
    hits: int = 0
    undecided: int = 0

    def add(self, hit: CorrelationHit) -> None:
        """Count one hit of the correlation."""
        self.hits += 1
        self.samples = [*self.samples, hit][-SAMPLES:]
        alert = alert_of(hit, self.effective).alert
        if alert in self.alerts:
            return
        self.alerts.add(alert)
        day = f"{moment_at(hit.time):%Y-%m-%d}"
        self.days[day] = self.days.get(day, 0) + 1
        group = group_values_text(hit.group)
        is_counted = group in self.groups or len(self.groups) < _MOST_GROUPS
        self.groups[group if is_counted else _OTHERS] += 1

    def result(self, waiting: int) -> CorrelationPreview:
        """Return the counts, the most frequent groups first."""
        titles = self.named.plan.titles
        return CorrelationPreview(
            rule=self.named.rule,
            hits=self.hits,
            alerts=len(self.alerts),
            waiting=waiting,
            undecided=self.undecided,
            days=dict(sorted(self.days.items())),
            groups=dict(self.groups.most_common()),
            base_hits={titles[rule.id]: self.base_hits[rule.id] for rule in self.named.rules},
            samples=tuple(self.samples),
            titles=titles,
            unsearchable=tuple(self.unsearchable.values()),
        )


def preview_correlation(
    named: NamedCorrelation,
    days: int,
    components: Components,
    *,
    progress: Callable[[PreviewProgress], None],
    stopping: Stopping,
) -> CorrelationPreview:
    """Search the last days by the base rules of a correlation on every source, and count its hits.

    Raises ClusterError where a day could not be searched completely, Stopped where it is asked to end.
    """
    windows = tuple(last_days(components.events().now(), days))
    search = _Search(named, components, windows, stopping)
    tally = search.tally
    for window in search.earlier:
        progress(PreviewProgress(source=named.rule.title, done=0, days=len(windows), hits=0))
        search.search(window)
    for done, window in enumerate(windows):
        progress(PreviewProgress(source=named.rule.title, done=done, days=len(windows), hits=tally.hits))
        search.search(window)
    progress(PreviewProgress(source=named.rule.title, done=len(windows), days=len(windows), hits=tally.hits))
    return tally.result(search.waiting())


class _Search:
    """Searches days by base rules, and evaluates the correlations of their hits."""

    def __init__(
        self, named: NamedCorrelation, components: Components, windows: Sequence[Window], stopping: Stopping
    ) -> None:
        self._states = CorrelationStates(named.plan.correlations)
        self._named, self._stopping = named, stopping
        self._first = windows[0].start
        self._states.expect({entry.rule_id: milliseconds(self._first) for entry in named.plan.correlations})
        self._start = self._first - timedelta(milliseconds=max(self._states.histories().values(), default=0) + 1)
        self.earlier = tuple(_days_between(self._start, self._first))  # what the windows of the first day reach back to
        self.tally = _Tally(named, rule_settings(named.rule, components.settings))
        self.tally.days.update({f"{window.start:%Y-%m-%d}": 0 for window in windows})
        correlator = components.correlator(named.plan)
        self._detectors = [
            components.detector(source, named.rules, correlator) for source in components.settings.sources
        ]

    def search(self, window: Window) -> None:
        """Search a window on every source, and count the hits that its base hits decide."""
        base_hits = list(_base_hits(self._detectors, window, self.tally, self._stopping))
        searched = Spans.of([(milliseconds(self._start), milliseconds(window.end))])
        for hit in self._states.decide(dict.fromkeys(self._named.plan.roles, searched), base_hits):
            if hit.rule_id == self._named.rule.id and hit.time >= milliseconds(self._first):
                self.tally.add(hit)
        self._states.forget(milliseconds(window.end))

    def waiting(self) -> int:
        """Return how many matches later events could still end."""
        return sum(hit.rule_id == self._named.rule.id for hit in self._states.undecided())


def _days_between(start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        yield Window(start=start, end=min(start + _DAY, end))
        start += _DAY


def _base_hits(detectors: Iterable[Detector], window: Window, tally: _Tally, stopping: Stopping) -> Iterator[BaseHit]:
    """Yield the base hits of a window on every source, and count them."""
    for detector in detectors:
        for item in detector.find_base_hits(window, DetectionScope(stopping=stopping)):
            if isinstance(item, UndecidedEvent):
                tally.undecided += 1
            elif isinstance(item, UnsearchableIndex):
                tally.unsearchable[item.index] = item
            else:
                tally.base_hits[item.rule_id] += 1
                yield item
