"""Files of events and many rules → which events match, without a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.errors import InputError
from watcher.event_files.event_reader import FileEvent, ReadProgress, event_files, read_events
from watcher.match.event_summarizer import summarize
from watcher.match.ruleset import CompiledRule, Ruleset
from watcher.model import EventSummary, Level, Location, Rule, Severity
from watcher.nesting import bounded
from watcher.settings import Settings, Source
from watcher.translate.plan import rule_predicate
from watcher.usecases.loading import load_named_rules

_NO_SUMMARY = EventSummary()
_MARKS = frozenset(("@timestamp", "ecs", "data_stream", "event", "host", "message", "process", "agent"))
"""Names of which documents of other products have at least one."""
_LONGEST = 300  # characters of an error's text, which may quote the event


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesToMatch:
    """The rules that files are matched with."""

    rules: tuple[Rule, ...]
    source: Source
    counting: int  # rules that count events, left out
    faulty: int  # rules that cannot be read, left out

    def ruleset(self) -> Ruleset:
        """Compile the rules."""
        return compile_rules(self.rules, self.source)


def rules_to_match(settings: Settings, path: Path, level: Level) -> RulesToMatch:
    """Read the rules of a file or folder that have a level or a higher one.

    Raises InputError where there is none.
    """
    loaded = load_named_rules(settings, (path,))
    single = [rule for rule in loaded.rules if rule.aggregation is None]
    selected = tuple(rule for rule in single if rule.level.rank >= level.rank)
    if not selected:
        raise InputError(
            f"`{path}` holds no rule of level {level} or higher", fix="name a rule file, or a folder of rules"
        )
    return RulesToMatch(
        rules=selected,
        source=settings.sources[0],
        counting=len(loaded.rules) - len(single),
        faulty=sum(finding.severity is Severity.ERROR for finding in loaded.findings),
    )


def event_files_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of events among some paths, and below those that are folders."""
    return tuple(file for path in paths for file in event_files(path))


def compile_rules(rules: Iterable[Rule], source: Source) -> Ruleset:
    """Compile rules with the field mappings and log sources of a source."""
    return Ruleset([CompiledRule(rule, rule_predicate(rule, source)) for rule in rules], source.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEvent:
    """One event of a file, and the rules that match it."""

    file_event: FileEvent
    rules: tuple[Rule, ...]
    undecided: tuple[Rule, ...] = ()  # rules that could not be decided within the time limit
    summary: EventSummary = _NO_SUMMARY  # empty where no rule matches
    is_recognized: bool = True  # False: the document has no channel and nothing else that events have


def match_file(ruleset: Ruleset, path: Path, progress: ReadProgress) -> Iterator[MatchedEvent | InputError]:
    """Yield every event of a file with the rules that match it, also where there are none.

    What cannot be read is yielded as an error, and the rest is matched. Raises InputError where the file cannot be
    opened.
    """
    for item in read_events(path, progress):
        yield item if isinstance(item, InputError) else _matched(ruleset, item)


def _matched(ruleset: Ruleset, file_event: FileEvent) -> MatchedEvent | InputError:
    try:
        view = ruleset.view(file_event.event)
        verdict = ruleset.verdict(view)
        if verdict.rules or verdict.undecided:  # JSON writers recurse into what is shown
            file_event = replace(file_event, event=bounded(file_event.event))
        return MatchedEvent(
            file_event=file_event,
            rules=verdict.rules,
            undecided=verdict.undecided,
            summary=summarize(view) if verdict.rules else _NO_SUMMARY,
            is_recognized=bool(view.channel or verdict.rules) or not _MARKS.isdisjoint(file_event.event),
        )
    except Exception as fault:  # noqa: BLE001 - attackers write events: a broken one must not end the run
        location = Location(file=file_event.file, line=file_event.number)
        reason = f"{type(fault).__name__}: {str(fault)[:_LONGEST]}"
        return InputError(f"the event cannot be evaluated: {reason}", location=location)


# --------------------------------------------------------------------------- counts


@dataclass(slots=True, kw_only=True)
class RuleTally:
    """The hits of one rule."""

    rule: Rule
    hits: int
    first: str  # the earliest `@timestamp`, as written
    last: str
    hosts: set[str]


class MatchSummary:
    """Counts by rule, and the first hits themselves."""

    __slots__ = (
        "_limit",
        "events",
        "faults",
        "first_unrecognized",
        "hits",
        "shown",
        "tallies",
        "undecided",
        "unrecognized",
    )

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.events = self.hits = self.faults = self.undecided = self.unrecognized = 0
        self.first_unrecognized: FileEvent | None = None
        self.shown: list[tuple[Rule, MatchedEvent]] = []
        self.tallies: dict[str, RuleTally] = {}

    def add(self, matched: MatchedEvent) -> None:
        """Count an event and its hits."""
        self.events += 1
        self.hits += len(matched.rules)
        self.undecided += len(matched.undecided)
        if not matched.is_recognized:
            self.unrecognized += 1
            self.first_unrecognized = self.first_unrecognized or matched.file_event
        for rule in matched.rules:
            if len(self.shown) < self._limit:
                self.shown.append((rule, matched))
            self._count(rule, time_of(matched.file_event.event), matched.summary.host)

    def _count(self, rule: Rule, time: str, host: str) -> None:
        tally = self.tallies.get(rule.id)
        if tally is None:
            tally = self.tallies[rule.id] = RuleTally(rule=rule, hits=0, first=time, last=time, hosts=set())
        tally.hits += 1
        tally.first = min(tally.first or time, time or tally.first)
        tally.last = max(tally.last, time)
        tally.hosts.add(host)

    def ranked(self) -> Sequence[RuleTally]:
        """Return the rules that matched, by level, the rarest first."""
        return sorted(self.tallies.values(), key=lambda tally: (-tally.rule.level.rank, tally.hits, tally.rule.title))


def time_of(event: Mapping[str, object]) -> str:
    """Return the `@timestamp` of an event as written."""
    return str(event.get("@timestamp") or "")
