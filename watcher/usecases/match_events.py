"""Files of events and many rules → which events match, without a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from watcher.alerts.base_hits import field_values
from watcher.correlate.correlation_plan import NO_CORRELATIONS, CorrelationPlan
from watcher.errors import InputError
from watcher.event_files.event_chunks import EventChunk, FileEvent
from watcher.event_files.event_reader import event_chunks, event_files
from watcher.known_secrets import without_secrets
from watcher.match.compiled_rule import CompiledRule, Verdict
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.match.flat_event import values_at
from watcher.match.ruleset import Ruleset
from watcher.model import Event, EventSummary, Level, Location, Rule, Severity
from watcher.model.correlation_hits import BaseHit
from watcher.nesting import bounded, entries
from watcher.ports import Progress, no_progress
from watcher.settings import Settings, Source
from watcher.timestamps import earliest_and_latest, latest_timestamp, milliseconds, parse_timestamp
from watcher.translate.plan import rule_predicate
from watcher.usecases.loading import every_rule, load_named_rules

_NO_SUMMARY = EventSummary()
_NEVER = datetime.min.replace(tzinfo=UTC)
_MARKS = frozenset(("@timestamp", "ecs", "data_stream", "event", "host", "message", "process", "agent"))
"""Names of which documents of other products have at least one."""
_LONGEST = 300  # characters of an error's text, which may quote the event


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesToMatch:
    """The rules that files are matched with."""

    rules: tuple[Rule, ...]  # also the base rules of the correlations
    source: Source
    faulty: int  # rules that cannot be read, left out
    plan: CorrelationPlan = NO_CORRELATIONS

    def ruleset(self) -> Ruleset:
        """Compile the rules."""
        return compile_rules(self.rules, self.source)


def rules_to_match(settings: Settings, path: Path, level: Level, progress: Progress = no_progress) -> RulesToMatch:
    """Read the rules of a file or folder that have a level or a higher one.

    Raises InputError where there is none.
    """
    loaded = load_named_rules(settings, (path,), progress)
    selected = every_rule(loaded, level)
    if not selected.rules:
        raise InputError(
            f"`{path}` holds no rule of level {level} or higher", fix="name a rule file, or a folder of rules"
        )
    return RulesToMatch(
        rules=selected.rules,
        source=settings.sources[0],
        faulty=sum(finding.severity is Severity.ERROR for finding in loaded.findings),
        plan=selected.plan,
    )


def event_files_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of events among some paths, and below those that are folders."""
    return tuple(file for path in paths for file in event_files(path))


