"""A window of a source: searched, confirmed, decided, recorded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.decide.group import Grouped, alerts, group, time_of
from watcher.decide.ledger import Ledger, Recorded
from watcher.decide.span import SLICE
from watcher.errors import ClusterError, Refused
from watcher.match.many import Watched as Watching
from watcher.match.predicate import Predicate
from watcher.model import Found, Plan, Rule, Window
from watcher.ports import Ask, Events, IndexFacts, Page, Snapshot
from watcher.search.door import Searcher, Sight
from watcher.search.outcome import Failed, Matched, Noted
from watcher.settings import Source
from watcher.translate.book import PlanBook
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator, predicate, translate
from watcher.translate.select import Chosen

log = structlog.get_logger(__name__)

Stopping = Callable[[], bool]

_TOGETHER = 500  # hits that are recorded at once


class Stopped(Exception):  # noqa: N818 - reads as the state it names
    """The sidecar is asked to end; what is in hand stays repeatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A rule as a source watches it."""

    rule: Rule
    chosen: Chosen
    predicate: Predicate


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """By which rules a window is searched, and until when."""

    rules: frozenset[str] | None = None  # ids; None: every rule of the source
    since: Mapping[str, datetime] = field(default_factory=dict)  # id → events before are not the rule's
    stopping: Stopping = _never  # whether to end; asked before every side effect


_EVERYTHING = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What one window came to."""

    window: Window
    indices: tuple[str, ...] = ()  # that were searched
    counts: Mapping[datetime, int] = field(default_factory=dict)  # events by the start of their slice
    hits: int = 0  # recorded for the first time
    by_rule: Mapping[str, int] = field(default_factory=dict)  # hits found, recorded before or not, by the rule's id
    alerts: int = 0  # opened
    failed: tuple[Failed, ...] = ()  # to be searched again
    refused: tuple[Failed, ...] = ()  # the engine will not have these, whatever is tried

    @property
    def whole(self) -> bool:
        """Tell whether the window was searched by every rule that can be."""
        return not self.failed

    def failing(self, outcome: Failed) -> Detected:
        """Add a rule whose search failed: for now, or for good."""
        if isinstance(outcome.error, Refused):
            return replace(self, refused=(*self.refused, outcome))
        return replace(self, failed=(*self.failed, outcome))


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """A snapshot that is asked nothing more once the sidecar is to end."""

    snapshot: Snapshot
    stopping: Stopping

    def search(self, asks: Sequence[Ask]) -> Sequence[Page | ClusterError]:
        """Ask, unless it is time to end."""
        if self.stopping():
            raise Stopped
        return self.snapshot.search(asks)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count, unless it is time to end."""
        if self.stopping():
            raise Stopped
        return self.snapshot.counts(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """An opened window, and what is asked of it."""

    facts: IndexFacts
    sight: Sight
    plans: Sequence[Plan]


@dataclass(slots=True)
class _Held:
    """What rules hit, until it is recorded together: each record costs round trips."""

    found: dict[str, tuple[Plan, list[Grouped]]] = field(default_factory=dict)  # by rule id
    count: int = 0

    def add(self, plan: Plan, grouped: Sequence[Grouped]) -> None:
        """Hold what a rule hit."""
        self.found.setdefault(plan.rule.id, (plan, []))[1].extend(grouped)
        self.count += len(grouped)

    def take(self) -> Sequence[tuple[Plan, Sequence[Grouped]]]:
        """Give what is held, and hold it no more."""
        found, self.found, self.count = self.found, {}, 0
        return tuple(found.values())


def watch(rule: Rule, chosen: Chosen, source: Source) -> Watched:
    """Prepare a rule for a source."""
    return Watched(rule=rule, chosen=chosen, predicate=predicate(rule, source))


@dataclass(slots=True)
class Detector:
    """Searches one source for what its rules mean."""

    source: Source
    events: Events
    ledger: Ledger
    rules: Sequence[Watched]
    origin: str = "live"
    _planning: threading.Lock = field(init=False, default_factory=threading.Lock)
    _book: PlanBook = field(init=False)
    _predicates: Mapping[str, Predicate] = field(init=False)
    _searcher: Searcher = field(init=False)

    before: InitVar[Detector | None] = None

    def __post_init__(self, before: Detector | None) -> None:
        rules = tuple(one.rule for one in self.rules)
        watching = [Watching(one.rule, one.predicate) for one in self.rules]
        self._predicates = {one.rule.id: one.predicate for one in self.rules}
        if before is None:
            self._book, self._searcher = PlanBook(self.source, rules), Searcher(self.source, watching)
        else:
            self._book, self._searcher = before._book.renewed(rules), before._searcher.renewed(watching)  # noqa: SLF001

    def renewed(self, rules: Sequence[Watched]) -> Detector:
        """Give the detector of other rules; this one goes on with those that it has, for whoever is using it."""
        return Detector(
            source=self.source, events=self.events, ledger=self.ledger, rules=rules, origin=self.origin, before=self
        )

    def detect(self, window: Window, asked: Asked = _EVERYTHING) -> Detected:
        """Search a window, record hits, open alerts.

        Raises a ClusterError where the cluster or the state answers nothing, Stopped where it is asked to end.
        """
        with self._seen(window, asked) as seen:
            if seen is None:
                return Detected(window=window)
            detected = Detected(window=window, indices=seen.facts.indices, counts=seen.sight.snapshot.counts(SLICE))
            return self._search(seen.sight, seen.plans, detected, asked)

    def look(self, window: Window, asked: Asked = _EVERYTHING) -> Iterator[Grouped]:
        """Give what the rules hit in a window, and write nothing.

        Raises the ClusterError that kept it from being searched whole, Stopped where it is asked to end.
        """
        with self._seen(window, asked) as seen:
            if seen is None:
                return
            for outcome in self._searcher.search(seen.sight, seen.plans):
                if isinstance(outcome, Failed):
                    raise outcome.error
                if isinstance(outcome, Matched):
                    yield from self._grouped(outcome, seen.sight.lens, None)[0]

    @contextmanager
    def _seen(self, window: Window, asked: Asked) -> Iterator[_Seen | None]:
        """Open a window, and plan what is asked of it; None where no index is there."""
        with self.events.open(self.source.index, window, time_field=self.source.time_field) as opened:
            facts = self.events.facts(self.source.index, self._book.paths)
            if not facts.indices:
                yield None
                return
            with self._planning:  # the live edge and the past are searched side by side
                plans = self._book.plans(facts)
                translator = self._book.on(facts)
            settled = [
                _settled(plan, one)
                for plan, one in zip(plans, self.rules, strict=True)
                if asked.rules is None or plan.rule.id in asked.rules
            ]
            snapshot = _Stoppable(opened, asked.stopping)
            sight = Sight(snapshot=snapshot, translator=translator, lens=Lens(self.source, facts))
            yield _Seen(facts=facts, sight=sight, plans=settled)

    def _search(self, sight: Sight, plans: Sequence[Plan], detected: Detected, asked: Asked) -> Detected:
        by_rule: Counter[str] = Counter()
        held = _Held()
        recorded = Recorded()
        try:
            for outcome in self._searcher.search(sight, plans):
                if asked.stopping():
                    raise Stopped
                match outcome:
                    case Noted(plan=plan, finding=finding):
                        log.warning("rule.noted", rule=plan.rule.title, code=finding.code, finding=finding.message)
                    case Failed(plan=plan, error=error):
                        log.warning("rule.failed", rule=plan.rule.title, error=str(error))
                        detected = detected.failing(outcome)
                    case Matched(plan=plan):
                        grouped, broken = self._grouped(outcome, sight.lens, asked.since.get(plan.rule.id))
                        by_rule[plan.rule.id] += len(grouped)
                        held.add(plan, grouped)
                        detected = replace(detected, refused=(*detected.refused, *broken))
                if held.count >= _TOGETHER:
                    recorded += self._record(held.take(), asked)
        except ClusterError:
            self._record(held.take(), asked)  # what was found is told, whatever becomes of the rest
            raise
        recorded += self._record(held.take(), asked)
        return replace(detected, by_rule=dict(by_rule), hits=recorded.hits, alerts=len(recorded.alerts))

    def _record(self, found: Sequence[tuple[Plan, Sequence[Grouped]]], asked: Asked) -> Recorded:
        """Record what several rules hit, with as few requests as for one."""
        hits = [one.hit for _, grouped in found for one in grouped]
        if not hits:
            return Recorded()
        unknown = {hit.id for hit in self.ledger.unknown(hits)}
        new = [(plan, [one for one in grouped if one.hit.id in unknown]) for plan, grouped in found]
        opened = [alert for plan, grouped in new if grouped for alert in alerts(plan, grouped, origin=self.origin)]
        if not opened:
            return Recorded()
        if asked.stopping():
            raise Stopped
        made = [one.hit for _, grouped in new for one in grouped]
        recorded = self.ledger.record(opened, made, now=self.events.now())
        told = frozenset(recorded.alerts)
        for alert in opened:
            if alert.id in told:
                log.info("alert.opened", alert=alert.id, rule=alert.rule.title, level=str(alert.rule.level))
        return recorded

    def _at(self, found: Found) -> datetime:
        """Give the time by which the window selects an event."""
        return time_of(found.event, self.source.time_field)

    def _grouped(self, matched: Matched, lens: Lens, since: datetime | None) -> tuple[list[Grouped], list[Failed]]:
        """Confirm and group; an event that cannot be read is told, and hides neither other events nor other rules."""
        grouped, broken = [], []
        holds = self._predicates[matched.plan.rule.id]
        for one in matched.found:
            try:
                if (since is None or self._at(one) >= since) and holds(lens.view(one)):
                    grouped.append(group(matched.plan, one))
            except Exception as fault:  # attackers write events: what one of them breaks must not end the watch
                log.exception("event.broken", rule=matched.plan.rule.title, index=one.index, id=one.id)
                error = Refused(f"the event `{one.id}` of `{one.index}` cannot be read: {fault}")
                broken.append(Failed(plan=matched.plan, error=error))
        return grouped, broken


def planned(one: Watched, translator: Translator) -> Plan:
    """Make the plan of a rule with what its selectors set."""
    return _settled(translate(one.rule, translator), one)


def _settled(plan: Plan, one: Watched) -> Plan:
    return replace(
        plan, group_by=one.chosen.group_by, quiet_period=one.chosen.quiet_period, channels=one.chosen.channels
    )
