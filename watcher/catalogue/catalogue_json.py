"""The catalogue as JSON for programs, and as the data that the site's own script reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import Entry
from watcher.catalogue.event_needs import EventNeed
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.rule_page import indicator_rows, seen, tactics, techniques
from watcher.model import Finding

_DESCRIPTION = 600  # characters of a description that are searched
_VALUES = 2_000  # characters of what a rule looks for, the same


def whole(catalogue: Catalogue, locations: PagePaths) -> str:
    """Write everything, a line a rule."""
    attack = {"version": catalogue.attack.version, "as_of": catalogue.attack.as_of}
    lines = ",\n".join(_dump(_rule(catalogue, entry, locations)) for entry in catalogue.entries)
    findings = ",\n".join(_dump(_finding(catalogue, one)) for one in catalogue.findings)
    return (
        f'{{"attack": {_dump(attack)},\n"live_days": {_dump(catalogue.live.days if catalogue.live else None)},\n'
        f'"mapping_assumed": {_dump(catalogue.assumed)},\n"rules": [\n{lines}\n],\n"findings": [\n{findings}\n]}}\n'
    )


def _rule(catalogue: Catalogue, entry: Entry, locations: PagePaths) -> dict[str, Any]:
    rule, live = entry.rule, catalogue.live
    return {
        "id": rule.id,
        "title": rule.title,
        "page": entry.page,
        "status": rule.status,
        "level": rule.level,
        "logsource": {
            "product": rule.logsource.product,
            "category": list(rule.logsource.category),
            "service": list(rule.logsource.service),
        },
        "author": rule.author,
        "date": rule.date,
        "modified": rule.modified,
        "folder": rule.folder,
        "path": rule.path,
        "corpus": entry.corpus,
        "repository": entry.repository,
        "file": entry.file,
        "license": rule.license,
        "description": rule.description,
        "tags": list(rule.tags),
        "tactics": [{"id": one.id, "name": one.name} for one in tactics(catalogue, entry)],
        "techniques": [{"id": one.id, "name": one.name} for one in techniques(catalogue, entry)],
        "events": [
            _sighting(one.sighting) | ({} if live is None else {"events": one.events, "hosts": one.hosts})
            for one in seen(catalogue, entry)
        ],
        "hits": live.hits.get(rule.id, 0) if live else None,
        "conditions": list(rule.conditions),
        "indicators": [
            {
                "field": row.field,
                "kind": row.kind,
                "value": value.text,
                "corpus": value.shared.count,
                "by_corpus": dict(value.shared.labels),
            }
            for row in indicator_rows(catalogue, entry, locations)
            for value in row.values
        ],
        "queries": [
            {"source": plan.source, "query": plan.query, "exact": plan.exact, "parts": list(plan.parts)}
            for plan in entry.plans
        ],
        "tests": [
            {"name": one.test.name, "expected": "hit" if one.test.hit else "miss", "passed": one.passed}
            for one in entry.outcomes
        ],
        "findings": [_finding(catalogue, one) for one in entry.findings],
        "related": [{"id": one.id, "type": one.type} for one in rule.related],
        "falsepositives": list(rule.falsepositives),
        "references": list(rule.references),
        "hash": rule.hash,
        "text": rule.text,
    }


def _sighting(one: EventNeed) -> dict[str, Any]:
    needed = one.needed
    return {
        "channel": one.channel,
        "code": one.code,
        "needs": None if needed is None else {"what": needed.setting, "where": needed.location, "note": needed.note},
    }


def _finding(catalogue: Catalogue, one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity,
        "file": catalogue.told(one.location.file),
        "line": one.location.line,
        "column": one.location.column,
        "message": catalogue.told(one.message),
        "fix": catalogue.told(one.fix),
    }


def _dump(value: Any) -> str:
    return json.dumps(value, default=str)


# --------------------------------------------------------------------------- the site's own data


def rules_script(catalogue: Catalogue) -> str:
    """Write what the index lists, a line a rule."""
    return _script("rules", ((one.key, _listed(catalogue, one)) for one in catalogue.entries))


def _listed(catalogue: Catalogue, entry: Entry) -> list[Any]:
    rule = entry.rule
    today = dict.fromkeys(catalogue.attack.current(name) for name in rule.techniques)
    return [
        entry.name,
        rule.title,
        str(rule.level),
        rule.status or "",
        list(rule.tactics),
        list(today),
        str(rule.logsource),
        entry.corpus,
        list(entry.authors),
        str(rule.modified or rule.date or ""),
    ]


def words_script(catalogue: Catalogue) -> str:
    """Write what the index searches, a line a rule."""
    return _script("words", ((one.key, _words(catalogue, one)) for one in catalogue.entries))


def _words(catalogue: Catalogue, entry: Entry) -> str:
    rule = entry.rule
    names = (found.name for name in rule.techniques if (found := catalogue.attack.technique(name)))
    values = " ".join(dict.fromkeys(one.value for one in entry.indicators))[:_VALUES]
    parts = (rule.title, rule.path, rule.id, *rule.tags, *names, rule.description[:_DESCRIPTION], values)
    return " ".join(" ".join(parts).split()).lower()


def shared_script(catalogue: Catalogue, locations: PagePaths) -> str:
    """Write which rules hold what more than one rule looks for, a line an indicator."""
    keys = {one.rule.id: one.key for one in catalogue.entries}
    made = {locations.anchor(one.key): [keys[holder.id] for holder in one.holders] for one in catalogue.shared}
    return _script("shared", ((name, made[name]) for name in sorted(made)))


def _script(name: str, rows: Iterable[tuple[str, Any]]) -> str:
    lines = ",\n".join(_row(rows))
    return f'watcher.take("{name}", {{\n{lines}\n}});\n'


def _row(rows: Iterable[tuple[str, Any]]) -> Iterator[str]:
    return (f"{_dump(key)}: {_dump(value)}" for key, value in rows)
