"""The outcomes of the search of a window, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from traceback import extract_tb

from watcher.errors import ClusterError
from watcher.known_secrets import without_secrets
from watcher.model import EventDocument, Finding, QueryPlan, UnreadableEvent

_LONGEST = 300  # characters of a reason: an error may quote the event


def reason_of(error: Exception) -> str:
    """Return an error and where it was raised as one short sentence."""
    frames = extract_tb(error.__traceback__, limit=-1)
    location = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {without_secrets(str(error))[:_LONGEST]}{location}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPage:
    """A page of documents for one rule: at least those of the page that the rule matches."""

    plan: QueryPlan
    documents: tuple[EventDocument, ...]
    undecided: Mapping[tuple[str, str], str] = field(default_factory=dict)  # index and `_id` → why the rule gave up


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSearch:
    """A rule whose search was not answered completely: its window must be searched again.

    If the error is Refused, the engine refuses the rule in every way of searching, and searching again is pointless.
    """

    plan: QueryPlan
    error: ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFinding:
    """A finding about a rule's search, which is complete nevertheless."""

    plan: QueryPlan
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Events that a search returned and that cannot be decoded or evaluated; each may come more than once."""

    events: tuple[UnreadableEvent, ...]


SearchOutcome = MatchedPage | FailedSearch | SearchFinding | Unreadable
