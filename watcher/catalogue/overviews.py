"""Data of the overview pages: matrix, events, indicators, quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.attack.attack_table import Tactic, Technique
from watcher.catalogue.catalogue import Catalogue, count_by_level
from watcher.catalogue.entries import CatalogueEntry, ListedEntry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.indicators import SharedIndicator
from watcher.catalogue.page_paths import PagePaths
from watcher.model import Finding, Level, Severity

LEVELS = tuple(reversed(Level))
_TOP = 200  # shared values on the overview
_STEPS = (1, 2, 5, 10, 25)  # rules from which on a cell has a darker shade
_HIT_STEPS = (1, 10, 100, 1_000, 10_000)


# --------------------------------------------------------------------------- the matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """A technique in the matrix; rules of its sub-techniques count too."""

    technique: Technique
    levels: tuple[int, ...]  # rules per level, highest first
    hits: int
    parts: tuple[MatrixCell, ...] = ()

    @property
    def rules(self) -> int:
        """The number of rules of any level."""
        return sum(self.levels)

    @property
    def shade(self) -> int:
        """The shade by number of rules."""
        return sum(self.rules >= step for step in _STEPS)

    @property
    def hit_shade(self) -> int:
        """The shade by number of hits."""
        return sum(self.hits >= step for step in _HIT_STEPS)

    @property
    def spelled_levels(self) -> str:
        """The rules per level, for the page's script."""
        return " ".join(map(str, self.levels))


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixColumn:
    """A tactic with its techniques."""

    tactic: Tactic
    cells: tuple[MatrixCell, ...]
    covered: int  # techniques and sub-techniques with a rule
    techniques: int


def matrix(catalogue: Catalogue) -> tuple[MatrixColumn, ...]:
    """Return the matrix with the number of rules of each technique."""
    columns = []
    for tactic in catalogue.attack.tactics:
        cells = tuple(_cell(catalogue, technique, parts) for technique, parts in catalogue.attack.under(tactic.short))
        flat = [item for cell in cells for item in (cell, *cell.parts)]
        covered = sum(1 for item in flat if item.technique.id in catalogue.by_technique)
        columns.append(MatrixColumn(tactic=tactic, cells=cells, covered=covered, techniques=len(flat)))
    return tuple(columns)


def _cell(catalogue: Catalogue, technique: Technique, parts: Sequence[Technique] = ()) -> MatrixCell:
    """Return a technique with its rules and those of its sub-techniques, each counted once."""
    rules = catalogue.by_technique
    entries = {
        rule.rule.id: rule for name in (technique.id, *(part.id for part in parts)) for rule in rules.get(name, ())
    }
    hits = catalogue.live.hits if catalogue.live else {}
    return MatrixCell(
        technique=technique,
        levels=tuple(count for _, count in count_by_level(tuple(entries.values()))),
        hits=sum(hits.get(name, 0) for name in entries),
        parts=tuple(_cell(catalogue, part) for part in parts),
    )


def unknown_techniques(catalogue: Catalogue) -> tuple[tuple[str, tuple[ListedEntry, ...]], ...]:
    """Return the techniques of rules that the matrix lacks."""
    techniques = catalogue.attack.techniques
    return tuple((name, entries) for name, entries in catalogue.by_technique.items() if name not in techniques)


# --------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceRow:
    """A log source as named by rules."""

    name: str
    levels: tuple[tuple[Level, int], ...]
    rules: int
    channels: tuple[tuple[str, tuple[str, ...]], ...]  # with the event ids of each
    unknown: bool
    events: int | None
    hosts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKindRow:
    """One channel and event id, and the number of rules that can match it."""

    event_need: EventNeed
    rules: int
    events: int | None
    hosts: int | None


def log_sources(catalogue: Catalogue) -> tuple[LogSourceRow, ...]:
    """Return every log source, the one with most rules first."""
    groups: dict[str, list[CatalogueEntry]] = {}
    for entry in catalogue.entries:
        groups.setdefault(str(entry.rule.logsource), []).append(entry)
    rows = (_source(catalogue, name, group) for name, group in groups.items())
    return tuple(sorted(rows, key=lambda row: (-row.rules, row.name)))


def _source(catalogue: Catalogue, name: str, entries: Sequence[CatalogueEntry]) -> LogSourceRow:
    event_needs = sorted(
        {event_need for entry in entries for event_need in entry.event_needs}, key=lambda need: need.order
    )
    entire_channels = {need.channel for need in event_needs if need.code is None}
    disjoint = [need for need in event_needs if need.code is None or need.channel not in entire_channels]
    volumes = [catalogue.live.volume(need) for need in disjoint] if catalogue.live else []
    known_volumes = [volume for volume in volumes if volume is not None]
    return LogSourceRow(
        name=name,
        levels=count_by_level(entries),
        rules=len(entries),
        channels=tuple(_channels(event_needs)),
        unknown=any(entry.unknown for entry in entries),
        events=sum(events for events, _ in known_volumes) if known_volumes else None,
        hosts=max(hosts for _, hosts in known_volumes) if known_volumes else None,
    )


