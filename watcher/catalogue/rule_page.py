"""Data of a rule's page, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import CatalogueEntry, ListedEntry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.highlight import pretty, yaml_block, yaml_numbered
from watcher.catalogue.indicators import SharedIndicator
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.selection_stages import StageLine, stages
from watcher.sigma.rule_texts import full_text


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackName:
    """A tactic or technique of the rule."""

    id: str  # as tagged, or MITRE's id
    name: str
    url: str | None
    note: str = ""  # e.g. that ATT&CK replaced it


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVolumeRow:
    """Events that the rule can match, and their volume in the cluster."""

    event_need: EventNeed
    events: int | None  # None: unknown
    hosts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValue:
    """One value of an indicator."""

    text: str
    shared: SharedIndicator
    anchor: str
    page: str | None  # the page with its rules; None if no other rule has it


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValues:
    """The values of one field and kind."""

    field: str
    kind: str
    values: tuple[IndicatorValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLineView:
    """A selection with its source and predicates."""

    name: str
    line: int
    text: Markup
    tree: tuple[StageLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleQuery:
    """The query for one source."""

    source: str
    index: str
    exact: bool
    parts: tuple[str, ...]  # several if one query would be too large


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedLink:
    """Another rule and its relation to this one."""

    title: str
    page: str | None  # None: it is not in the catalogue
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """The variables of the rule page's template."""

    entry: CatalogueEntry
    days: int | None  # the queried period; None without a cluster
    assumed: bool
    tactics: tuple[AttackName, ...]
    techniques: tuple[AttackName, ...]
    event_volumes: tuple[EventVolumeRow, ...]
    body: Markup
    stages: tuple[SourceLineView, ...]
    rows: tuple[IndicatorValues, ...]
    queries: tuple[RuleQuery, ...]
    related: tuple[RelatedLink, ...]
    correlations: tuple[RelatedLink, ...]  # that count its hits
    similar: tuple[RelatedLink, ...]
    hits: int | None


def rule_page(catalogue: Catalogue, entry: CatalogueEntry, locations: PagePaths) -> RulePage:
    """Return the data of one rule's page."""
    rule, live = entry.rule, catalogue.live
    return RulePage(
        entry=entry,
        days=live.days if live else None,
        assumed=catalogue.assumed,
        tactics=tactics(catalogue, entry),
        techniques=techniques(catalogue, entry),
        event_volumes=event_volumes(catalogue, entry),
        body=source_of(entry),
        stages=tuple(
            SourceLineView(name=stage.name, line=stage.line, text=yaml_block(stage.text), tree=stage.tree)
            for stage in stages(rule)
        ),
        rows=tuple(indicator_rows(catalogue, entry, locations)),
        queries=tuple(_queries(entry)),
        related=tuple(_related(catalogue, entry)),
        correlations=counting_links(catalogue, entry),
        similar=tuple(
            RelatedLink(title=other.rule.title, page=other.page, relation=f"{count} of its rarer indicators")
            for other, count in catalogue.similar(entry)
        ),
        hits=live.hits.get(rule.id, 0) if live else None,
    )


def source_of(entry: ListedEntry) -> Markup:
    """Return the source of a rule, with the numbers of its lines in the file."""
    text = full_text(entry.rule).replace("\r\n", "\n")
    return yaml_numbered(text, _first_line(entry, text))


def _first_line(entry: ListedEntry, text: str) -> int:
    """Return the line of the file where the text starts: the rule's location is its first line with content."""
    lead = 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
            break
        lead += 1
    return max(1, entry.rule.location.line - lead)


def tactics(catalogue: Catalogue, entry: ListedEntry) -> tuple[AttackName, ...]:
    """Return the tactics of a rule."""
    return tuple(_tactic(catalogue, name) for name in entry.rule.tactics)


def techniques(catalogue: Catalogue, entry: ListedEntry) -> tuple[AttackName, ...]:
    """Return the techniques of a rule."""
    return tuple(_technique(catalogue, name) for name in entry.rule.techniques)


def event_volumes(catalogue: Catalogue, entry: CatalogueEntry) -> tuple[EventVolumeRow, ...]:
    """Return the events that a rule can match."""
    return tuple(_event_volume(catalogue, event_need) for event_need in entry.event_needs)


def _tactic(catalogue: Catalogue, short: str) -> AttackName:
    tactic = catalogue.attack.tactic(short)
    if tactic is None:
        note = f"ATT&CK {catalogue.attack.version} has no such tactic"
        return AttackName(id=short, name=short.replace("-", " ").title(), url=None, note=note)
    note = f"not in ATT&CK {catalogue.attack.version} any more" if tactic.retired else ""
    return AttackName(id=tactic.id, name=tactic.name, url=tactic.url, note=note)


def _technique(catalogue: Catalogue, name: str) -> AttackName:
    attack = catalogue.attack
    technique = attack.technique(name)
    if technique is None:
        return AttackName(id=name, name="", url=None, note=f"ATT&CK {attack.version} has no such technique")
    parent = attack.techniques.get(technique.parent) if technique.parent else None
    full = f"{parent.name}: {technique.name}" if parent else technique.name
    note = f"now {technique.id}" if technique.id != name else ""
    return AttackName(id=name, name=full, url=technique.url, note=note)


def _event_volume(catalogue: Catalogue, event_need: EventNeed) -> EventVolumeRow:
    volume = catalogue.live.volume(event_need) if catalogue.live else None
    return EventVolumeRow(
        event_need=event_need, events=volume[0] if volume else None, hosts=volume[1] if volume else None
    )


def _queries(entry: CatalogueEntry) -> Iterator[RuleQuery]:
    for plan, source in zip(entry.plans, entry.sources, strict=True):
        parts = tuple(pretty(query) for query in (plan.parts or (plan.query,)))
        yield RuleQuery(source=plan.source, index=source.index, exact=plan.exact, parts=parts)


def indicator_rows(catalogue: Catalogue, entry: ListedEntry, locations: PagePaths) -> Iterator[IndicatorValues]:
    """Yield the indicators of a rule by field and kind."""
    groups: dict[tuple[str, str], list[IndicatorValue]] = {}
    for indicator in entry.indicators:
        shared = catalogue.corpus.shared(indicator.key)
        page = locations.page(indicator.key) if shared.count > 1 else None
        value = IndicatorValue(text=indicator.value, shared=shared, anchor=locations.anchor(indicator.key), page=page)
        groups.setdefault((indicator.field, indicator.kind), []).append(value)
    for (field, kind), values in sorted(groups.items(), key=lambda group: (group[0][0].casefold(), *group[0])):
        yield IndicatorValues(field=field, kind=kind, values=tuple(values))


def counting_links(catalogue: Catalogue, entry: ListedEntry) -> tuple[RelatedLink, ...]:
    """Return the correlation rules that count the hits of a rule."""
    return tuple(
        RelatedLink(title=other.rule.title, page=other.page, relation=str(other.correlation.type))
        for other in catalogue.counting.get(entry.rule.id, ())
    )


def _related(catalogue: Catalogue, entry: CatalogueEntry) -> Iterator[RelatedLink]:
    for related in entry.rule.related:
        other = catalogue.by_id.get(related.id)
        yield RelatedLink(
            title=other.rule.title if other else related.id,
            page=other.page if other else None,
            relation=related.type or "related",
        )
    own = {related.id for related in entry.rule.related}
    for other, relation in catalogue.referring.get(entry.rule.id, ()):
        if other.rule.id not in own:
            link = f"refers to this rule: {relation or 'related'}"
            yield RelatedLink(title=other.rule.title, page=other.page, relation=link)
