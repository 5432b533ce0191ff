"""Which alert a hit belongs to: the ids depend on nothing but the hit and the rule's effective settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.alerts.group_keys import GroupKey, KeyPart, group_key, key_identity, key_parts
from watcher.digests import digest
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.model import Alert, AlertKind, EventDocument, Hit, RuleMetadata
from watcher.settings.effective import RuleSettings
from watcher.timestamps import latest_timestamp, milliseconds, moment_at

# what pipelines and analysts change in an event that stays the same
_CHANGEABLE = ("@timestamp", "@version", "event.ingested", "labels", "tags")
_MILLISECOND = timedelta(milliseconds=1)
FURTHEST_PAST = timedelta(days=366)  # of `@timestamp` before the time field of the source
FURTHEST_AHEAD = timedelta(days=7)


def event_time(view: EventView, field: str = "@timestamp") -> datetime:
    """Return an event's time, which is its `@timestamp` where it lacks the field; raises ValueError without both.

    Of several it is the latest: an old time beside it must not move the alert into an index that has expired.
    """
    moment = latest_timestamp(view.at(field) or view.at("@timestamp"))
    if moment is None:
        raise ValueError(f"the event has no `{field}`")
    return moment


def stored_time(view: EventView, field: str) -> tuple[datetime, bool]:
    """Return the time of a hit, and whether its `@timestamp` was replaced; raises ValueError if it has no timestamp.

    The time decides in which index of the state the hit and its alert are stored. Whoever writes events chooses
    `@timestamp`. Where that is too far from the time field of the source, the hit has the time of that field.
    """
    moment, searched = event_time(view), event_time(view, field)
    if searched - moment <= FURTHEST_PAST and moment - searched <= FURTHEST_AHEAD:
        return moment, False
    return searched, True


def slot_start(moment: datetime, quiet: timedelta, shift: str) -> datetime:
    """Return the start of the quiet period that contains a moment.

    The edges are shifted by a digest, so that not all alerts open again at the same time.
    """
    length = max(1, quiet // _MILLISECOND)
    offset = int(shift[:12], 16) % length
    at = milliseconds(moment)
    return moment_at((at - offset) // length * length + offset)


def content_digest(view: EventView) -> str:
    """Return a digest of an event's values, equal for every copy of it, and for no other event.

    A copy in another index may write names nested or dotted, in any order, and may have other tags and labels.
    """
    values = (
        (path, texts)
        for path, texts in view.own_values()
        if path not in _CHANGEABLE and not path.startswith(("labels.", "tags."))
    )
    return digest(*(text for path, texts in sorted(values) for text in (path, str(len(texts)), *sorted(texts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedHit:
    """A hit and the alert that it belongs to."""

    hit: Hit
    alert: str
    key: GroupKey
    slot: datetime
    is_clamped: bool = False  # the hit does not have the time of its `@timestamp`


def group(
    rule: RuleMetadata,
    effective: RuleSettings,
    document: EventDocument,
    view: EventView,
    *,
    time_field: str = "@timestamp",
) -> GroupedHit:
    """Return the hit on an event with the alert that it belongs to.

    The ids are digests: of a hit, rule id, `_id`, time in milliseconds and the event's content; of an alert, rule id,
    key and slot.
    """
    return _Grouping(rule, effective, document, view, time_field).grouped(AlertKind.MATCH)


def group_undecided(
    rule: RuleMetadata,
    effective: RuleSettings,
    document: EventDocument,
    view: EventView,
    *,
    time_field: str = "@timestamp",
) -> GroupedHit:
    """Return the hit and the alert for an event on which a rule could not be decided.

    Both are of a kind of their own: when the rule is mended and matches the event, that is another hit and alert.
    """
    return _Grouping(rule, effective, document, view, time_field).grouped(AlertKind.UNDECIDED)


@dataclass(frozen=True, slots=True)
class _Grouping:
    """An event, and the rule by whose settings it is grouped."""

    rule: RuleMetadata
    effective: RuleSettings
    document: EventDocument
    view: EventView
    time_field: str  # of the source

    def grouped(self, kind: AlertKind) -> GroupedHit:
        rule, effective, document, view = self.rule, self.effective, self.document, self.view
        kinds = () if kind is AlertKind.MATCH else (str(kind),)
        moment, is_clamped = stored_time(view, self.time_field)
        former = (rule.id, document.id, str(milliseconds(event_time(view))))
        hit_id = digest(*former, "" if document.is_partial else content_digest(view), *kinds)
        if effective.group_by is None:
            parts: tuple[KeyPart, ...] = (KeyPart(field="event", values=(hit_id,), identity=(hit_id,)),)
            slot = moment
        else:
            parts = key_parts(view, effective.group_by)
            slot = slot_start(moment, effective.quiet_period, digest(rule.id, *key_identity(parts)))
        slot_text = "" if effective.group_by is None else str(milliseconds(slot))
        alert = digest(rule.id, *key_identity(parts), slot_text, *kinds)
        hit = Hit(
            id=hit_id,
            rule=rule,
            index=document.index,
            event_id=document.id,
            time=moment,
            event=document.event,
            summary=summarize(view),
            alert=alert,
            kind=kind,
            former_id="" if kinds else digest(*former),
        )
        return GroupedHit(hit=hit, alert=alert, key=group_key(parts), slot=slot, is_clamped=is_clamped)


def alerts_of_hits(
    rule: RuleMetadata, effective: RuleSettings, grouped: Iterable[GroupedHit], *, origin: str
) -> tuple[Alert, ...]:
    """Return the alerts of the hits of one rule, each with its earliest hit."""
    earliest: dict[str, GroupedHit] = {}
    for candidate in grouped:
        first = earliest.setdefault(candidate.alert, candidate)
        if (candidate.hit.time, candidate.hit.id) < (first.hit.time, first.hit.id):
            earliest[candidate.alert] = candidate
    return tuple(
        Alert(
            id=first.alert,
            rule=rule,
            key=first.key,
            slot=first.slot,
            origin=origin,
            channels=effective.channels,
            first=first.hit,
        )
        for first in earliest.values()
    )
