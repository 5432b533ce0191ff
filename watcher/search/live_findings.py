"""Findings about rules that need the cluster: unmapped fields, silent log sources, values that are not indexed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watcher.errors import ClusterError
from watcher.match.event_view import EventView
from watcher.model import Finding, Query, Rule, Severity
from watcher.ports import Page, SearchRequest, Snapshot
from watcher.search.group_field_findings import NOT_GROUPED, GroupBy, GroupFieldFindings
from watcher.search.rebuilt_fields import RebuiltFields
from watcher.search.rules_that_cannot_fire import RuleChances
from watcher.taxonomy.logsources import events_of
from watcher.translate.bounds import NOTHING
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, field_paths, rule_fields

SAMPLE = 50  # events of a log source that are read before a rule is called inert
_TOGETHER = 20


@dataclass(frozen=True, slots=True)
class _SampledSource:
    """Some events of one log source."""

    rules: tuple[Rule, ...]
    total: int
    views: tuple[EventView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFindings:
    """What the events of a source say about the rules."""

    findings: tuple[Finding, ...] = ()
    chances: RuleChances = field(default_factory=RuleChances)  # to be compared with those of the other sources


def live_findings(
    snapshot: Snapshot, rules: Sequence[Rule], translator: Translator, group_by: GroupBy = NOT_GROUPED
) -> LiveFindings:
    """Return findings from some events of each log source of the rules."""
    findings: list[Finding] = []
    silent: list[Rule] = []
    inert: dict[str, Finding] = {}
    rebuilt = RebuiltFields()
    group_fields = GroupFieldFindings(group_by=group_by)
    for sampled in _samples(snapshot, rules, translator):
        if sampled.total == 0:
            silent.extend(sampled.rules)
        for rule in sampled.rules:
            for finding in _field_findings(rule, sampled, translator):
                if finding.code == "inert":
                    inert[rule.id] = finding
                else:
                    findings.append(finding)
        rebuilt.add(sampled.rules, sampled.views, translator)
        group_fields.add(sampled.rules, sampled.views, translator)
    findings.extend(rebuilt.findings())
    findings.extend(group_fields.findings())
    findings.extend(_cut_off(rules, translator))
    return LiveFindings(findings=tuple(findings), chances=RuleChances(silent=tuple(silent), inert=inert))


def _samples(snapshot: Snapshot, rules: Sequence[Rule], translator: Translator) -> Iterator[_SampledSource]:
    by_scope: dict[str, tuple[Query, list[Rule]]] = {}
    for rule in rules:
        query = translator.log_source_query(rule)
        by_scope.setdefault(repr(query), (query, []))[1].append(rule)
    groups = list(by_scope.values())
    for start in range(0, len(groups), _TOGETHER):
        batch = groups[start : start + _TOGETHER]
        answers = snapshot.search([SearchRequest(query=query, size=SAMPLE) for query, _ in batch])
        for (_, rules_of_source), answer in zip(batch, answers, strict=True):
            if isinstance(answer, ClusterError):
                raise answer
            yield _sampled(rules_of_source, answer, EventReader(translator.source, translator.mapping))


def _sampled(rules: Sequence[Rule], page: Page, reader: EventReader) -> _SampledSource:
    views = tuple(reader.view(document) for document in page.documents)
    return _SampledSource(tuple(rules), page.total or 0, views)


def _field_findings(rule: Rule, sampled: _SampledSource, translator: Translator) -> Iterator[Finding]:
    location = rule.logsource.location or rule.location
    absent = [name for name in rule_fields(rule.node) if not _is_mapped(name, rule, translator)]
    seen = [name for name in absent if any(view.values(name) for view in sampled.views)]
    if seen:
        yield Finding(
            code="unindexed-field",
            severity=Severity.WARNING,
            location=location,
            message=f"{_listed(seen)} is in the events but in no index: the rule is searched by its log source alone",
            fix="map the field, or let the index map it dynamically",
        )
    elif absent and sampled.total and translator.bounds(rule).upper == NOTHING:
        yield Finding(
            code="inert",
            severity=Severity.WARNING,
            location=location,
            message=f"the rule cannot fire as things stand: no index has {_listed(absent)}, "
            f"nor has any of {len(sampled.views)} events of its log source",
            fix="map the field under `fields` of the source in settings, or disable the rule",
        )


def _is_mapped(name: str, rule: Rule, translator: Translator) -> bool:
    events = events_of(rule.logsource, translator.source.logsources)
    return name == "EventData" or any(
        translator.mapping.fields.get(path) for path in field_paths(name, events, translator.source)
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cut_off(rules: Sequence[Rule], translator: Translator) -> Iterator[Finding]:
    """Yield a finding for each `ignore_above`: longer values are not in the index."""
    limits: dict[int, dict[str, Rule]] = {}
    for rule in rules:
        events = events_of(rule.logsource, translator.source.logsources)
        for path in (path for name in rule_fields(rule.node) for path in field_paths(name, events, translator.source)):
            for field_type in translator.mapping.fields.get(path, ()):
                if field_type.ignore_above and path.startswith("winlog.event_data."):
                    limits.setdefault(field_type.ignore_above, {}).setdefault(path, rule)
    for limit, cut in sorted(limits.items()):
        more = f" and {len(cut) - 5} more" if len(cut) > 5 else ""
        yield Finding(
            code="cut-off-values",
            severity=Severity.INFO,
            location=next(iter(cut.values())).location,
            message=f"values longer than {limit:,} characters of {_listed(list(cut)[:5])}{more} are not in the index",
            fix="they are found all the same, at the cost of reading more events; raise `ignore_above`",
        )