def compile_rules(rules: Iterable[Rule], source: Source) -> Ruleset:
    """Compile rules with the field mappings and log sources of a source."""
    return Ruleset([CompiledRule(rule, rule_predicate(rule, source)) for rule in rules], source.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEvent:
    """One event of a file that some rules match, or that some could not decide about."""

    file_event: FileEvent
    rules: tuple[Rule, ...]
    undecided: tuple[Rule, ...] = ()  # rules that could not be decided within the time limit
    summary: EventSummary = _NO_SUMMARY  # empty where no rule matches


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedChunk:
    """The outcome of matching a part of a file."""

    path: Path
    end: int  # the position in the file up to which it was read
    items: tuple[MatchedEvent | InputError, ...]  # in the order of the file; an error is an event that cannot be read
    base_hits: tuple[BaseHit, ...] = ()  # what correlations count
    first: int | None = None  # time of the earliest event, in milliseconds since 1970; None: without correlations
    last: int | None = None  # that of the latest one
    events: int = 0  # that were read, also those that no rule matches
    unrecognized: int = 0  # documents without a channel and anything else that events have
    first_unrecognized: Location | None = None


@dataclass(frozen=True, slots=True)
class FileMatcher:
    """Compiled rules, and which of their hits correlations count."""

    ruleset: Ruleset
    plan: CorrelationPlan = NO_CORRELATIONS


def match_file(ruleset: Ruleset, path: Path) -> Iterator[MatchedChunk]:
    """Yield the outcome of matching each part of a file.

    What cannot be read becomes an error in it, and the rest is matched. Raises InputError where the file cannot be
    opened.
    """
    for chunk in event_chunks(path):
        yield match_chunk(FileMatcher(ruleset), path, chunk)


def match_chunk(matcher: FileMatcher, path: Path, chunk: EventChunk) -> MatchedChunk:
    """Match the events of a part of a file."""
    matched = _ChunkMatcher(matcher.ruleset, matcher.plan)
    for item in chunk.events():
        matched.add(item)
    first, last = earliest_and_latest(matched.times)
    return MatchedChunk(
        path=path,
        end=chunk.end,
        items=tuple(matched.items),
        base_hits=tuple(matched.base_hits),
        first=None if first is None else milliseconds(first),
        last=None if last is None else milliseconds(last),
        events=matched.events,
        unrecognized=matched.unrecognized,
        first_unrecognized=matched.first_unrecognized,
    )


@dataclass(slots=True)
class _ChunkMatcher:
    """Matches the events of a chunk, and counts them."""

    ruleset: Ruleset
    plan: CorrelationPlan
    items: list[MatchedEvent | InputError] = field(default_factory=list)
    base_hits: list[BaseHit] = field(default_factory=list)
    times: list[str] = field(default_factory=list)  # of all events; empty without correlations
    events: int = 0
    unrecognized: int = 0
    first_unrecognized: Location | None = None

    def add(self, item: FileEvent | InputError) -> None:
        if isinstance(item, InputError):
            self.items.append(item)
            return
        try:
            self._match(item)
        except Exception as fault:  # noqa: BLE001 - attackers write events: a broken one must not end the run
            location = Location(file=item.file, line=item.number)
            reason = f"{type(fault).__name__}: {without_secrets(str(fault))[:_LONGEST]}"
            self.items.append(InputError(f"the event cannot be evaluated: {reason}", location=location))

    def _match(self, file_event: FileEvent) -> None:
        event = file_event.event
        verdict = self.ruleset.verdict_of(event)
        if verdict.rules or verdict.undecided:
            self._add_matched(file_event, verdict, self.ruleset.view(event))
        if self.plan.correlations:
            self._add_time(event)
        self.events += 1
        if not verdict.rules and _MARKS.isdisjoint(event) and not self.ruleset.view(event).channel:
            self.unrecognized += 1
            if self.first_unrecognized is None:
                self.first_unrecognized = Location(file=file_event.file, line=file_event.number)

    def _add_matched(self, file_event: FileEvent, verdict: Verdict, view: EventView) -> None:
        """Add an event that rules match, or that they could not decide about."""
        roles = self.plan.roles
        rules = tuple(rule for rule in verdict.rules if rule.id not in roles or roles[rule.id].alerts)
        if rules or verdict.undecided:
            self.items.append(
                MatchedEvent(
                    file_event=structs.replace(
                        file_event, event=bounded(file_event.event)
                    ),  # JSON writers recurse into it
                    rules=rules,
                    undecided=verdict.undecided,
                    summary=summarize(view) if rules else _NO_SUMMARY,
                )
            )
        moment = latest_timestamp(view.at("@timestamp"))
        if moment is None:  # then correlations do not count it
            return
        for rule in verdict.rules:
            if role := roles.get(rule.id):
                self.base_hits.append(
                    BaseHit(
                        rule_id=rule.id,
                        hit_id=f"{file_event}#{self.events}",  # a line may hold several events
                        time=milliseconds(moment),
                        values=field_values(view, role.fields),
                        index=file_event.file,
                        event_id=str(file_event.number),
                    )
                )

    def _add_time(self, event: Event) -> None:
        text = event.get("@timestamp")
        if type(text) is str:
            self.times.append(text)
            return
        moment = latest_timestamp(values_at(event, "@timestamp"))
        if moment is not None:
            self.times.append(moment.isoformat())


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
        self.first_unrecognized: Location | None = None
        self.shown: list[tuple[Rule, MatchedEvent]] = []
        self.tallies: dict[str, RuleTally] = {}

    def add(self, chunk: MatchedChunk) -> None:
        """Count the events and hits of a part of a file."""
        self.events += chunk.events
        self.unrecognized += chunk.unrecognized
        self.first_unrecognized = self.first_unrecognized or chunk.first_unrecognized
        for item in chunk.items:
            if isinstance(item, InputError):
                self.faults += 1
            else:
                self._add_event(item)

    def _add_event(self, matched: MatchedEvent) -> None:
        self.hits += len(matched.rules)
        self.undecided += len(matched.undecided)
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
    """Return the `@timestamp` of an event as written, the latest of several."""
    value = event.get("@timestamp") or ""
    texts = [str(entry) for entry in entries(value)] if isinstance(value, list) else [str(value)]
    return max(texts, key=lambda text: parse_timestamp(text) or _NEVER, default="")
