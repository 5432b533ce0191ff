"""The correlation rules of the catalogue, each with the data of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from watcher.catalogue.entries import CatalogueEntry, ListedEntry, listed_entry, with_unique_names
from watcher.catalogue.time_lines import time_line
from watcher.correlate.correlation_texts import condition_text, decision_text, duration_text, group_text
from watcher.lint.allowances import apply_allowances
from watcher.lint.run_lints import unique
from watcher.model import Finding
from watcher.model.correlation_rules import CorrelationRule, ResolvedCorrelations
from watcher.model.correlations import Correlation
from watcher.settings import Allowance, Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRuleLink:
    """A base rule, or an inner correlation, of a correlation rule."""

    id: str
    title: str
    page: str | None  # None: it is not in the catalogue
    source: str  # its log source; empty: an inner correlation
    fields: tuple[tuple[str, str], ...]  # name in `group-by` or `field` → field of its events


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationEntry(ListedEntry):
    """A correlation rule and the data of its page."""

    rule: CorrelationRule
    correlation: Correlation
    bases: tuple[BaseRuleLink, ...]
    evaluation: tuple[tuple[str, str], ...]  # parts of the evaluation, in words
    picture: str  # the time line, as SVG

    @property
    def source_name(self) -> str:
        """What the list of rules shows in place of a log source."""
        return "correlation"


def build_correlation_entries(
    resolved: ResolvedCorrelations,
    entries: Sequence[CatalogueEntry],
    folders: Sequence[Folder],
    allowances: Sequence[Allowance],
    findings: Mapping[str, Sequence[Finding]],
) -> tuple[CorrelationEntry, ...]:
    """Create the entries of the correlation rules, ordered by title.

    `findings` are those of reader and lints, by rule id.
    """
    by_name = {folder.name: folder for folder in folders}
    titles = {rule.id: rule.title for rule in resolved.rules} | {entry.rule.id: entry.rule.title for entry in entries}
    indicators = {entry.rule.id: entry.indicators for entry in entries}
    own: dict[str, CorrelationEntry] = {}
    for rule in resolved.rules:  # inner ones first
        correlation = resolved.correlations[rule.id]
        judged = apply_allowances(unique(findings.get(rule.id, ())), (rule,), allowances)
        values = dict.fromkeys(value for base in correlation.base_rules for value in indicators.get(base, ()))
        indicators[rule.id] = tuple(values)
        listed = listed_entry(rule, by_name.get(rule.folder), [item.finding for item in judged if not item.allowed])
        own[rule.id] = CorrelationEntry(
            **{name: getattr(listed, name) for name in ("key", "name", "corpus", "repository", "file", "findings")},
            rule=rule,
            indicators=tuple(values),
            correlation=correlation,
            bases=(),
            evaluation=tuple(_evaluation(correlation, titles)),
            picture=time_line(correlation, titles),
        )
    taken = [(entry.key, entry.name) for entry in entries]
    ordered = sorted(own.values(), key=lambda entry: (entry.rule.title.casefold(), entry.rule.id))
    named = tuple(with_unique_names(ordered, taken))
    pages = {entry.rule.id: entry for entry in (*entries, *named)}
    return tuple(replace(entry, bases=tuple(_bases(entry.correlation, pages))) for entry in named)


def _evaluation(correlation: Correlation, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    span = duration_text(correlation.timespan)
    yield "Type", str(correlation.type)
    yield "Group", group_text(correlation)
    yield "Window", f"at each event, the {span} before it, both ends included"
    yield "Condition", condition_text(correlation, titles)
    yield "Decided", decision_text(correlation, (timedelta(0),))


def _bases(correlation: Correlation, pages: Mapping[str, ListedEntry]) -> Iterator[BaseRuleLink]:
    names = dict.fromkeys((*correlation.group_by, *correlation.fields))
    for base in correlation.base_rules:
        entry = pages.get(base)
        yield BaseRuleLink(
            id=base,
            title=base if entry is None else entry.rule.title,
            page=None if entry is None else entry.page,
            source=entry.source_name if isinstance(entry, CatalogueEntry) else "",
            fields=tuple((name, correlation.field_of(name, base)) for name in names),
        )
