"""Which alert a hit belongs to: identity lives here, and depends on hits alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from watcher.match.document import values_at
from watcher.match.instant import instant
from watcher.model import Alert, Event, Found, Hit, Plan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Key = tuple[tuple[str, str | None], ...]


def digest(*parts: str) -> str:
    """Give a short name for some texts, the same everywhere and for ever."""
    made = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        made.update(len(encoded).to_bytes(8) + encoded)
    return made.hexdigest()


def milliseconds(moment: datetime) -> int:
    """Give the milliseconds since 1970, cut."""
    return (moment - _EPOCH) // _MILLISECOND


def time_of(event: Event, field: str = "@timestamp") -> datetime:
    """Give an event's time; raises ValueError where it has none."""
    found = values_at(event, field)
    moment = instant(found[0]) if found else None
    if moment is None:
        raise ValueError(f"the event has no `{field}`")
    return moment


def key_of(event: Event, group_by: Iterable[str]) -> Key:
    """Give the group-by values of an event; a missing value is a value of its own."""
    found = ((field, values_at(event, field)) for field in group_by)
    return tuple((field, "\n".join(sorted(values)) if values else None) for field, values in found)


def slot_of(moment: datetime, quiet: timedelta, shift: str) -> datetime:
    """Give the start of the quiet period that a moment lies in.

    The edges are shifted by a digest, so that not all alerts open again at once.
    """
    length = max(1, quiet // _MILLISECOND)
    offset = int(shift[:12], 16) % length
    at = milliseconds(moment)
    return _EPOCH + ((at - offset) // length * length + offset) * _MILLISECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """A hit and the alert that it belongs to."""

    hit: Hit
    alert: str
    key: Key
    slot: datetime


def group(plan: Plan, found: Found) -> Grouped:
    """Decide which alert a hit belongs to.

    The ids are digests: of a hit, rule id, `_id` and time in milliseconds; of an alert, rule id, key and slot.
    """
    moment = time_of(found.event)
    rule = plan.rule
    hit_id = digest(rule.id, found.id, str(milliseconds(moment)))
    if plan.group_by is None:
        key: Key = (("event", hit_id),)
        slot = moment
    else:
        key = key_of(found.event, plan.group_by)
        slot = slot_of(moment, plan.quiet_period, digest(rule.id, *_flat(key)))
    alert = digest(rule.id, *_flat(key), "" if plan.group_by is None else str(milliseconds(slot)))
    hit = Hit(id=hit_id, rule=rule, index=found.index, event_id=found.id, time=moment, event=found.event, alert=alert)
    return Grouped(hit=hit, alert=alert, key=key, slot=slot)


def _flat(key: Key) -> Iterable[str]:
    for field, value in key:
        yield field
        yield "absent" if value is None else "=" + value


def alerts(plan: Plan, grouped: Iterable[Grouped], *, origin: str) -> tuple[Alert, ...]:
    """Give the alerts of some hits of one rule, each with its earliest hit."""
    earliest: dict[str, Grouped] = {}
    for one in grouped:
        known = earliest.get(one.alert)
        if known is None or (one.hit.time, one.hit.id) < (known.hit.time, known.hit.id):
            earliest[one.alert] = one
    return tuple(
        Alert(
            id=one.alert,
            rule=plan.rule,
            key=one.key,
            slot=one.slot,
            origin=origin,
            channels=plan.channels,
            first=one.hit,
        )
        for one in earliest.values()
    )
