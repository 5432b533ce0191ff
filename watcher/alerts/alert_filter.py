"""Which stored alerts a command shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher.model import Query
from watcher.timestamps import format_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """What alerts have in common; what is left out means any."""

    ids: tuple[str, ...] = ()
    since: datetime | None = None  # when the alert was opened, at the earliest
    levels: tuple[str, ...] = ()
    states: tuple[str, ...] = ()  # `open`, `acknowledged`, `closed`
    rule: str = ""  # id or title
    host: str = ""  # of any hit
    user: str = ""  # of any hit: `name` of the first one, or `DOMAIN\\name`
    tag: str = ""  # of the rule

    @property
    def is_empty(self) -> bool:
        """Whether it selects all alerts."""
        return self == AlertFilter()

    @property
    def query(self) -> Query:
        """The query for the alerts; values are compared without their case."""
        filters = [
            *([{"terms": {"watcher.alert.id": [alert.lower() for alert in self.ids]}}] if self.ids else []),
            *_any_of(("watcher.rule.level",), self.levels),
            *_any_of(("watcher.alert.state",), self.states),
            *_any_of(("rule.id", "rule.name"), (self.rule,)),
            *_any_of(("host.name", "watcher.joined.hosts"), (self.host,)),
            *_any_of(("user.name", "watcher.joined.users"), (self.user,)),
            *_any_of(("watcher.rule.tags",), (self.tag,)),
        ]
        if self.since is not None:
            filters.append({"range": {"event.created": {"gte": format_timestamp(self.since)}}})
        return {"bool": {"filter": filters}} if filters else {"match_all": {}}


def _any_of(paths: tuple[str, ...], values: tuple[str, ...]) -> list[Query]:
    """Return the clause for alerts with one of some values at one of some paths; none without values."""
    terms = [
        {"term": {path: {"value": value, "case_insensitive": True}}} for path in paths for value in values if value
    ]
    return [{"bool": {"should": terms, "minimum_should_match": 1}}] if terms else []
