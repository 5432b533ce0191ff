"""A rule with its predicate, what is known about its matches, and what rules say about an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.match.predicate import Predicate
from watcher.match.required_literals import Requirement
from watcher.model import Rule
from watcher.taxonomy.logsources import LogSourceEvents


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its predicate."""

    rule: Rule
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class PrefilteredRule:
    """A rule with what is known about its matches before any event is read.

    Matching events have one of the codes (None: any), and meet all requirements. The first requirement is met most
    rarely, as far as a rule alone shows.
    """

    compiled: CompiledRule
    codes: frozenset[str] | None
    requirement: Requirement | None
    others: tuple[Requirement, ...]
    scope: LogSourceEvents  # equal scopes of several rules are the same object


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The rules that match one event, and those that could not be decided."""

    rules: tuple[Rule, ...] = ()
    undecided: tuple[Rule, ...] = ()  # not decided within the time limit
    reasons: Mapping[str, str] = field(default_factory=dict)  # why, by the id of a rule that was evaluated
