"""The nouns of watcher: what a rule, a plan, a window, a hit, an alert and a notification are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Day  # noqa: N812 - `date` is a field of a rule
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

Event = Mapping[str, Any]
"""The `_source` of one document, as it was sent to the engine."""

Query = Mapping[str, Any]
"""One clause of the query DSL."""


# --------------------------------------------------------------------------- places and findings


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Location:
    """Where something stands in a file: 1-based line and column."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to say about a rule or a setting, and what to do about it."""

    code: str  # stable name, e.g. `duplicate-key`
    severity: Severity
    location: Location
    message: str  # one sentence, no full stop
    fix: str = ""  # the next step to take

    def __str__(self) -> str:
        advice = f"; {self.fix}" if self.fix else ""
        return f"{self.location}: {self.severity}: {self.message}{advice} [{self.code}]"


# --------------------------------------------------------------------------- the condition tree


class Wildcard(Enum):
    """What stands for other characters in a rule's strings."""

    ANY = "*"  # any run of characters, the empty one too
    ONE = "?"  # exactly one character
    DASH = "-"  # one of the characters that Windows programs take for a dash (`windash`)


DASHES = "-/\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}"
"""What `Wildcard.DASH` stands for."""


@dataclass(frozen=True, slots=True)
class SigmaString:
    """A string of a rule: literal runs and wildcards, compared with the whole value."""

    parts: tuple[str | Wildcard, ...]
    cased: bool = False

    def __str__(self) -> str:
        return "".join(
            part.value
            if isinstance(part, Wildcard)
            else part.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
            for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class SigmaNumber:
    """A number of a rule: equal as text, or as integers."""

    value: int | float


@dataclass(frozen=True, slots=True)
class SigmaNull:
    """`null` or `''`: the field is absent or holds nothing."""


@dataclass(frozen=True, slots=True)
class SigmaExists:
    """The field is there (or is not)."""

    expected: bool


@dataclass(frozen=True, slots=True)
class SigmaRegex:
    """A regular expression, searched unanchored; flags out of `i`, `m` and `s`."""

    pattern: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class SigmaCidr:
    """A network that the address must lie in."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class SigmaCompare:
    """A numeric comparison: `lt`, `lte`, `gt` or `gte`."""

    operator: str
    bound: int | float


@dataclass(frozen=True, slots=True)
class SigmaFieldReference:
    """The value equals (or contains, starts or ends with) that of another field of the same event."""

    field: str
    how: str = "equals"  # equals, contains, startswith, endswith
    cased: bool = False


@dataclass(frozen=True, slots=True)
class SigmaTimestampPart:
    """One part of a timestamp: `minute`, `hour`, `day`, `week`, `month` or `year`."""

    part: str
    value: int
    operator: str = "eq"  # or lt, lte, gt, gte


SigmaValue = (
    SigmaString
    | SigmaNumber
    | SigmaNull
    | SigmaExists
    | SigmaRegex
    | SigmaCidr
    | SigmaCompare
    | SigmaFieldReference
    | SigmaTimestampPart
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionItem:
    """One entry of a selection: a field (None for keywords) and its values.

    Any value must match, or all of them with `match_all`.
    """

    field: str | None
    values: tuple[SigmaValue, ...]
    match_all: bool = False
    modifiers: tuple[str, ...] = ()  # as written, in order
    source_values: tuple[Any, ...] = ()  # the values as written
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class And:
    """Every branch holds."""

    of: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one branch holds."""

    of: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The branch does not hold."""

    of: ConditionNode


ConditionNode = And | Or | Not | DetectionItem


# --------------------------------------------------------------------------- the rule


class Level(StrEnum):
    """How bad it is, in Sigma's words."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The position from 0 (informational) to 4 (critical)."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """Which events a rule speaks of; several categories or services mean any of them."""

    product: str | None = None
    category: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    definition: str | None = None
    location: Location | None = None

    def __str__(self) -> str:
        named = (("product", (self.product,) if self.product else ()), ("category", self.category))
        parts = [f"{key} {', '.join(values)}" for key, values in (*named, ("service", self.service)) if values]
        return "; ".join(parts) or "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A named part of `detection`, with its own condition tree."""

    name: str
    node: ConditionNode
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another rule that this one has to do with."""

    id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the author wrote, whole."""

    id: str
    title: str
    logsource: LogSource
    selections: tuple[Selection, ...]
    conditions: tuple[str, ...]  # as written
    aggregation: str | None = None  # what follows a pipe in a condition, e.g. `count() by Computer > 10`
    node: ConditionNode  # all conditions with every name resolved
    status: str | None = None
    level: Level = Level.MEDIUM
    description: str = ""
    author: str = ""
    date: Day | None = None
    modified: Day | None = None
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    license: str = ""
    name: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)  # `custom: {watcher: …}`
    folder: str = ""  # the rules folder's name in settings
    path: str = ""  # relative to that folder
    location: Location  # where the document starts
    text: str  # the source as the author wrote it
    hash: str  # digest of that text
    findings: tuple[Finding, ...] = ()

    @property
    def techniques(self) -> tuple[str, ...]:
        """The ATT&CK techniques of the tags, e.g. `T1505.004`."""
        names = (tag.removeprefix("attack.") for tag in self.tags if tag.startswith("attack."))
        return tuple(name.upper() for name in names if name[:1] in "tT" and name[1:2].isdigit())

    @property
    def tactics(self) -> tuple[str, ...]:
        """The ATT&CK tactics of the tags, e.g. `persistence`."""
        names = (tag.removeprefix("attack.") for tag in self.tags if tag.startswith("attack."))
        return tuple(name.replace("_", "-") for name in names if not name[1:2].isdigit())


