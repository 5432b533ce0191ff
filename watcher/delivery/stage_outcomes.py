"""How a stage of a delivery ends.

It either lets the delivery proceed, or ends its way: left as stored, held until a time, to be retried when the channel
works again, refused with all others of its channel, silenced, or dropped for good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.delivery.deliveries import Delivery
from watcher.delivery.hit_outcomes import HitOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """The delivery passes on to the next stage."""

    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The delivery stays as it is stored; nothing is written."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The delivery is postponed."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The channel did not accept the delivery, which may pass."""

    reason: str
    wait: timedelta | None = None  # that the service asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The channel refuses every delivery until somebody mends its settings."""

    reason: str
    wait: timedelta | None = None  # that the service asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The delivery failed for good: the channel refused it permanently."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The delivery is held back for good; a later update of its alert becomes due all the same."""

    reason: str  # a clause that names what held it back; stored, and shown by `watcher alerts ID`
    outcome: HitOutcome = HitOutcome.SILENCED  # or another of those in which nothing is sent


Outcome = Proceed | Leave | Hold | Retry | Refuse | Silence | Drop
Stage = Callable[[Delivery], Outcome]


def run_stages(delivery: Delivery, stages: Sequence[Stage]) -> tuple[Delivery, Outcome]:
    """Return the delivery as the last passed stage left it, and the outcome; `Proceed` where it passed all stages."""
    for stage in stages:
        outcome = stage(delivery)
        if not isinstance(outcome, Proceed):
            return delivery, outcome
        delivery = outcome.delivery
    return delivery, Proceed(delivery=delivery)
