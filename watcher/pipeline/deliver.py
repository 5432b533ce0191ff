"""What alerts owe, told: each channel on its own, and a storm of one rule in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from watcher.decide.outbox import Debt, Gale, Outbox
from watcher.decide.restore import restore
from watcher.errors import DeliveryError, InputError
from watcher.notify.channels import next_attempt
from watcher.notify.context import context, storm
from watcher.notify.links import Links
from watcher.notify.render import Renderer, Telling
from watcher.pipeline.detect import Stopping
from watcher.ports import Notifier
from watcher.settings import Channel

log = structlog.get_logger(__name__)

_LEFT = "it was time to end"
_NOBODY = 99  # attempts: a channel that settings lack is asked about once an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a round of delivery came to, in messages."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(
            sent=self.sent + other.sent,
            postponed=self.postponed + other.postponed,
            failed=self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """When many alerts of one rule go to one channel as one message."""

    limit: int = 20  # alerts of a rule that a channel is told one by one in `within`
    within: timedelta = timedelta(hours=1)
    settle: timedelta = timedelta(minutes=1)  # how long a storm must have opened nothing new before it is told
    patience: timedelta = timedelta(minutes=10)  # and how long it is waited for that


class _Unsendable(Exception):  # noqa: N818 - reads as the state it names
    """A message was not taken; says whether trying again can help."""

    def __init__(self, error: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(error)


class _Ended(Exception):  # noqa: N818 - reads as the state it names
    """It was time to end before the message was handed over: whoever goes on is not to wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Tells what is owed, each channel on its own."""

    outbox: Outbox
    channels: Mapping[str, tuple[Channel, Notifier]]
    renderer: Renderer
    links: Links
    now: Callable[[], datetime]
    brake: Brake = Brake()
    stopping: Stopping = field(default=lambda: False)  # asked before every side effect

    def deliver(self) -> Delivered:
        """Tell everything that is due: claim, send, strike off."""
        counts = Delivered()
        while not self.stopping():
            round_ = self._round()
            counts += round_
            if not round_.sent:
                break
        return counts

    def _round(self) -> Delivered:
        """Give every rule that owes something one turn."""
        counts = Delivered()
        done: list[str] = []
        while debts := self.outbox.debts(now=self.now(), without=done):
            for rule, owed in _by(debts, lambda debt: debt.rule).items():
                for channel, mine in _by(owed, lambda debt: debt.channel).items():
                    if self.stopping():
                        return counts
                    counts += self._tell(rule, channel, mine)
                done.append(rule)
        return counts

    def _tell(self, rule: str, channel: str, debts: Sequence[Debt]) -> Delivered:
        """Tell a channel of a rule: one by one as long as the brake allows, the rest in one message."""
        single = [debt for debt in debts if not debt.in_gale]
        room = self.brake.limit
        if len(single) > 1:
            since = self.now() - self.brake.within
            room -= self.outbox.told(rule, channel, since=since, most=self.brake.limit)
        counts = sum((self._settle(debt) for debt in single[: max(room, 0)]), Delivered())
        if (len(single) > room or len(single) < len(debts)) and self._is_over(rule):
            counts += self._tell_together(rule, channel)
        return counts

    def _is_over(self, rule: str) -> bool:
        """Tell whether a storm has settled, or lasts so long that it is told all the same."""
        now = self.now()
        span = self.outbox.opened(rule, now=now)
        if span is None or self.brake.settle <= timedelta(0):
            return True
        first, last = span
        return last <= now - self.brake.settle or first <= now - self.brake.patience

    # ---- one by one

    def _settle(self, debt: Debt) -> Delivered:
        if self.stopping():
            return Delivered()
        known = self.channels.get(debt.channel)
        if known is None:
            self.outbox.postpone(debt, _unknown(debt.channel), until=self.now() + next_attempt(_NOBODY))
            return Delivered(postponed=1)
        claimed = self.outbox.claim(debt, now=self.now())
        if claimed is None:
            return Delivered()
        try:
            self._send(known, lambda: context(restore(claimed.stored), links=self.links))
        except _Ended:
            self.outbox.postpone(claimed, _LEFT, until=self.now())
            return Delivered(postponed=1)
        except _Unsendable as fault:
            _say(fault, claimed.channel, claimed.attempts, alert=claimed.stored.id)
            if fault.permanent:
                self.outbox.give_up(claimed, str(fault))
                return Delivered(failed=1)
            self.outbox.postpone(claimed, str(fault), until=self.now() + next_attempt(claimed.attempts))
            return Delivered(postponed=1)
        self.outbox.strike(claimed, now=self.now())
        log.info("message.sent", alert=claimed.stored.id, channel=claimed.channel)
        return Delivered(sent=1)

    # ---- many in one

    def _tell_together(self, rule: str, channel: str) -> Delivered:
        known = self.channels.get(channel)
        gale = self.outbox.gather(rule, channel, now=self.now()) if not self.stopping() else None
        if gale is None:
            return Delivered()
        if known is None:
            self.outbox.postpone_all(gale, _unknown(channel), until=self.now() + next_attempt(_NOBODY))
            return Delivered(postponed=1)
        try:
            self._send(known, lambda: _about(gale))
        except _Ended:
            self.outbox.postpone_all(gale, _LEFT, until=self.now())
            return Delivered(postponed=1)
        except _Unsendable as fault:
            _say(fault, channel, gale.attempts, alerts=len(gale.claimed), told_in=gale.id)
            if fault.permanent:
                self.outbox.give_up_all(gale, str(fault))
                return Delivered(failed=1)
            self.outbox.postpone_all(gale, str(fault), until=self.now() + next_attempt(gale.attempts))
            return Delivered(postponed=1)
        self.outbox.strike_all(gale, now=self.now())
        log.info("storm.told", rule=rule, channel=channel, alerts=len(gale.claimed), told_in=gale.id)
        return Delivered(sent=1)

    def _send(self, known: tuple[Channel, Notifier], telling: Callable[[], Telling]) -> None:
        """Render and hand over; raises _Unsendable, whatever went wrong, and _Ended where it is asked to end."""
        channel, notifier = known
        try:
            notification = self.renderer.render(telling(), channel)
        except InputError as fault:
            raise _Unsendable(f"the message cannot be made: {fault}", permanent=False) from fault
        except Exception as fault:  # attackers write events: one that cannot be told must not silence the others
            log.exception("message.broken", channel=channel.name)
            raise _Unsendable(f"the message cannot be made: {type(fault).__name__}: {fault}", permanent=False) from None
        if self.stopping():
            raise _Ended
        try:
            notifier.send(notification)
        except DeliveryError as fault:
            raise _Unsendable(str(fault), permanent=fault.permanent) from fault
        except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything; no other channel suffers
            # its words are left out: they may quote an address that is a secret
            raise _Unsendable(f"{type(fault).__name__} in the channel", permanent=False) from None


def _by(debts: Iterable[Debt], key: Callable[[Debt], str]) -> dict[str, list[Debt]]:
    found: dict[str, list[Debt]] = {}
    for debt in debts:
        found.setdefault(key(debt), []).append(debt)
    return found


def _about(gale: Gale) -> Telling:
    alert = restore(gale.first)
    return storm(alert.rule, digest=gale.id, count=len(gale.claimed), window=gale.window, keys=gale.keys)


def _unknown(channel: str) -> str:
    return f"no channel is called `{channel}` in settings"


def _say(fault: _Unsendable, channel: str, attempts: int, **about: object) -> None:
    event = "message.failed" if fault.permanent else "message.postponed"
    log.warning(event, channel=channel, error=str(fault), attempt=attempts, **about)