def _channels(event_needs: Sequence[EventNeed]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each channel with its event ids."""
    channels: dict[str, list[str]] = {}
    for event_need in event_needs:
        channels.setdefault(event_need.channel or "any channel", []).append(event_need.code or "any")
    for channel, codes in channels.items():
        yield channel, tuple(codes)


def event_kinds(catalogue: Catalogue) -> tuple[EventKindRow, ...]:
    """Return every channel and event id that a rule can match, by channel and number."""
    counts = Counter(event_need for entry in catalogue.entries for event_need in entry.event_needs)
    rows = []
    for event_need in sorted(counts, key=lambda need: need.order):
        volume = catalogue.live.volume(event_need) if catalogue.live else None
        events, hosts = volume or (None, None)
        rows.append(EventKindRow(event_need=event_need, rules=counts[event_need], events=events, hosts=hosts))
    return tuple(rows)


# --------------------------------------------------------------------------- indicators


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorRow:
    """An indicator of several rules."""

    shared: SharedIndicator
    value: str  # as written in a rule
    anchor: str
    page: str
    entries: tuple[CatalogueEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUseRow:
    """The use of a field."""

    field: str
    kind: str
    rules: int
    values: int
    shared: int  # values of more than one rule
    page: str | None


def shared_indicator_rows(catalogue: Catalogue, locations: PagePaths) -> tuple[IndicatorRow, ...]:
    """Return the indicators of several rules, those of most rules first."""
    written: dict[tuple[str, str, str], str] = {}
    for entry in catalogue.entries:
        for indicator in entry.indicators:
            written.setdefault((indicator.key.field, indicator.key.kind, indicator.key.value), indicator.value)
    rows = (
        IndicatorRow(
            shared=item,
            value=written[item.key.field, item.key.kind, item.key.value],
            anchor=locations.anchor(item.key),
            page=locations.page(item.key),
            entries=tuple(catalogue.by_id[holder.id] for holder in item.holders),
        )
        for item in catalogue.shared
    )
    return tuple(sorted(rows, key=lambda row: (-row.shared.count, row.shared.key)))


def top(rows: Sequence[IndicatorRow]) -> tuple[IndicatorRow, ...]:
    """Return the rows of the overview."""
    return tuple(rows[:_TOP])


def field_uses(catalogue: Catalogue, locations: PagePaths) -> tuple[FieldUseRow, ...]:
    """Return the use of each field and kind, the most used first."""
    rules: dict[tuple[str, str], set[str]] = {}
    values: Counter[tuple[str, str]] = Counter()
    common: Counter[tuple[str, str]] = Counter()
    pages: dict[tuple[str, str], str] = {}
    for corpu in catalogue.corpus:
        name = (corpu.key.field, corpu.key.kind)
        rules.setdefault(name, set()).update(holder.id for holder in corpu.holders)
        values[name] += 1
        if corpu.count > 1:
            common[name] += 1
            pages[name] = locations.page(corpu.key)
    rows = (
        FieldUseRow(
            field=field,
            kind=kind,
            rules=len(rule),
            values=values[field, kind],
            shared=common[field, kind],
            page=pages.get((field, kind)),
        )
        for (field, kind), rule in rules.items()
    )
    return tuple(sorted(rows, key=lambda row: (-row.rules, row.field.casefold(), row.kind)))


# --------------------------------------------------------------------------- quality


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedFinding:
    """A finding and its rule."""

    finding: Finding
    path: str
    entry: CatalogueEntry | None  # None: the file has no rule


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCodeRow:
    """All findings of one code."""

    code: str
    severity: Severity
    findings: tuple[LocatedFinding, ...]
    rules: int


def codes(catalogue: Catalogue) -> tuple[FindingCodeRow, ...]:
    """Return the findings by code, the most severe and most frequent first."""
    groups: dict[tuple[str, Severity], list[LocatedFinding]] = {}
    for located in _located(catalogue):
        groups.setdefault((located.finding.code, located.finding.severity), []).append(located)
    rows = (
        FindingCodeRow(code=code, severity=severity, findings=tuple(group), rules=len({item.path for item in group}))
        for (code, severity), group in groups.items()
    )
    order = list(Severity)
    return tuple(sorted(rows, key=lambda row: (order.index(row.severity), -len(row.findings), row.code)))


def _located(catalogue: Catalogue) -> Iterator[LocatedFinding]:
    for finding in sorted(catalogue.findings, key=lambda finding: (finding.location, finding.code)):
        relative = replace(
            finding, message=catalogue.relative_paths(finding.message), fix=catalogue.relative_paths(finding.fix)
        )
        yield LocatedFinding(finding=relative, path=catalogue.relative_paths(finding.location.file), entry=None)
    for entry in catalogue.entries:
        for finding in entry.findings:
            yield LocatedFinding(finding=finding, path=f"{entry.rule.folder}/{entry.rule.path}", entry=entry)
