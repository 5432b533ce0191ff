"""Rules as their authors wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Day  # noqa: N812 - `date` is a field of a rule
from enum import StrEnum
from typing import Any

from msgspec import Struct

from watcher.model.conditions import ConditionNode
from watcher.model.findings import Finding, Location


class Level(StrEnum):
    """The severity of a rule, in Sigma's words."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The position from 0 (informational) to 4 (critical)."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}


class LogSource(Struct, frozen=True, gc=False):
    """The events that a rule applies to; several categories or services mean any of them."""

    product: str | None = None
    category: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    definition: str | None = None
    location: Location | None = None

    def __str__(self) -> str:
        named = (("product", (self.product,) if self.product else ()), ("category", self.category))
        parts = [f"{key} {', '.join(values)}" for key, values in (*named, ("service", self.service)) if values]
        return "; ".join(parts) or "any"


class Selection(Struct, frozen=True, gc=False):
    """A named search identifier of `detection`, with its own condition tree."""

    name: str
    node: ConditionNode
    location: Location


class Related(Struct, frozen=True, gc=False):
    """A reference to another rule and its kind."""

    id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LongText:
    """Where the source of a rule is in the text of its file, in characters."""

    start: int
    length: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMetadata:
    """What rules and correlation rules have in common: everything but what they detect."""

    id: str
    title: str
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
    text: str  # the source as the author wrote it, the beginning of a long one
    long_text: LongText | None = None  # where all of a long source is
    hash: str  # digest of the source
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(RuleMetadata):
    """A Sigma rule with everything that its author wrote."""

    logsource: LogSource
    selections: tuple[Selection, ...]
    conditions: tuple[str, ...]  # as written
    aggregation: str | None = None  # what follows a pipe in a condition, e.g. `count() by Computer > 10`
    node: ConditionNode  # all conditions with every name resolved
    converted_from: str = ""  # id of the rule whose aggregation made this a base rule of a correlation
