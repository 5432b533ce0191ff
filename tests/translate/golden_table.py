"""The golden table of translation: how one detection item on one mapping becomes an upper and a lower bound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from watcher.model import Rule
from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.taxonomy.logsources import EventClass, LogSourceEvents
from watcher.translate.bounds import EVERYTHING, NOTHING, Bounds
from watcher.translate.field_resolver import FieldResolver
from watcher.translate.log_source_clauses import LogSourceClauses
from watcher.translate.query_builder import QueryBuilder

PAGE = Path(__file__).parents[2] / "docs" / "translation.md"
TABLE = Path(__file__).parent / "golden" / "translation.yml"
SERVERS = {"elasticsearch": "8.19.0", "opensearch": "3.6.0"}

_SOURCE = Source(fields={"f": ("f",)})  # the Sigma field `f` is the index field `f`
_EVENTS = LogSourceEvents(event_classes=(EventClass(channel="System"),))
_NAMES: Mapping[str, Mapping[str, Any]] = {"everything": EVERYTHING, "nothing": NOTHING}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRow:
    """A mapping, a detection item, and the bounds that they have."""

    section: str
    mapping: Any  # of `f`: a type, a mapping with its parameters, a list of them, or paths with their mappings
    item: Any  # as in a rule
    engine: str | None  # None: both
    upper: Mapping[str, Any]
    lower: Mapping[str, Any]
    why: str

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines that the row holds for."""
        return (self.engine,) if self.engine else tuple(SERVERS)

    def bounds(self, engine: str) -> Bounds:
        """Return the bounds that the code builds."""
        resolver = FieldResolver(_SOURCE, index_mapping(self.mapping, engine))
        return QueryBuilder(LogSourceClauses(resolver), _EVENTS).bounds(rule(self.item).node)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSection:
    """Rows of related mappings."""

    title: str
    note: str
    rows: tuple[GoldenRow, ...]


def rule(item: Any) -> Rule:
    """Return a rule with one detection item."""
    document = {
        "title": "Golden",
        "logsource": {"product": "windows", "service": "system"},
        "detection": {"selection": item, "condition": "selection"},
    }
    rules, findings = read_file(json.dumps(document), file="golden.yml", origin=RuleOrigin(folder="f", path="golden"))
    assert rules, findings
    return rules[0]


def index_mapping(mapping: Any, engine: str) -> IndexMapping:
    """Return the mapping of a row for an engine."""
    by_path = mapping if isinstance(mapping, Mapping) and "type" not in mapping else {"f": mapping}
    unindexed = tuple(by_path.get("_unindexed", ()))
    return IndexMapping(
        pattern="*",
        server=Server(engine=engine, version=SERVERS[engine]),
        indices=("a", "b"),
        fields={path: _types(entry) for path, entry in by_path.items() if path != "_unindexed"},
        unindexed=unindexed,
    )


def _types(entry: Any) -> tuple[FieldType, ...]:
    entries: Sequence[Any] = entry if isinstance(entry, list) else [entry]
    parameters = ({"type": each} if isinstance(each, str) else each for each in entries)
    return tuple(FieldType(**{**each, "indices": tuple(each.get("indices", ()))}) for each in parameters)


def sections() -> Iterator[GoldenSection]:
    """Yield the sections of the table."""
    for entry in yaml.safe_load(TABLE.read_text("utf-8")):
        rows = tuple(_row(entry["section"], row) for row in entry["rows"])
        yield GoldenSection(title=entry["section"], note=entry["note"], rows=rows)


def _row(section: str, row: Mapping[str, Any]) -> GoldenRow:
    upper, lower = (row["exact"], row["exact"]) if "exact" in row else (row["upper"], row["lower"])
    return GoldenRow(
        section=section,
        mapping=row["mapping"],
        item=row["item"],
        engine=row.get("engine"),
        upper=_NAMES.get(upper, upper) if isinstance(upper, str) else upper,
        lower=_NAMES.get(lower, lower) if isinstance(lower, str) else lower,
        why=row["why"],
    )


# --------------------------------------------------------------------------- as a page

_HEAD = """\
# Translation: mapping and value → query

This page is generated from `tests/translate/golden/translation.yml`, which the tests compare with the code.
`python tests/translate/golden_table.py` writes it again.

A rule becomes a query by the live mapping of each field. Every condition has two bounds:

- the **upper bound** returns every event that matches, and perhaps others: it is what the cluster is asked for;
- the **lower bound** returns only events that match: under `not` it is what is excluded.

Where both are equal, the clause is *exact*. Otherwise the predicate decides on each returned event in memory.

In the tables the Sigma field `f` is the index field `f`. `everything` and `nothing` stand for `match_all` and
`match_none`; `or`, `and` and `not` for a `bool` query; `/i` for `case_insensitive`. Unless a row names an engine, it
holds for Elasticsearch and OpenSearch.
"""


def page() -> str:
    """Return the table as a page of the documentation."""
    lines = [_HEAD]
    for section in sections():
        lines.extend((f"## {section.title}", "", *((section.note, "") if section.note else ())))
        lines.extend(("| mapping | rule | upper bound | lower bound | why |", "|---|---|---|---|---|"))
        lines.extend(_line(row) for row in section.rows)
        lines.append("")
    return "\n".join(lines)


def _line(row: GoldenRow) -> str:
    exact = row.upper == row.lower
    cells = (
        _mapping(row.mapping) + (f" ({row.engine})" if row.engine else ""),
        _code(_item(row.item)),
        _code(describe(row.upper)),
        "exact" if exact else _code(describe(row.lower)),
        row.why,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`"


def _item(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False) if isinstance(item, list) else yaml_line(item)


def yaml_line(item: Mapping[str, Any]) -> str:
    """Return a detection item on one line."""
    ((key, value),) = item.items()
    return f"{key}: {value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)}"


def _mapping(mapping: Any) -> str:
    if mapping == {}:
        return "unmapped"
    text = mapping if isinstance(mapping, str) else json.dumps(mapping, ensure_ascii=False).replace('"', "")
    return _code(text)


def describe(query: Mapping[str, Any]) -> str:
    """Return a query in a short notation."""
    for name, named in _NAMES.items():
        if query == named:
            return name
    ((kind, body),) = query.items()
    if kind == "bool":
        return _describe_bool(body)
    if kind == "exists":
        return f"exists {body['field']}"
    ((path, argument),) = body.items()
    if isinstance(argument, list):
        return f"{path} in {json.dumps(argument)}"
    value = argument.get("value", argument) if isinstance(argument, Mapping) else argument
    folded = "/i" if isinstance(argument, Mapping) and argument.get("case_insensitive") else ""
    return f"{kind}{folded} {path} {json.dumps(value, ensure_ascii=False)}"


def _describe_bool(body: Mapping[str, Any]) -> str:
    if "must_not" in body:
        return f"not ({describe(body['must_not'][0])})"
    word, clauses = (" and ", body["filter"]) if "filter" in body else (" or ", body["should"])
    return word.join(f"({describe(clause)})" if "bool" in clause else describe(clause) for clause in clauses)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
