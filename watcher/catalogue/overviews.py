"""What the pages beside those of the rules say: matrix, events, indicators, quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.catalogue.attack import Tactic, Technique
from watcher.catalogue.catalogue import Catalogue, count_by_level
from watcher.catalogue.entries import Entry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.indicators import SharedIndicator
from watcher.catalogue.page_paths import PagePaths
from watcher.model import Finding, Level, Severity

LEVELS = tuple(reversed(Level))
_TOP = 200  # shared values that the overview names
_STEPS = (1, 2, 5, 10, 25)  # rules from which on a cell is shaded darker
_HIT_STEPS = (1, 10, 100, 1_000, 10_000)


# --------------------------------------------------------------------------- the matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """A technique in the matrix; a rule of a part of it counts for the whole too."""

    technique: Technique
    levels: tuple[int, ...]  # rules by level, the worst first
    hits: int
    parts: tuple[MatrixCell, ...] = ()

    @property
    def rules(self) -> int:
        """How many rules name it, whatever their level."""
        return sum(self.levels)

    @property
    def shade(self) -> int:
        """How dark it is by its rules."""
        return sum(self.rules >= step for step in _STEPS)

    @property
    def hit_shade(self) -> int:
        """How dark it is by its hits."""
        return sum(self.hits >= step for step in _HIT_STEPS)

    @property
    def spelled_levels(self) -> str:
        """The rules by level, as the page's script reads them."""
        return " ".join(map(str, self.levels))


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixColumn:
    """A tactic with its techniques."""

    tactic: Tactic
    cells: tuple[MatrixCell, ...]
    covered: int  # techniques and parts that a rule names itself
    techniques: int


def matrix(catalogue: Catalogue) -> tuple[MatrixColumn, ...]:
    """Lay the rules over the matrix."""
    columns = []
    for tactic in catalogue.attack.tactics:
        cells = tuple(_cell(catalogue, whole, parts) for whole, parts in catalogue.attack.under(tactic.short))
        flat = [one for cell in cells for one in (cell, *cell.parts)]
        covered = sum(1 for one in flat if one.technique.id in catalogue.by_technique)
        columns.append(MatrixColumn(tactic=tactic, cells=cells, covered=covered, techniques=len(flat)))
    return tuple(columns)


def _cell(catalogue: Catalogue, technique: Technique, parts: Sequence[Technique] = ()) -> MatrixCell:
    """Count the rules that name a technique or a part of it, each once."""
    rules = catalogue.by_technique
    found = {one.rule.id: one for name in (technique.id, *(part.id for part in parts)) for one in rules.get(name, ())}
    hits = catalogue.live.hits if catalogue.live else {}
    return MatrixCell(
        technique=technique,
        levels=tuple(count for _, count in count_by_level(tuple(found.values()))),
        hits=sum(hits.get(name, 0) for name in found),
        parts=tuple(_cell(catalogue, part) for part in parts),
    )


def strangers(catalogue: Catalogue) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """Give the techniques that rules name and the matrix does not have."""
    known = catalogue.attack.techniques
    return tuple((name, found) for name, found in catalogue.by_technique.items() if name not in known)


# --------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceRow:
    """A log source, as rules name it."""

    name: str
    levels: tuple[tuple[Level, int], ...]
    rules: int
    channels: tuple[tuple[str, tuple[str, ...]], ...]  # with the event ids of each
    unknown: bool
    events: int | None
    hosts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKindRow:
    """Events of one channel and id, and how many rules can see them."""

    sighting: EventNeed
    rules: int
    events: int | None
    hosts: int | None


def log_sources(catalogue: Catalogue) -> tuple[LogSourceRow, ...]:
    """Give every log source, the one of most rules first."""
    groups: dict[str, list[Entry]] = {}
    for one in catalogue.entries:
        groups.setdefault(str(one.rule.logsource), []).append(one)
    made = (_source(catalogue, name, found) for name, found in groups.items())
    return tuple(sorted(made, key=lambda one: (-one.rules, one.name)))


def _source(catalogue: Catalogue, name: str, found: Sequence[Entry]) -> LogSourceRow:
    sightings = sorted({one for entry in found for one in entry.sightings}, key=lambda one: one.order)
    whole = {one.channel for one in sightings if one.code is None}
    told = [one for one in sightings if one.code is None or one.channel not in whole]
    counts = [catalogue.live.seen(one) for one in told] if catalogue.live else []
    known = [one for one in counts if one is not None]
    return LogSourceRow(
        name=name,
        levels=count_by_level(found),
        rules=len(found),
        channels=tuple(_channels(sightings)),
        unknown=any(one.unknown for one in found),
        events=sum(events for events, _ in known) if known else None,
        hosts=max(hosts for _, hosts in known) if known else None,
    )


