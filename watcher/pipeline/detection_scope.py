"""Which rules search a window, and when the search ends early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.correlate.correlation_plan import BaseRole
from watcher.errors import ClusterError
from watcher.match.match_explainer import MatchExplainer
from watcher.match.predicate import Predicate
from watcher.model import Rule, UnsearchableIndex
from watcher.model.correlation_rules import CorrelationRule
from watcher.ports import EventSpan, Page, SearchRequest, Snapshot, Tallies
from watcher.search.unread_events import SearchMemory
from watcher.settings import Source
from watcher.settings.effective import RuleSettings
from watcher.translate.plan import rule_predicate

Stopping = Callable[[], bool]


class Stopped(Exception):  # noqa: N818 - reads as the state it names
    """The search was asked to end; what it did so far can be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRule:
    """A rule with its effective settings and its predicate for one source."""

    rule: Rule
    effective: RuleSettings
    predicate: Predicate
    explainer: MatchExplainer  # of events that the predicate matches
    role: BaseRole | None = None  # what correlations need of it

    @property
    def alerts(self) -> bool:
        """Whether its hits open alerts."""
        return self.role is None or self.role.alerts


def prepare_rule(rule: Rule, effective: RuleSettings, source: Source, role: BaseRole | None = None) -> PreparedRule:
    """Compile a rule for a source."""
    predicate = rule_predicate(rule, source)
    explainer = MatchExplainer(rule.node, predicate.scope)
    return PreparedRule(rule=rule, effective=effective, predicate=predicate, explainer=explainer, role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCorrelation:
    """A correlation rule with its effective settings."""

    rule: CorrelationRule
    effective: RuleSettings


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScope:
    """The rules that search a window, and whether the search is to end."""

    rules: frozenset[str] | None = None  # ids; None: every rule of the source
    indices: tuple[str, ...] = ()  # that are searched; empty: every index of the pattern
    since: Mapping[str, datetime] = field(default_factory=dict)  # rule id → earlier events are no hits of the rule
    memory: SearchMemory | None = None  # of the live search, which reads each event once; None: all events are read
    stopping: Stopping = _never  # whether to end; evaluated before every side effect

    def check(self) -> None:
        """Raise Stopped if the search is to end."""
        if self.stopping():
            raise Stopped


ALL_RULES = DetectionScope()


@dataclass(slots=True)
class FetchedEvents:
    """How many documents a search fetched; one that several queries return counts for each of them."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class StoppableSnapshot:
    """A snapshot that sends no request once the search is to end, and counts what it fetches."""

    snapshot: Snapshot
    scope: DetectionScope
    fetched: FetchedEvents

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices that are left out."""
        return self.snapshot.unsearchable

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Search, unless the search is to end."""
        self.scope.check()
        answers = self.snapshot.search(requests)
        self.fetched.count += sum(answer.count for answer in answers if isinstance(answer, Page))
        return answers

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count events, unless the search is to end."""
        self.scope.check()
        return self.snapshot.counts(step)

    def tallies(self, step: timedelta) -> Tallies:
        """Tally events, unless the search is to end."""
        self.scope.check()
        return self.snapshot.tallies(step)

    def limited_to(self, spans: Sequence[EventSpan]) -> Snapshot:
        """Limit the snapshot."""
        return StoppableSnapshot(self.snapshot.limited_to(spans), self.scope, self.fetched)
