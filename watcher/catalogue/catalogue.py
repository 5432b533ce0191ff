"""All entries together: who looks for the same, which technique has which rules, which events are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from watcher.catalogue.attack import Attack
from watcher.catalogue.entries import Entry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.indicators import Corpus, IndicatorHolder, SharedIndicator
from watcher.model import Finding, Level
from watcher.ports import EventVolume
from watcher.settings import Folder

_RARE = 12  # an indicator that more rules share says little about which of them are alike
_ALIKE = 6  # rules named as alike
_LEAST = 0.2  # of the weight that a rule could share, before another is called alike


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveData:
    """What the cluster said."""

    days: int
    volumes: tuple[EventVolume, ...]
    hits: Mapping[str, int]  # by rule id
    problems: tuple[str, ...] = ()  # what could not be asked, and why

    def seen(self, sighting: EventNeed) -> tuple[int, int] | None:
        """Give the events of one kind and the most hosts that sent any of them; None where nothing is known."""
        if not self.volumes and self.problems:
            return None
        found = [one for one in self.volumes if _covers(one, sighting)]
        return sum(one.events for one in found), max((one.hosts for one in found), default=0)


def _covers(volume: EventVolume, sighting: EventNeed) -> bool:
    if sighting.channel is not None and volume.channel.lower() != sighting.channel.lower():
        return False
    return volume.code == (sighting.code or "")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What the site is made from."""

    entries: tuple[Entry, ...]  # by title
    attack: Attack
    findings: tuple[Finding, ...] = ()  # of files that gave no rule
    live: LiveData | None = None
    assumed: bool = True  # no cluster was asked how its indices are mapped
    folders: tuple[Folder, ...] = ()
    by_id: Mapping[str, Entry] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {one.rule.id: one for one in self.entries})

    def told(self, text: str) -> str:
        """Put the names of the rules folders in the place of where they lie on this machine."""
        for folder in self.folders:
            if str(folder.path) not in ("", "."):
                text = text.replace(f"{folder.path}/", f"{folder.name}/").replace(str(folder.path), folder.name)
        return text

    @cached_property
    def corpus(self) -> Corpus:
        """Who holds which indicator."""
        return Corpus((IndicatorHolder(id=one.rule.id, label=one.corpus), one.indicators) for one in self.entries)

    @cached_property
    def shared(self) -> tuple[SharedIndicator, ...]:
        """The indicators that more than one rule holds."""
        return tuple(one for one in self.corpus if one.count > 1)

    @cached_property
    def by_technique(self) -> Mapping[str, tuple[Entry, ...]]:
        """The rules of each technique, by today's id; a part's rules are not counted with the whole."""
        found: dict[str, list[Entry]] = {}
        for one in self.entries:
            for name in dict.fromkeys(self.attack.current(name) for name in one.rule.techniques):
                found.setdefault(name, []).append(one)
        return {name: tuple(found[name]) for name in sorted(found)}

    @cached_property
    def naming(self) -> Mapping[str, tuple[tuple[Entry, str], ...]]:
        """The rules that name a rule as related, and how, by that rule's id."""
        found: dict[str, list[tuple[Entry, str]]] = {}
        for one in self.entries:
            for related in one.rule.related:
                found.setdefault(related.id, []).append((one, related.type))
        return {name: tuple(listed) for name, listed in found.items()}

    def alike(self, entry: Entry) -> tuple[tuple[Entry, int], ...]:
        """Give the rules that share the most of what few rules look for, and how many indicators that are."""
        weights: dict[str, float] = {}
        counts: Counter[str] = Counter()
        most = 0.0
        for key in dict.fromkeys(one.key for one in entry.indicators):
            shared = self.corpus.shared(key)
            most += 1 / shared.count
            if not 1 < shared.count <= _RARE:
                continue
            for holder in shared.holders:
                if holder.id != entry.rule.id:
                    weights[holder.id] = weights.get(holder.id, 0.0) + 1 / shared.count
                    counts[holder.id] += 1
        named = {related.id for related in entry.rule.related}
        close = [(weight, name) for name, weight in weights.items() if weight >= _LEAST * most and name not in named]
        ordered = sorted(close, key=lambda pair: (-pair[0], self.by_id[pair[1]].rule.title.casefold(), pair[1]))
        return tuple((self.by_id[name], counts[name]) for _, name in ordered[:_ALIKE])


def count_by_level(found: Sequence[Entry]) -> tuple[tuple[Level, int], ...]:
    """Count rules by level, the worst first, every level."""
    counts = Counter(one.rule.level for one in found)
    return tuple((level, counts[level]) for level in reversed(Level))


def counted(values: Iterator[str]) -> tuple[tuple[str, int], ...]:
    """Count texts, the most frequent first."""
    return tuple(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0].casefold(), item[0])))
