"""The rules of the catalogue, each with the data of its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar
from urllib.parse import quote

from watcher.catalogue.event_needs import EventNeed, event_needs, unknown_logsource
from watcher.catalogue.indicators import Indicator, indicators
from watcher.catalogue.page_text import web
from watcher.lint.allowances import RuleLocator, apply_allowances
from watcher.lint.run_lints import unique
from watcher.model import Finding, QueryPlan, Rule, RuleMetadata
from watcher.notify.links import rule_page_name
from watcher.ports import IndexMapping
from watcher.ruletests.results import RuleTestResult, in_memory
from watcher.ruletests.suites import RuleTestSuite, suites_of_rules
from watcher.settings import Allowance, Folder, Source
from watcher.translate.plan import Translator, translate_rule

_SHORT = 8  # characters of the digest that identifies a rule in the site's data


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """A source and the actual or assumed mapping of its indices."""

    source: Source
    mapping: IndexMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntry:
    """A rule or correlation rule with what the lists of the site show of it."""

    rule: RuleMetadata
    key: str  # its id in the site's data
    name: str  # of its page, without the suffix
    corpus: str  # the label of its folder
    repository: str | None  # the origin of the folder's rules
    file: str | None  # the address of the rule file there
    indicators: tuple[Indicator, ...] = ()
    findings: tuple[Finding, ...] = ()  # without allowed ones, in the order of the lines

    @property
    def page(self) -> str:
        """The path of its page within the site."""
        return f"rules/{self.name}.html"

    @property
    def authors(self) -> tuple[str, ...]:
        """The names of the author line."""
        names = (" ".join(part.split()) for part in self.rule.author.split(","))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def source_name(self) -> str:
        """The log source, as rules name it."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry(ListedEntry):
    """A rule and the data of its page."""

    rule: Rule
    event_needs: tuple[EventNeed, ...]
    unknown: tuple[str, ...]  # unknown parts of its log source
    plans: tuple[QueryPlan, ...]  # one per source
    sources: tuple[Source, ...]  # in the same order
    test_results: tuple[RuleTestResult, ...]  # of its rule tests

    @property
    def source_name(self) -> str:
        """The log source, as rules name it."""
        return str(self.rule.logsource)

    @property
    def failed(self) -> tuple[RuleTestResult, ...]:
        """The results of failed tests."""
        return tuple(result for result in self.test_results if not result.passed)


E = TypeVar("E", bound=ListedEntry)


def build_entries(
    rules: Sequence[Rule],
    folders: Sequence[Folder],
    mappings: Sequence[SourceMapping],
    allowances: Sequence[Allowance],
    findings: Mapping[str, Sequence[Finding]],
) -> tuple[CatalogueEntry, ...]:
    """Create the entries of all rules, ordered by title; `findings` are those of reader and lints, by rule id."""
    by_name = {folder.name: folder for folder in folders}
    translators = tuple(Translator(mapping.source, mapping.mapping) for mapping in mappings)
    entries: list[CatalogueEntry] = []
    for suite in sorted(suites_of_rules(rules).suites, key=lambda suite: (suite.rule.title.casefold(), suite.rule.id)):
        rule = suite.rule
        plans = tuple(translate_rule(rule, translator) for translator in translators)
        unique_findings = unique((*(item for plan in plans for item in plan.findings), *findings.get(rule.id, ())))
        judged = apply_allowances(unique_findings, (rule,), allowances)
        remaining = [item.finding for item in judged if not item.allowed]
        entries.append(
            _entry(suite, by_name.get(rule.folder), [translator.source for translator in translators], plans, remaining)
        )
    return tuple(with_unique_names(entries))


def findings_by_rule(rules: Sequence[RuleMetadata], findings: Sequence[Finding]) -> Mapping[str, Sequence[Finding]]:
    """Return the findings about each of some rules and correlation rules, by rule id."""
    locations = RuleLocator(rules)
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        if (rule := locations.rule(finding.location)) is not None:
            by_rule.setdefault(rule.id, []).append(finding)
    return by_rule


def unplaced(
    rules: Sequence[RuleMetadata], allowances: Sequence[Allowance], findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Return the findings about files without a rule, without allowed ones."""
    judged = apply_allowances(findings, rules, allowances)
    return tuple(item.finding for item in judged if item.rule is None and not item.allowed)


def _entry(
    suite: RuleTestSuite,
    folder: Folder | None,
    sources: Sequence[Source],
    plans: tuple[QueryPlan, ...],
    findings: Sequence[Finding],
) -> CatalogueEntry:
    rule, first = suite.rule, sources[0]
    listed = listed_entry(rule, folder, findings)
    return CatalogueEntry(
        rule=rule,
        key=listed.key,
        name=listed.name,
        corpus=listed.corpus,
        repository=listed.repository,
        file=listed.file,
        indicators=indicators(rule),
        event_needs=event_needs(rule, first.logsources),
        unknown=unknown_logsource(rule, first.logsources),
        plans=plans,
        sources=tuple(sources),
        test_results=in_memory(suite, first),
        findings=listed.findings,
    )


def listed_entry(rule: RuleMetadata, folder: Folder | None, findings: Sequence[Finding]) -> ListedEntry:
    """Return what the lists of the site show of a rule; its name may not be unique."""
    name = rule_page_name(rule.id)
    files = web(folder.files) if folder and folder.files else None
    return ListedEntry(
        rule=rule,
        key=_key(sha256(name.encode()).hexdigest()),
        name=name,
        corpus=(folder.corpus if folder and folder.corpus else rule.folder) or "rules",
        repository=web(folder.repository) if folder and folder.repository else None,
        file=f"{files.rstrip('/')}/{quote(rule.path)}" if files else None,
        findings=tuple(sorted(findings, key=lambda finding: (finding.location, finding.code))),
    )


def _key(digest: str) -> str:
    """Return a key that JavaScript does not treat as a number, which it would sort first."""
    return f"r{digest[:_SHORT]}"


def with_unique_names(entries: Iterable[E], taken: Iterable[tuple[str, str]] = ()) -> Iterator[E]:
    """Yield the entries with a suffix where two rules would have the same name; `taken` are keys and names."""
    others = tuple(taken)
    keys = {key for key, _ in others}
    names = {name for _, name in others}
    for entry in entries:
        key, name, attempt = entry.key, entry.name, 0
        while key in keys or name in names:
            attempt += 1
            digest = sha256(f"{entry.rule.folder}\0{entry.rule.path}\0{attempt}".encode("utf-8", "replace")).hexdigest()
            key, name = _key(digest), f"{entry.name}-{digest[:_SHORT]}"
        keys.add(key)
        names.add(name)
        yield entry if attempt == 0 else replace(entry, key=key, name=name)
