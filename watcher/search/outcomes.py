"""What a search of a window comes to, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.errors import ClusterError
from watcher.model import EventDocument, Finding, QueryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPage:
    """A page of documents that a rule's search returned: at least those of the page that the rule means."""

    plan: QueryPlan
    found: tuple[EventDocument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSearch:
    """A rule whose search was not answered whole: its window must be searched again.

    Where the error is Refused, the engine will not answer however it is asked, and asking again is pointless.
    """

    plan: QueryPlan
    error: ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFinding:
    """Something that a person should know of a rule's search, which found all it should nevertheless."""

    plan: QueryPlan
    finding: Finding


SearchOutcome = MatchedPage | FailedSearch | SearchFinding
