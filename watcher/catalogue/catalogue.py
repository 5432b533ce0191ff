"""All entries with their relations: shared indicators, techniques, related rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from watcher.attack.attack_table import Attack
from watcher.catalogue.correlation_entries import CorrelationEntry
from watcher.catalogue.entries import CatalogueEntry, ListedEntry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.indicators import Corpus, IndicatorHolder, SharedIndicator
from watcher.model import Finding, Level
from watcher.ports import EventVolume
from watcher.settings import Folder

_RARE = 12  # indicators of more rules do not make rules similar
_MAX_SIMILAR = 6  # similar rules per page
_MIN_SIMILARITY = 0.2  # shared weight in relation to the maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveData:
    """Data of the cluster."""

    days: int
    volumes: tuple[EventVolume, ...]
    hits: Mapping[str, int]  # by rule id
    problems: tuple[str, ...] = ()  # failed requests and their reasons

    def volume(self, event_need: EventNeed) -> tuple[int, int] | None:
        """Return the number of events and hosts for one channel and event id; None if unknown."""
        if not self.volumes and self.problems:
            return None
        volumes = [volume for volume in self.volumes if _covers(volume, event_need)]
        return sum(volume.events for volume in volumes), max((volume.hosts for volume in volumes), default=0)


def _covers(volume: EventVolume, event_need: EventNeed) -> bool:
    if event_need.channel is not None and volume.channel.lower() != event_need.channel.lower():
        return False
    return volume.code == (event_need.code or "")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The input of the site."""

    entries: tuple[CatalogueEntry, ...]  # by title
    correlations: tuple[CorrelationEntry, ...] = ()  # by title
    attack: Attack
    findings: tuple[Finding, ...] = ()  # about files without a rule
    live: LiveData | None = None
    assumed: bool = True  # the mapping is assumed, not that of a cluster
    folders: tuple[Folder, ...] = ()
    by_id: Mapping[str, CatalogueEntry] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {entry.rule.id: entry for entry in self.entries})

    @cached_property
    def listed(self) -> tuple[ListedEntry, ...]:
        """The rules and correlation rules, by title."""
        every: tuple[ListedEntry, ...] = (*self.entries, *self.correlations)
        return tuple(sorted(every, key=lambda entry: (entry.rule.title.casefold(), entry.rule.id)))

    @cached_property
    def counting(self) -> Mapping[str, tuple[CorrelationEntry, ...]]:
        """The correlation rules that count the hits of a rule, by its id."""
        counting: dict[str, list[CorrelationEntry]] = {}
        for entry in self.correlations:
            for base in entry.correlation.base_rules:
                counting.setdefault(base, []).append(entry)
        return {rule_id: tuple(entries) for rule_id, entries in counting.items()}

    def relative_paths(self, text: str) -> str:
        """Return a text with the paths of rules folders replaced by the folders' names."""
        for folder in self.folders:
            if str(folder.path) not in ("", "."):
                text = text.replace(f"{folder.path}/", f"{folder.name}/").replace(str(folder.path), folder.name)
        return text

    @cached_property
    def corpus(self) -> Corpus:
        """The rules of each indicator."""
        return Corpus(
            (IndicatorHolder(id=entry.rule.id, label=entry.corpus), entry.indicators) for entry in self.entries
        )

    @cached_property
    def shared(self) -> tuple[SharedIndicator, ...]:
        """The indicators of more than one rule."""
        return tuple(corpu for corpu in self.corpus if corpu.count > 1)

    @cached_property
    def by_technique(self) -> Mapping[str, tuple[ListedEntry, ...]]:
        """The rules by current technique id; rules of a sub-technique do not count for the technique."""
        entries: dict[str, list[ListedEntry]] = {}
        for entry in self.listed:
            for name in dict.fromkeys(self.attack.current(name) for name in entry.rule.techniques):
                entries.setdefault(name, []).append(entry)
        return {name: tuple(entries[name]) for name in sorted(entries)}

    @cached_property
    def referring(self) -> Mapping[str, tuple[tuple[CatalogueEntry, str], ...]]:
        """The rules that refer to a rule as related, with the relation, by that rule's id."""
        references: dict[str, list[tuple[CatalogueEntry, str]]] = {}
        for entry in self.entries:
            for related in entry.rule.related:
                references.setdefault(related.id, []).append((entry, related.type))
        return {name: tuple(items) for name, items in references.items()}

    def similar(self, entry: CatalogueEntry) -> tuple[tuple[CatalogueEntry, int], ...]:
        """Return the rules with the most shared rare indicators, and the number of those."""
        weights: dict[str, float] = {}
        counts: Counter[str] = Counter()
        most = 0.0
        for key in dict.fromkeys(indicator.key for indicator in entry.indicators):
            shared = self.corpus.shared(key)
            most += 1 / shared.count
            if not 1 < shared.count <= _RARE:
                continue
            for holder in shared.holders:
                if holder.id != entry.rule.id:
                    weights[holder.id] = weights.get(holder.id, 0.0) + 1 / shared.count
                    counts[holder.id] += 1
        named = {related.id for related in entry.rule.related}
        close = [
            (weight, name) for name, weight in weights.items() if weight >= _MIN_SIMILARITY * most and name not in named
        ]
        ordered = sorted(close, key=lambda pair: (-pair[0], self.by_id[pair[1]].rule.title.casefold(), pair[1]))
        return tuple((self.by_id[name], counts[name]) for _, name in ordered[:_MAX_SIMILAR])


def count_by_level(entries: Sequence[ListedEntry]) -> tuple[tuple[Level, int], ...]:
    """Return the number of rules per level, highest first, including levels without rules."""
    counts = Counter(entry.rule.level for entry in entries)
    return tuple((level, counts[level]) for level in reversed(Level))


def counted(values: Iterator[str]) -> tuple[tuple[str, int], ...]:
    """Return each string with its count, the most frequent first."""
    return tuple(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0].casefold(), item[0])))