# --------------------------------------------------------------------------- time


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Window:
    """A half-open span of time: `start <= t < end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs times with a zone")
        if self.start >= self.end:
            raise ValueError(f"a window needs its start before its end: {self.start} .. {self.end}")

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%S.%fZ} .. {self.end:%Y-%m-%dT%H:%M:%S.%fZ}"


# --------------------------------------------------------------------------- plans, hits, alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """How one Sigma field of a rule meets the indices."""

    field: str  # Sigma's name; `keywords` for a search without a field
    paths: tuple[str, ...]  # where it is looked for
    types: tuple[str, ...]  # the mapping each path met: `keyword`, `wildcard`, `text`, `unmapped` …
    computed: tuple[str, ...] = ()  # those of the paths whose values stand in no event, but are computed by a search


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """How a rule is watched here."""

    rule: Rule
    source: str  # the source's name in settings
    query: Query  # an upper bound: at least the events that the rule means
    exact: bool  # the query returns just the events that the rule means
    parts: tuple[Query, ...] = ()  # what is asked in its place where it is too large for one search
    fields: tuple[FieldMapping, ...] = ()
    group_by: tuple[str, ...] | None = ("host.name",)  # None: every hit is an alert
    quiet_period: timedelta = timedelta(hours=1)
    channels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDocument:
    """One document as a search returned it."""

    index: str
    id: str
    event: Event
    computed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # path → values that stand in no `_source`


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One event that a rule matched."""

    id: str  # digest of rule id, `_id` and time
    rule: Rule
    index: str
    event_id: str  # the event's `_id`
    time: datetime  # the event's `@timestamp`
    event: Event
    alert: str  # the id of the alert that it belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing worth telling somebody."""

    id: str  # digest of rule id, key and slot
    rule: Rule
    key: tuple[tuple[str, str | None], ...]  # the group-by fields and their values
    slot: datetime  # where its quiet period starts (the hit's own time where every hit is an alert)
    origin: str  # `live` or `backfill`
    channels: tuple[str, ...]
    first: Hit  # the earliest hit of the page that opened it


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Rendered text, ready to leave."""

    alert: str  # the alert's id
    channel: str
    key: str  # the same for every attempt to tell this alert on this channel
    subject: str  # one line, no control characters
    bodies: Mapping[str, str]  # media type → text
