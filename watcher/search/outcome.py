"""What a search of a window comes to, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.errors import ClusterError
from watcher.model import Finding, Found, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A page of documents that a rule's search returned: at least those of the page that the rule means."""

    plan: Plan
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A rule whose search was not answered whole: its window must be searched again.

    Where the error is Refused, the engine will not answer however it is asked, and asking again is pointless.
    """

    plan: Plan
    error: ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that a person should know of a rule's search, which found all it should nevertheless."""

    plan: Plan
    finding: Finding


Outcome = Matched | Failed | Noted
