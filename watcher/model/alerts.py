"""Query plans, event documents, hits, alerts and notifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.model.event_summary import EventSummary
from watcher.model.findings import Finding
from watcher.model.follow_ups import FollowUp
from watcher.model.joined_hits import JoinedHits
from watcher.model.matched_fields import MatchedField
from watcher.model.prior_alerts import PriorAlerts
from watcher.model.routed_receivers import RoutedReceiver
from watcher.model.rules import Rule, RuleMetadata
from watcher.model.triage_history import AlertStatus, HistoryEntry

Event = Mapping[str, Any]
"""The `_source` of one document, as it was sent to the engine."""

Query = Mapping[str, Any]
"""One clause of the query DSL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """The index fields that one Sigma field of a rule is searched in."""

    field: str  # Sigma's name; `keywords` for a search without a field
    paths: tuple[str, ...]  # the index fields
    types: tuple[str, ...]  # the type of each path: `keyword`, `wildcard`, `text`, `unmapped` …
    computed: tuple[str, ...] = ()  # the paths whose values are in no `_source`, but are computed by the engine


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """A rule translated for the mapping of one source."""

    rule: Rule
    source: str  # the source's name in settings
    query: Query  # an upper bound: at least the events that the rule matches
    exact: bool  # the query returns exactly the events that the rule matches
    parts: tuple[Query, ...] = ()  # the queries sent instead of `query` where that is too large for one search
    fields: tuple[FieldMapping, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDocument:
    """One document as a search returned it."""

    index: str
    id: str
    event: Event
    computed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # path → values that are in no `_source`
    is_partial: bool = False  # only some fields were read, because the event cannot be decoded completely


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableEvent:
    """An event that a search returned, and that cannot be decoded or evaluated; it makes no window incomplete."""

    index: str
    id: str
    reason: str  # one short sentence


class AlertKind(StrEnum):
    """What is certain about an alert."""

    MATCH = "match"  # the rule matches
    UNDECIDED = "undecided"  # the rule could not be decided within its time limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One event that a rule matched, or on which it could not be decided."""

    id: str  # digest of rule id, `_id`, time and content
    rule: RuleMetadata
    index: str
    event_id: str  # the event's `_id`
    time: datetime  # the event's `@timestamp`, or its time field where that is too far from it
    event: Event
    summary: EventSummary
    alert: str  # the id of the alert that it belongs to
    kind: AlertKind = AlertKind.MATCH
    former_id: str = ""  # the id in states of versions before 4, which knew nothing of the content
    matched: tuple[MatchedField, ...] = ()  # the values for which the rule matched it
    correlation: CorrelationEvidence | None = None  # of a correlation: what it counted; the event is the last of that


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The hits of one rule, group key and slot: what people triage."""

    id: str  # digest of rule id, group key and slot
    rule: RuleMetadata
    key: tuple[tuple[str, str | None], ...]  # the group-by fields and their values
    slot: datetime  # the start of its quiet period (the hit's own time where every hit is an alert)
    origin: str  # `live` or `backfill`
    channels: tuple[str, ...]
    first: Hit  # the earliest hit of the page that opened it
    opened: datetime | None = None  # when it was stored; None: it is not stored
    receivers: tuple[RoutedReceiver, ...] = ()  # how routes send it to its channels; none: to each at once
    routes: tuple[str, ...] = ()  # the routes that it took
    source: str = ""  # the name in settings of the source that was searched, where settings have routes
    joined: JoinedHits | None = None  # all of its hits, where the alert is a stored one
    status: AlertStatus = AlertStatus.OPEN
    history: tuple[HistoryEntry, ...] = ()  # what people did to it
    prior: PriorAlerts | None = None  # how often its rule fired before; None: it was not counted

    @property
    def has_key(self) -> bool:
        """Whether the event has a value of a group-by field, or hits are not to be separated (`group_by: []`)."""
        return not self.key or any(value is not None for _, value in self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A rendered message."""

    alert: str  # the alert's id
    channel: str
    key: str  # the idempotency key: the same for every attempt to send this alert to this channel
    subject: str  # one line, no control characters
    bodies: Mapping[str, str]  # media type → text
    recipients: tuple[str, ...] = ()  # of the channel's recipients; empty: all of them
    level: str = ""  # of its rule; empty: a notice about watcher itself
    thread: str = ""  # the key of the alert's first message, where this is an update; empty: it begins a thread
    message: str = ""  # the service's own id of the alert's first message, where its channel returned one
    attempt: int = 1  # how often it was claimed: after the first attempt the channel may have it already
    follow_up: FollowUp | None = None  # this is no message of its own, but what people did to the alert
