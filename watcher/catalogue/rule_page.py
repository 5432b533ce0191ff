"""What a rule's page says, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import Entry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.highlight import pretty, yaml_block, yaml_numbered
from watcher.catalogue.indicators import SharedIndicator
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.stages import StageLine, stages


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackName:
    """A tactic or technique that the rule names."""

    id: str  # as tagged, or MITRE's id
    name: str
    url: str | None
    note: str = ""  # where ATT&CK has moved on


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVolumeRow:
    """Events that the rule can see, and what the cluster holds of them."""

    sighting: EventNeed
    events: int | None  # None: nobody asked, or nobody knows
    hosts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValue:
    """One value of an indicator."""

    text: str
    shared: SharedIndicator
    anchor: str
    page: str | None  # that lists the rules which hold it; None where no other does


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValues:
    """The values of one field and kind."""

    field: str
    kind: str
    values: tuple[IndicatorValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLineView:
    """A selection with its own text and predicates."""

    name: str
    line: int
    text: Markup
    tree: tuple[StageLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleQuery:
    """The query of one source."""

    source: str
    index: str
    exact: bool
    parts: tuple[str, ...]  # several where one would be too large


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedLink:
    """Another rule, and what it has to do with this one."""

    title: str
    page: str | None  # None: it is not in the catalogue
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """Everything that the template of a rule's page may use."""

    entry: Entry
    days: int | None  # how far back the cluster was asked; None: it was not
    assumed: bool
    tactics: tuple[AttackName, ...]
    techniques: tuple[AttackName, ...]
    seen: tuple[EventVolumeRow, ...]
    body: Markup
    stages: tuple[SourceLineView, ...]
    rows: tuple[IndicatorValues, ...]
    queries: tuple[RuleQuery, ...]
    related: tuple[RelatedLink, ...]
    alike: tuple[RelatedLink, ...]
    hits: int | None


def rule_page(catalogue: Catalogue, entry: Entry, locations: PagePaths) -> RulePage:
    """Bring together what the page of one rule says."""
    rule, live = entry.rule, catalogue.live
    text = rule.text.replace("\r\n", "\n")
    return RulePage(
        entry=entry,
        days=live.days if live else None,
        assumed=catalogue.assumed,
        tactics=tactics(catalogue, entry),
        techniques=techniques(catalogue, entry),
        seen=seen(catalogue, entry),
        body=yaml_numbered(text, _first_line(entry, text)),
        stages=tuple(
            SourceLineView(name=one.name, line=one.line, text=yaml_block(one.text), tree=one.tree)
            for one in stages(rule)
        ),
        rows=tuple(indicator_rows(catalogue, entry, locations)),
        queries=tuple(
            RuleQuery(
                source=plan.source,
                index=source.index,
                exact=plan.exact,
                parts=tuple(pretty(query) for query in (plan.parts or (plan.query,))),
            )
            for plan, source in zip(entry.plans, entry.sources, strict=True)
        ),
        related=tuple(_related(catalogue, entry)),
        alike=tuple(
            RelatedLink(title=other.rule.title, page=other.page, how=f"{count} of its rarer indicators")
            for other, count in catalogue.alike(entry)
        ),
        hits=live.hits.get(rule.id, 0) if live else None,
    )


def _first_line(entry: Entry, text: str) -> int:
    """Tell which line of its file the text begins on: a document's place is its first line that says something."""
    lead = 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
            break
        lead += 1
    return max(1, entry.rule.location.line - lead)


def tactics(catalogue: Catalogue, entry: Entry) -> tuple[AttackName, ...]:
    """Give the tactics that a rule names."""
    return tuple(_tactic(catalogue, name) for name in entry.rule.tactics)


def techniques(catalogue: Catalogue, entry: Entry) -> tuple[AttackName, ...]:
    """Give the techniques that a rule names."""
    return tuple(_technique(catalogue, name) for name in entry.rule.techniques)


def seen(catalogue: Catalogue, entry: Entry) -> tuple[EventVolumeRow, ...]:
    """Give the events that a rule can see."""
    return tuple(_seen(catalogue, one) for one in entry.sightings)


def _tactic(catalogue: Catalogue, short: str) -> AttackName:
    found = catalogue.attack.tactic(short)
    if found is None:
        note = f"ATT&CK {catalogue.attack.version} has no such tactic"
        return AttackName(id=short, name=short.replace("-", " ").title(), url=None, note=note)
    note = f"not in ATT&CK {catalogue.attack.version} any more" if found.retired else ""
    return AttackName(id=found.id, name=found.name, url=found.url, note=note)


def _technique(catalogue: Catalogue, name: str) -> AttackName:
    attack = catalogue.attack
    found = attack.technique(name)
    if found is None:
        return AttackName(id=name, name="", url=None, note=f"ATT&CK {attack.version} has no such technique")
    whole = attack.techniques.get(found.parent) if found.parent else None
    full = f"{whole.name}: {found.name}" if whole else found.name
    note = f"now {found.id}" if found.id != name else ""
    return AttackName(id=name, name=full, url=found.url, note=note)


def _seen(catalogue: Catalogue, sighting: EventNeed) -> EventVolumeRow:
    found = catalogue.live.seen(sighting) if catalogue.live else None
    return EventVolumeRow(sighting=sighting, events=found[0] if found else None, hosts=found[1] if found else None)


def indicator_rows(catalogue: Catalogue, entry: Entry, locations: PagePaths) -> Iterator[IndicatorValues]:
    """Give what a rule looks for, by field and kind."""
    groups: dict[tuple[str, str], list[IndicatorValue]] = {}
    for one in entry.indicators:
        shared = catalogue.corpus.shared(one.key)
        page = locations.page(one.key) if shared.count > 1 else None
        value = IndicatorValue(text=one.value, shared=shared, anchor=locations.anchor(one.key), page=page)
        groups.setdefault((one.field, one.kind), []).append(value)
    for (field, kind), values in sorted(groups.items(), key=lambda group: (group[0][0].casefold(), *group[0])):
        yield IndicatorValues(field=field, kind=kind, values=tuple(values))


def _related(catalogue: Catalogue, entry: Entry) -> Iterator[RelatedLink]:
    for related in entry.rule.related:
        other = catalogue.by_id.get(related.id)
        yield RelatedLink(
            title=other.rule.title if other else related.id,
            page=other.page if other else None,
            how=related.type or "related",
        )
    own = {related.id for related in entry.rule.related}
    for one, how in catalogue.naming.get(entry.rule.id, ()):
        if one.rule.id not in own:
            yield RelatedLink(title=one.rule.title, page=one.page, how=f"names this rule: {how or 'related'}")
