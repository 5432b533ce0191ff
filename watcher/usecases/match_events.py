"""Files of events and many rules → which events match, without a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.errors import InputError
from watcher.event_files.event_reader import FileEvent, ReadProgress, read_events
from watcher.match.ruleset import CompiledRule, Ruleset
from watcher.model import Location, Rule
from watcher.nesting import bounded
from watcher.settings import Source
from watcher.translate.plan import rule_predicate

_LONGEST = 300  # characters of an error's text, which may quote the event


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEvent:
    """One event of a file, and the rules that match it."""

    file_event: FileEvent
    rules: tuple[Rule, ...]
    undecided: tuple[Rule, ...] = ()  # which could not be decided within the time limit


def compile_rules(rules: Iterable[Rule], source: Source) -> Ruleset:
    """Compile rules for hunting."""
    return Ruleset([CompiledRule(rule, rule_predicate(rule, source)) for rule in rules], source.fields)


def match_file(ruleset: Ruleset, path: Path, progress: ReadProgress) -> Iterator[MatchedEvent | InputError]:
    """Match every event of a file; what cannot be read is given as a fault, and the rest goes on.

    Every event is given, also one that no rule matches. Raises InputError where the file cannot be opened.
    """
    for file_event in read_events(path, progress):
        yield file_event if isinstance(file_event, InputError) else _matched(ruleset, file_event)


def _matched(ruleset: Ruleset, file_event: FileEvent) -> MatchedEvent | InputError:
    try:
        verdict = ruleset.judge(file_event.event)
        is_shown = verdict.rules or verdict.undecided
        kept = (
            replace(file_event, event=bounded(file_event.event)) if is_shown else file_event
        )  # writers of what is shown recurse
        return MatchedEvent(file_event=kept, rules=verdict.rules, undecided=verdict.undecided)
    except Exception as fault:  # noqa: BLE001 - attackers write events: what one of them breaks must not end the hunt
        location = Location(file=file_event.file, line=file_event.number)
        said = f"{type(fault).__name__}: {str(fault)[:_LONGEST]}"
        return InputError(f"the event cannot be looked at: {said}", location=location)


# --------------------------------------------------------------------------- what came of it


@dataclass(slots=True, kw_only=True)
class RuleTally:
    """What was found of one rule."""

    rule: Rule
    hits: int
    first: str  # the earliest `@timestamp`, as it is written
    last: str
    hosts: set[str]


class MatchSummary:
    """What a hunt came to: counts by rule, and the first hits themselves."""

    __slots__ = ("_most", "events", "faults", "hits", "shown", "tallies", "undecided")

    def __init__(self, most: int) -> None:
        self._most = most
        self.events = self.hits = self.faults = self.undecided = 0
        self.shown: list[tuple[Rule, FileEvent]] = []
        self.tallies: dict[str, RuleTally] = {}

    def add(self, one: MatchedEvent) -> None:
        """Count an event and its hits."""
        self.events += 1
        self.hits += len(one.rules)
        self.undecided += len(one.undecided)
        for rule in one.rules:
            if len(self.shown) < self._most:
                self.shown.append((rule, one.file_event))
            self._count(rule, time_of(one.file_event.event), host_of(one.file_event.event))

    def _count(self, rule: Rule, time: str, host: str) -> None:
        known = self.tallies.get(rule.id)
        if known is None:
            known = self.tallies[rule.id] = RuleTally(rule=rule, hits=0, first=time, last=time, hosts=set())
        known.hits += 1
        known.first = min(known.first or time, time or known.first)
        known.last = max(known.last, time)
        known.hosts.add(host)

    def ranked(self) -> Sequence[RuleTally]:
        """Give the rules that matched, the worst and then the rarest first."""
        return sorted(self.tallies.values(), key=lambda one: (-one.rule.level.rank, one.hits, one.rule.title))


def time_of(event: Mapping[str, object]) -> str:
    """Give the event's time as it is written."""
    return str(event.get("@timestamp") or "")


def host_of(event: Mapping[str, object]) -> str:
    """Give the name of the computer that the event is of."""
    for group, name in (("host", "name"), ("winlog", "computer_name")):
        inner = event.get(group)
        if isinstance(inner, Mapping) and inner.get(name):
            return str(inner[name])
    return ""