def _channels(sightings: Sequence[EventNeed]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Bring the event ids of one channel together."""
    found: dict[str, list[str]] = {}
    for one in sightings:
        found.setdefault(one.channel or "any channel", []).append(one.code or "any")
    for channel, codes in found.items():
        yield channel, tuple(codes)


def event_kinds(catalogue: Catalogue) -> tuple[EventKindRow, ...]:
    """Give every channel and event id that a rule can see, by channel and number."""
    counts = Counter(one for entry in catalogue.entries for one in entry.sightings)
    made = []
    for sighting in sorted(counts, key=lambda one: one.order):
        found = catalogue.live.seen(sighting) if catalogue.live else None
        events, hosts = found or (None, None)
        made.append(EventKindRow(sighting=sighting, rules=counts[sighting], events=events, hosts=hosts))
    return tuple(made)


# --------------------------------------------------------------------------- indicators


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorRow:
    """An indicator that several rules hold."""

    shared: SharedIndicator
    shown: str  # the value as a rule writes it
    anchor: str
    page: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUseRow:
    """How much a field is looked at."""

    field: str
    kind: str
    rules: int
    values: int
    shared: int  # values that more than one rule looks for
    page: str | None


def indicator_rows_shared(catalogue: Catalogue, locations: PagePaths) -> tuple[IndicatorRow, ...]:
    """Give the indicators that several rules hold, those of most rules first."""
    written: dict[tuple[str, str, str], str] = {}
    for entry in catalogue.entries:
        for one in entry.indicators:
            written.setdefault((one.key.field, one.key.kind, one.key.value), one.value)
    made = (
        IndicatorRow(
            shared=one,
            shown=written[one.key.field, one.key.kind, one.key.value],
            anchor=locations.anchor(one.key),
            page=locations.page(one.key),
            entries=tuple(catalogue.by_id[holder.id] for holder in one.holders),
        )
        for one in catalogue.shared
    )
    return tuple(sorted(made, key=lambda one: (-one.shared.count, one.shared.key)))


def top(found: Sequence[IndicatorRow]) -> tuple[IndicatorRow, ...]:
    """Give those that the overview names."""
    return tuple(found[:_TOP])


def field_uses(catalogue: Catalogue, locations: PagePaths) -> tuple[FieldUseRow, ...]:
    """Tell how often each field is looked at, and how, the most used first."""
    rules: dict[tuple[str, str], set[str]] = {}
    values: Counter[tuple[str, str]] = Counter()
    common: Counter[tuple[str, str]] = Counter()
    pages: dict[tuple[str, str], str] = {}
    for one in catalogue.corpus:
        name = (one.key.field, one.key.kind)
        rules.setdefault(name, set()).update(holder.id for holder in one.holders)
        values[name] += 1
        if one.count > 1:
            common[name] += 1
            pages[name] = locations.page(one.key)
    made = (
        FieldUseRow(
            field=field,
            kind=kind,
            rules=len(found),
            values=values[field, kind],
            shared=common[field, kind],
            page=pages.get((field, kind)),
        )
        for (field, kind), found in rules.items()
    )
    return tuple(sorted(made, key=lambda one: (-one.rules, one.field.casefold(), one.kind)))


# --------------------------------------------------------------------------- quality


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedFinding:
    """A finding, and the rule that it is about."""

    finding: Finding
    path: str
    entry: Entry | None  # None: the file gave no rule


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCodeRow:
    """All findings of one code."""

    code: str
    severity: Severity
    noted: tuple[NotedFinding, ...]
    rules: int


def codes(catalogue: Catalogue) -> tuple[FindingCodeRow, ...]:
    """Give the findings by code, the gravest and most frequent first."""
    groups: dict[tuple[str, Severity], list[NotedFinding]] = {}
    for noted in _noted(catalogue):
        groups.setdefault((noted.finding.code, noted.finding.severity), []).append(noted)
    made = (
        FindingCodeRow(code=code, severity=severity, noted=tuple(found), rules=len({one.path for one in found}))
        for (code, severity), found in groups.items()
    )
    order = list(Severity)
    return tuple(sorted(made, key=lambda one: (order.index(one.severity), -len(one.noted), one.code)))


def _noted(catalogue: Catalogue) -> Iterator[NotedFinding]:
    for finding in sorted(catalogue.findings, key=lambda one: (one.location, one.code)):
        told = replace(finding, message=catalogue.told(finding.message), fix=catalogue.told(finding.fix))
        yield NotedFinding(finding=told, path=catalogue.told(finding.location.file), entry=None)
    for entry in catalogue.entries:
        for finding in entry.findings:
            yield NotedFinding(finding=finding, path=f"{entry.rule.folder}/{entry.rule.path}", entry=entry)
