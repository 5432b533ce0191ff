"""One rule of the catalogue, with everything that its page says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import quote

from watcher.catalogue.event_needs import EventNeed, event_needs, unknown
from watcher.catalogue.indicators import Indicator, indicators
from watcher.catalogue.page_text import web
from watcher.lint.allowances import RuleLocator, apply_allowances
from watcher.lint.run_lints import unique
from watcher.model import Finding, QueryPlan, Rule
from watcher.ports import IndexMapping
from watcher.ruletests.results import RuleTestResult, in_memory
from watcher.ruletests.suites import RuleTestSuite, suites_of_rules
from watcher.settings import Allowance, Folder, Source
from watcher.translate.plan import Translator, translate_rule

_PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
_SHORT = 8  # characters of a digest by which the site's data call a rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """A source, and how its indices are mapped: as they are, or as they are assumed to be."""

    source: Source
    mapping: IndexMapping


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
    sightings: tuple[EventNeed, ...]
    unknown: tuple[str, ...]  # parts of its log source that no table knows
    plans: tuple[QueryPlan, ...]  # one a source
    sources: tuple[Source, ...]  # in the same order
    outcomes: tuple[RuleTestResult, ...]  # of the tests beside it
    findings: tuple[Finding, ...]  # that are not allowed, in the order of the lines

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
    def failed(self) -> tuple[RuleTestResult, ...]:
        """The tests that the rule does not pass."""
        return tuple(one for one in self.outcomes if not one.passed)


def build_entries(
    rules: Sequence[Rule],
    folders: Sequence[Folder],
    asked: Sequence[SourceMapping],
    allowances: Sequence[Allowance],
    said: Sequence[Finding],
) -> tuple[Entry, ...]:
    """Make the entries of many rules, ordered by title; `said` is what was found odd about them."""
    by_name = {folder.name: folder for folder in folders}
    by_rule = _by_rule(rules, said)
    translators = tuple(Translator(one.source, one.mapping) for one in asked)
    made: list[Entry] = []
    for suite in sorted(suites_of_rules(rules).suites, key=lambda suite: (suite.rule.title.casefold(), suite.rule.id)):
        rule = suite.rule
        plans = tuple(translate_rule(rule, translator) for translator in translators)
        found = unique((*(one for plan in plans for one in plan.findings), *by_rule.get(rule.id, ())))
        kept = [one.finding for one in apply_allowances(found, (rule,), allowances) if not one.allowed]
        made.append(_entry(suite, by_name.get(rule.folder), [one.source for one in translators], plans, kept))
    return tuple(_told_apart(made))


def _by_rule(rules: Sequence[Rule], said: Sequence[Finding]) -> Mapping[str, Sequence[Finding]]:
    locations = RuleLocator(rules)
    found: dict[str, list[Finding]] = {}
    for finding in said:
        if (rule := locations.rule(finding.location)) is not None:
            found.setdefault(rule.id, []).append(finding)
    return found


def unplaced(rules: Sequence[Rule], allowances: Sequence[Allowance], said: Sequence[Finding]) -> tuple[Finding, ...]:
    """Give the findings of files that hold no rule, less those that are allowed."""
    judged = apply_allowances(said, rules, allowances)
    return tuple(one.finding for one in judged if one.rule is None and not one.allowed)


def _entry(
    suite: RuleTestSuite,
    folder: Folder | None,
    sources: Sequence[Source],
    plans: tuple[QueryPlan, ...],
    said: Sequence[Finding],
) -> Entry:
    rule, first = suite.rule, sources[0]
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
        sightings=event_needs(rule, first.logsources),
        unknown=unknown(rule, first.logsources),
        plans=plans,
        sources=tuple(sources),
        outcomes=in_memory(suite, first),
        findings=tuple(sorted(said, key=lambda one: (one.location, one.code))),
    )


def _key(digest: str) -> str:
    """Make a name that no script takes for a number, which it would put before all others."""
    return f"r{digest[:_SHORT]}"


def _told_apart(made: Iterable[Entry]) -> Iterator[Entry]:
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
