"""The catalogue as JSON for programs, and as data for the site's scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.correlation_entries import CorrelationEntry
from watcher.catalogue.entries import CatalogueEntry, ListedEntry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.rule_page import event_volumes, indicator_rows, tactics, techniques
from watcher.model import Finding, LogSource
from watcher.sigma.rule_texts import full_text

_DESCRIPTION = 600  # searched characters of a description
_VALUES = 2_000  # searched characters of indicator values


def catalogue_json(catalogue: Catalogue, locations: PagePaths) -> str:
    """Return the catalogue as JSON, one line per rule."""
    attack = {"version": catalogue.attack.version, "as_of": catalogue.attack.as_of}
    lines = ",\n".join(_dump(_rule(catalogue, entry, locations)) for entry in catalogue.entries)
    correlations = ",\n".join(_dump(_correlation(catalogue, entry)) for entry in catalogue.correlations)
    findings = ",\n".join(_dump(_finding(catalogue, finding)) for finding in catalogue.findings)
    return (
        f'{{"attack": {_dump(attack)},\n"live_days": {_dump(catalogue.live.days if catalogue.live else None)},\n'
        f'"mapping_assumed": {_dump(catalogue.assumed)},\n"rules": [\n{lines}\n],\n'
        f'"correlations": [\n{correlations}\n],\n"findings": [\n{findings}\n]}}\n'
    )


def _rule(catalogue: Catalogue, entry: CatalogueEntry, locations: PagePaths) -> dict[str, Any]:
    rule, live = entry.rule, catalogue.live
    return {
        **_identity(entry),
        "logsource": _logsource(rule.logsource),
        **_metadata(catalogue, entry),
        "events": list(_events(catalogue, entry)),
        "hits": live.hits.get(rule.id, 0) if live else None,
        "conditions": list(rule.conditions),
        "indicators": list(_indicators(catalogue, entry, locations)),
        "queries": list(_queries(entry)),
        "tests": list(_tests(entry)),
        "findings": [_finding(catalogue, finding) for finding in entry.findings],
        "related": [{"id": item.id, "type": item.type} for item in rule.related],
        "falsepositives": list(rule.falsepositives),
        "references": list(rule.references),
        "hash": rule.hash,
        "text": full_text(rule),
    }


def _correlation(catalogue: Catalogue, entry: CorrelationEntry) -> dict[str, Any]:
    rule, correlation = entry.rule, entry.correlation
    return {
        **_identity(entry),
        **_metadata(catalogue, entry),
        "type": correlation.type,
        "base_rules": [{"id": base.id, "title": base.title, "page": base.page} for base in entry.bases],
        "group_by": list(correlation.group_by),
        "timespan": correlation.timespan.total_seconds(),
        "condition": dict(entry.evaluation)["Condition"],
        "hits": catalogue.live.hits.get(rule.id, 0) if catalogue.live else None,
        "indicators": [{"field": value.field, "kind": value.kind, "value": value.value} for value in entry.indicators],
        "findings": [_finding(catalogue, finding) for finding in entry.findings],
        "hash": rule.hash,
        "text": full_text(rule),
    }


def _logsource(logsource: LogSource) -> dict[str, Any]:
    return {
        "product": logsource.product,
        "category": list(logsource.category),
        "service": list(logsource.service),
    }


def _identity(entry: ListedEntry) -> dict[str, Any]:
    rule = entry.rule
    return {
        "id": rule.id,
        "title": rule.title,
        "page": entry.page,
        "status": rule.status,
        "level": rule.level,
    }


def _metadata(catalogue: Catalogue, entry: ListedEntry) -> dict[str, Any]:
    rule = entry.rule
    return {
        "author": rule.author,
        "date": rule.date,
        "modified": rule.modified,
        **_origin(entry),
        "description": rule.description,
        "tags": list(rule.tags),
        "tactics": [{"id": tactic.id, "name": tactic.name} for tactic in tactics(catalogue, entry)],
        "techniques": [{"id": technique.id, "name": technique.name} for technique in techniques(catalogue, entry)],
    }


def _origin(entry: ListedEntry) -> dict[str, Any]:
    return {
        "folder": entry.rule.folder,
        "path": entry.rule.path,
        "corpus": entry.corpus,
        "repository": entry.repository,
        "file": entry.file,
        "license": entry.rule.license,
    }


def _events(catalogue: Catalogue, entry: CatalogueEntry) -> Iterator[dict[str, Any]]:
    for volume in event_volumes(catalogue, entry):
        counts = {} if catalogue.live is None else {"events": volume.events, "hosts": volume.hosts}
        yield _event_need(volume.event_need) | counts


def _indicators(catalogue: Catalogue, entry: CatalogueEntry, locations: PagePaths) -> Iterator[dict[str, Any]]:
    for row in indicator_rows(catalogue, entry, locations):
        for value in row.values:
            yield {
                "field": row.field,
                "kind": row.kind,
                "value": value.text,
                "corpus": value.shared.count,
                "by_corpus": dict(value.shared.labels),
            }


def _queries(entry: CatalogueEntry) -> Iterator[dict[str, Any]]:
    for plan in entry.plans:
        yield {"source": plan.source, "query": plan.query, "exact": plan.exact, "parts": list(plan.parts)}


def _tests(entry: CatalogueEntry) -> Iterator[dict[str, Any]]:
    for result in entry.test_results:
        expected = "hit" if result.test.hit else "miss"
        yield {"name": result.test.name, "expected": expected, "passed": result.passed}


def _event_need(need: EventNeed) -> dict[str, Any]:
    needed = need.needed
    return {
        "channel": need.channel,
        "code": need.code,
        "needs": None if needed is None else {"what": needed.setting, "where": needed.location, "note": needed.note},
    }


def _finding(catalogue: Catalogue, finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": catalogue.relative_paths(finding.location.file),
        "line": finding.location.line,
        "column": finding.location.column,
        "message": catalogue.relative_paths(finding.message),
        "fix": catalogue.relative_paths(finding.fix),
    }


def _dump(value: Any) -> str:
    return json.dumps(value, default=str)


# --------------------------------------------------------------------------- the site's own data


def rules_script(catalogue: Catalogue) -> str:
    """Return the data of the rule list, one line per rule."""
    return _script("rules", ((entry.key, _row(catalogue, entry)) for entry in catalogue.listed))


def _row(catalogue: Catalogue, entry: ListedEntry) -> list[Any]:
    rule = entry.rule
    current = dict.fromkeys(catalogue.attack.current(name) for name in rule.techniques)
    return [
        entry.name,
        rule.title,
        str(rule.level),
        rule.status or "",
        list(rule.tactics),
        list(current),
        entry.source_name,
        entry.corpus,
        list(entry.authors),
        str(rule.modified or rule.date or ""),
    ]


def words_script(catalogue: Catalogue) -> str:
    """Return the search texts, one line per rule."""
    return _script("words", ((entry.key, _words(catalogue, entry)) for entry in catalogue.listed))


def _words(catalogue: Catalogue, entry: ListedEntry) -> str:
    rule = entry.rule
    techniques = (catalogue.attack.technique(name) for name in rule.techniques)
    names = (technique.name for technique in techniques if technique)
    values = " ".join(dict.fromkeys(indicator.value for indicator in entry.indicators))[:_VALUES]
    parts = (rule.title, rule.path, rule.id, *rule.tags, *names, rule.description[:_DESCRIPTION], values)
    return " ".join(" ".join(parts).split()).lower()


def shared_script(catalogue: Catalogue, locations: PagePaths) -> str:
    """Return the rules of each shared indicator, one line per indicator."""
    keys = {entry.rule.id: entry.key for entry in catalogue.entries}
    rules = {locations.anchor(item.key): [keys[holder.id] for holder in item.holders] for item in catalogue.shared}
    return _script("shared", ((name, rules[name]) for name in sorted(rules)))


def _script(name: str, rows: Iterable[tuple[str, Any]]) -> str:
    lines = ",\n".join(_lines(rows))
    return f'watcher.take("{name}", {{\n{lines}\n}});\n'


def _lines(rows: Iterable[tuple[str, Any]]) -> Iterator[str]:
    return (f"{_dump(key)}: {_dump(value)}" for key, value in rows)
