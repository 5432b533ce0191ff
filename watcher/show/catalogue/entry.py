"""One rule of the catalogue, with everything that its page says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import quote

from watcher.model import Finding, Plan, Rule
from watcher.ports import IndexFacts
from watcher.settings import Folder, Source
from watcher.show.cases import Outcome, outcomes
from watcher.show.catalogue.indicators import Indicator, indicators
from watcher.show.catalogue.sight import Sighting, sightings, unknown
from watcher.show.catalogue.text import web
from watcher.translate.plan import Translator, predicate, translate

_PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
_SHORT = 8  # characters of a digest by which the site's data call a rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A source, and how its indices are mapped: as they are, or as they are assumed to be."""

    source: Source
    facts: IndexFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A rule and what is known about it."""

    rule: Rule
    key: str  # what the site's data call it
    name: str  # of its page, without the ending
    corpus: str  # the label of its folder
    repository: str | None  # where the folder's rules come from
    file: str | None  # where the rule itself can be read there
    indicators: tuple[Indicator, ...]
    sightings: tuple[Sighting, ...]
    unknown: tuple[str, ...]  # parts of its log source that no table knows
    plans: tuple[Plan, ...]  # one a source
    sources: tuple[Source, ...]  # in the same order
    outcomes: tuple[Outcome, ...]  # of the test events beside it
    findings: tuple[Finding, ...]  # of reading and of translating, in the order of the lines

    @property
    def page(self) -> str:
        """The path of its page within the site."""
        return f"rules/{self.name}.html"

    @property
    def authors(self) -> tuple[str, ...]:
        """Those whom the author line names."""
        names = (" ".join(part.split()) for part in self.rule.author.split(","))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The test events that the rule does not do right by."""
        return tuple(one for one in self.outcomes if not one.passed)


def entries(
    rules: Sequence[Rule], folders: Sequence[Folder], asked: Sequence[Asked], said: Sequence[Finding] = ()
) -> tuple[Entry, ...]:
    """Make the entries of many rules, ordered by title; `said` are findings about them from elsewhere."""
    by_name = {folder.name: folder for folder in folders}
    by_place: dict[str, list[Finding]] = {}
    for finding in said:
        by_place.setdefault(finding.place.file, []).append(finding)
    translators = tuple(Translator(one.source, one.facts) for one in asked)
    made = (
        _entry(rule, by_name.get(rule.folder), translators, by_place.get(rule.place.file, ()))
        for rule in sorted(rules, key=lambda rule: (rule.title.casefold(), rule.id))
    )
    return tuple(_told_apart(made))


def _entry(rule: Rule, folder: Folder | None, translators: Sequence[Translator], said: Sequence[Finding]) -> Entry:
    plans = tuple(translate(rule, translator) for translator in translators)
    first = translators[0].source
    found = (*rule.findings, *(one for plan in plans for one in plan.findings), *said)
    name = rule.id if _PLAIN_ID.fullmatch(rule.id) else sha256(rule.id.encode("utf-8", "replace")).hexdigest()[:32]
    repository = web(folder.repository) if folder and folder.repository else None
    files = web(folder.files) if folder and folder.files else None
    return Entry(
        rule=rule,
        key=_key(sha256(name.lower().encode()).hexdigest()),
        name=name.lower(),
        corpus=(folder.corpus if folder and folder.corpus else rule.folder) or "rules",
        repository=repository,
        file=f"{files.rstrip('/')}/{quote(rule.path)}" if files else None,
        indicators=indicators(rule),
        sightings=sightings(rule, first.logsources),
        unknown=unknown(rule, first.logsources),
        plans=plans,
        sources=tuple(one.source for one in translators),
        outcomes=outcomes(rule, predicate(rule, first)),
        findings=tuple(sorted(dict.fromkeys(found), key=lambda one: (one.place, one.code))),
    )


def _key(digest: str) -> str:
    """Make a name that no script takes for a number, which it would put before all others."""
    return f"r{digest[:_SHORT]}"


def _told_apart(made: Iterator[Entry]) -> Iterator[Entry]:
    """Lengthen the names that two rules would share."""
    keys: set[str] = set()
    names: set[str] = set()
    for one in made:
        key, name, again = one.key, one.name, 0
        while key in keys or name in names:
            again += 1
            digest = sha256(f"{one.rule.folder}\0{one.rule.path}\0{again}".encode("utf-8", "replace")).hexdigest()
            key, name = _key(digest), f"{one.name}-{digest[:_SHORT]}"
        keys.add(key)
        names.add(name)
        yield one if again == 0 else replace(one, key=key, name=name)
