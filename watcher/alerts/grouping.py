"""Which alert a hit belongs to: identity lives here, and depends on hits alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.digests import digest
from watcher.match.flat_event import values_at
from watcher.model import Alert, Event, EventDocument, Hit, Rule
from watcher.settings.effective import RuleSettings
from watcher.timestamps import parse_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

GroupKey = tuple[tuple[str, str | None], ...]


def milliseconds(moment: datetime) -> int:
    """Give the milliseconds since 1970, cut."""
    return (moment - _EPOCH) // _MILLISECOND


def event_time(event: Event, field: str = "@timestamp") -> datetime:
    """Give an event's time; raises ValueError where it has none."""
    found = values_at(event, field)
    moment = parse_timestamp(found[0]) if found else None
    if moment is None:
        raise ValueError(f"the event has no `{field}`")
    return moment


def group_key(event: Event, group_by: Iterable[str]) -> GroupKey:
    """Give the group-by values of an event; a missing value is a value of its own."""
    found = ((field, values_at(event, field)) for field in group_by)
    return tuple((field, "\n".join(sorted(values)) if values else None) for field, values in found)


def slot_start(moment: datetime, quiet: timedelta, shift: str) -> datetime:
    """Give the start of the quiet period that a moment lies in.

    The edges are shifted by a digest, so that not all alerts open again at once.
    """
    length = max(1, quiet // _MILLISECOND)
    offset = int(shift[:12], 16) % length
    at = milliseconds(moment)
    return _EPOCH + ((at - offset) // length * length + offset) * _MILLISECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedHit:
    """A hit and the alert that it belongs to."""

    hit: Hit
    alert: str
    key: GroupKey
    slot: datetime


def group(rule: Rule, effective: RuleSettings, found: EventDocument) -> GroupedHit:
    """Decide which alert a hit belongs to.

    The ids are digests: of a hit, rule id, `_id` and time in milliseconds; of an alert, rule id, key and slot.
    """
    moment = event_time(found.event)
    hit_id = digest(rule.id, found.id, str(milliseconds(moment)))
    if effective.group_by is None:
        key: GroupKey = (("event", hit_id),)
        slot = moment
    else:
        key = group_key(found.event, effective.group_by)
        slot = slot_start(moment, effective.quiet_period, digest(rule.id, *_flat(key)))
    alert = digest(rule.id, *_flat(key), "" if effective.group_by is None else str(milliseconds(slot)))
    hit = Hit(id=hit_id, rule=rule, index=found.index, event_id=found.id, time=moment, event=found.event, alert=alert)
    return GroupedHit(hit=hit, alert=alert, key=key, slot=slot)


def _flat(key: GroupKey) -> Iterable[str]:
    for field, value in key:
        yield field
        yield "absent" if value is None else "=" + value


def alerts_of_hits(
    rule: Rule, effective: RuleSettings, grouped: Iterable[GroupedHit], *, origin: str
) -> tuple[Alert, ...]:
    """Give the alerts of some hits of one rule, each with its earliest hit."""
    earliest: dict[str, GroupedHit] = {}
    for one in grouped:
        known = earliest.get(one.alert)
        if known is None or (one.hit.time, one.hit.id) < (known.hit.time, known.hit.id):
            earliest[one.alert] = one
    return tuple(
        Alert(
            id=one.alert,
            rule=rule,
            key=one.key,
            slot=one.slot,
            origin=origin,
            channels=effective.channels,
            first=one.hit,
        )
        for one in earliest.values()
    )
