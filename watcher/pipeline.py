"""The order of the verbs: search, confirm, decide, record; then notify, and strike off.

A page of hits is recorded before the next is read, a window counts when all of its pages were, and a message is
struck off after its channel took it: so a crash anywhere leaves work that is done again, and nothing that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from watcher.decide.group import Grouped, alerts, group
from watcher.decide.ledger import Debt, Ledger, Recorded
from watcher.decide.restore import restore
from watcher.errors import ClusterError, DeliveryError, InputError, Refused
from watcher.match.many import Watched as Watching
from watcher.match.predicate import Predicate
from watcher.model import Plan, Rule, Window
from watcher.notify.channels import next_attempt
from watcher.notify.context import context
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.ports import Ask, Events, Notifier, Page, Snapshot
from watcher.search.door import Searcher, Sight
from watcher.search.outcome import Failed, Matched, Noted
from watcher.settings import Channel, Source
from watcher.translate.book import PlanBook
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator, predicate, translate
from watcher.translate.select import Chosen

log = structlog.get_logger(__name__)

Stopping = Callable[[], bool]


class Stopped(Exception):  # noqa: N818 - reads as the state it names
    """The sidecar is asked to end; what is in hand stays repeatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A rule as a source watches it."""

    rule: Rule
    chosen: Chosen
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What one window came to."""

    window: Window
    indices: int = 0
    hits: int = 0  # recorded for the first time
    alerts: tuple[str, ...] = ()  # opened
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
    stopping: Stopping = lambda: False
    _book: PlanBook = field(init=False)
    _predicates: Mapping[str, Predicate] = field(init=False)
    _searcher: Searcher = field(init=False)

    def __post_init__(self) -> None:
        self._book = PlanBook(self.source, tuple(one.rule for one in self.rules))
        self._predicates = {one.rule.id: one.predicate for one in self.rules}
        self._searcher = Searcher(self.source, [Watching(one.rule, one.predicate) for one in self.rules])

    def detect(self, window: Window) -> Detected:
        """Search a window by every rule, record hits, open alerts.

        Raises a ClusterError where the cluster or the state answers nothing, Stopped where it is asked to end.
        """
        with self.events.open(self.source.index, window, time_field=self.source.time_field) as snapshot:
            facts = self.events.facts(self.source.index, self._book.paths)
            detected = Detected(window=window, indices=len(facts.indices))
            if not facts.indices:
                return detected
            plans = self._book.plans(facts)
            settled = [_settled(plan, one) for plan, one in zip(plans, self.rules, strict=True)]
            sight = Sight(
                snapshot=_Stoppable(snapshot, self.stopping),
                translator=self._book.on(facts),
                lens=Lens(self.source, facts),
            )
            return self._search(sight, settled, detected)

    def _search(self, sight: Sight, plans: Sequence[Plan], detected: Detected) -> Detected:
        for outcome in self._searcher.search(sight, plans):
            if self.stopping():
                raise Stopped
            match outcome:
                case Noted(plan=plan, finding=finding):
                    log.warning("rule.noted", rule=plan.rule.title, code=finding.code, finding=finding.message)
                case Failed(plan=plan, error=error):
                    log.warning("rule.failed", rule=plan.rule.title, error=str(error))
                    detected = detected.failing(outcome)
                case Matched():
                    recorded, broken = self._record(outcome, sight.lens)
                    detected = replace(
                        detected,
                        hits=detected.hits + recorded.hits,
                        alerts=(*detected.alerts, *recorded.alerts),
                        refused=(*detected.refused, *broken),
                    )
        return detected

    def _record(self, matched: Matched, lens: Lens) -> tuple[Recorded, list[Failed]]:
        grouped, broken = self._grouped(matched, lens)
        unknown = {hit.id for hit in self.ledger.unknown([one.hit for one in grouped])}
        new = [one for one in grouped if one.hit.id in unknown]
        if not new:
            return Recorded(hits=0, alerts=()), broken
        opened = alerts(matched.plan, new, origin=self.origin)
        recorded = self.ledger.record(opened, [one.hit for one in new], now=self.events.now())
        for alert in opened:
            if alert.id in recorded.alerts:
                log.info("alert.opened", alert=alert.id, rule=alert.rule.title, level=str(alert.rule.level))
        return recorded, broken

    def _grouped(self, matched: Matched, lens: Lens) -> tuple[list[Grouped], list[Failed]]:
        """Confirm and group; an event that cannot be read is told, and hides neither other events nor other rules."""
        grouped, broken = [], []
        holds = self._predicates[matched.plan.rule.id]
        for one in matched.found:
            try:
                if holds(lens.view(one)):
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


# --------------------------------------------------------------------------- delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a round of delivery came to."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Tells what is owed, each channel on its own."""

    ledger: Ledger
    channels: Mapping[str, tuple[Channel, Notifier]]
    renderer: Renderer
    links: Links
    now: Callable[[], datetime]
    stopping: Stopping = lambda: False

    def deliver(self) -> Delivered:
        """Tell everything that is due: claim, send, strike off."""
        counts = Delivered()
        for debt in self.ledger.debts(now=self.now()):
            if self.stopping():
                break
            counts = self._settle(debt, counts)
        return counts

    def _settle(self, debt: Debt, counts: Delivered) -> Delivered:
        known = self.channels.get(debt.channel)
        if known is None:
            error = f"no channel is called `{debt.channel}` in settings"
            self.ledger.postpone(debt, error, until=self.now() + next_attempt(99))
            return replace(counts, postponed=counts.postponed + 1)
        if not self.ledger.claim(debt, now=self.now()):
            return counts
        channel, notifier = known
        try:
            notification = self.renderer.render(context(restore(debt.stored), links=self.links), channel)
        except (InputError, ValueError, KeyError) as fault:
            return self._unsettled(debt, f"the message cannot be made: {fault}", counts, permanent=False)
        try:
            notifier.send(notification)
        except DeliveryError as fault:
            return self._unsettled(debt, str(fault), counts, permanent=fault.permanent)
        except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything; no other channel suffers
            # its words are left out: they may quote an address that is a secret
            return self._unsettled(debt, f"{type(fault).__name__} in the channel", counts, permanent=False)
        self.ledger.strike(debt, now=self.now())
        log.info("message.sent", alert=debt.stored.id, channel=debt.channel)
        return replace(counts, sent=counts.sent + 1)

    def _unsettled(self, debt: Debt, error: str, counts: Delivered, *, permanent: bool) -> Delivered:
        log.warning(
            "message.failed" if permanent else "message.postponed",
            alert=debt.stored.id,
            channel=debt.channel,
            error=error,
            attempt=debt.attempts + 1,
        )
        if permanent:
            self.ledger.give_up(debt, error)
            return replace(counts, failed=counts.failed + 1)
        self.ledger.postpone(debt, error, until=self.now() + next_attempt(debt.attempts + 1))
        return replace(counts, postponed=counts.postponed + 1)
