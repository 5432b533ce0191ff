"""The files of the catalogue site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from markupsafe import Markup

from watcher.attack.attack_table import NOTICE
from watcher.catalogue import overviews
from watcher.catalogue.catalogue import Catalogue, count_by_level, counted
from watcher.catalogue.catalogue_json import catalogue_json, rules_script, shared_script, words_script
from watcher.catalogue.navigator_layers import layers
from watcher.catalogue.overviews import IndicatorRow
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.page_renderer import asset, render
from watcher.catalogue.rule_page import counting_links, indicator_rows, rule_page, source_of, tactics, techniques
from watcher.taxonomy.logsources import ANY

File = tuple[str, str]
"""A path within the site and its text."""

_ASSETS = ("catalogue.css", "catalogue.js", "theme.js")
_UNTESTED = 500  # rules without tests on the quality page


def files(catalogue: Catalogue) -> Iterator[File]:
    """Yield every file of the site."""
    locations = PagePaths(item.key for item in catalogue.shared)
    layer_files = tuple(layers(catalogue))
    for name in _ASSETS:
        yield f"assets/{name}", asset(name)
    yield "assets/rules.js", rules_script(catalogue)
    yield "assets/words.js", words_script(catalogue)
    yield "assets/shared.js", shared_script(catalogue, locations)
    yield "catalogue.json", catalogue_json(catalogue, locations)
    for name, text in layer_files:
        yield f"layers/{name}", text
    yield "index.html", _page("index", catalogue, "rules", **_index(catalogue))
    yield "all.html", _page("all", catalogue, "rules", sources=_by_source(catalogue))
    yield "attack.html", _page("attack", catalogue, "attack", **_attack(catalogue, [name for name, _ in layer_files]))
    yield "events.html", _page("events", catalogue, "events", **_events(catalogue))
    yield "quality.html", _page("quality", catalogue, "quality", **_quality(catalogue))
    yield from _indicators(catalogue, locations)
    for entry in catalogue.entries:
        page = rule_page(catalogue, entry, locations)
        values = {field.name: getattr(page, field.name) for field in fields(page)}
        yield entry.page, _page("rule", catalogue, "rules", root="../", **values)
    yield from _correlation_pages(catalogue, locations)


def _correlation_pages(catalogue: Catalogue, locations: PagePaths) -> Iterator[File]:
    for entry in catalogue.correlations:
        values = {
            "entry": entry,
            "picture": Markup(entry.picture),  # noqa: S704 - made of our own elements, and its texts are escaped
            "days": catalogue.live.days if catalogue.live else None,
            "hits": catalogue.live.hits.get(entry.rule.id, 0) if catalogue.live else None,
            "tactics": tactics(catalogue, entry),
            "techniques": techniques(catalogue, entry),
            "body": source_of(entry),
            "rows": tuple(indicator_rows(catalogue, entry, locations)),
            "correlations": counting_links(catalogue, entry),
        }
        yield entry.page, _page("correlation", catalogue, "rules", root="../", **values)


def _page(name: str, catalogue: Catalogue, here: str, *, root: str = "", **values: Any) -> str:
    common = {
        "root": root,
        "here": here,
        "attack_version": catalogue.attack.version,
        "attack_as_of": catalogue.attack.as_of,
        "notice": NOTICE.partition(". This")[0],
    }
    return render(name, {**common, **values})


def _index(catalogue: Catalogue) -> Mapping[str, Any]:
    entries = catalogue.listed
    names = {tactic.short: tactic.name for tactic in (*catalogue.attack.tactics, *catalogue.attack.retired.values())}
    return {
        "rules": len(entries),
        "levels": count_by_level(entries),
        "statuses": counted(entry.rule.status or "none" for entry in entries),
        "tactics": tuple(
            (short, names.get(short, short), count)
            for short, count in counted(short for entry in entries for short in entry.rule.tactics)
        ),
        "tactic_names": names,
        "log_sources": counted(entry.source_name for entry in entries),
        "corpora": counted(entry.corpus for entry in entries),
        "authors": counted(name for entry in entries for name in entry.authors),
        "techniques": sum(1 for name in catalogue.by_technique if name in catalogue.attack.techniques),
        "tested": sum(1 for entry in catalogue.entries if entry.test_results),
    }


def _by_source(catalogue: Catalogue) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    groups: dict[str, list[Any]] = {}
    for entry in catalogue.listed:
        groups.setdefault(entry.source_name, []).append(entry)
    return tuple((name, tuple(groups[name])) for name in sorted(groups))


def _attack(catalogue: Catalogue, layer_names: list[str]) -> Mapping[str, Any]:
    columns = overviews.matrix(catalogue)
    flat = {item.technique.id: item for column in columns for cell in column.cells for item in (cell, *cell.parts)}
    return {
        "columns": columns,
        "levels": overviews.LEVELS,
        "covered": sum(1 for name in flat if name in catalogue.by_technique),
        "techniques": len(flat),
        "days": catalogue.live.days if catalogue.live else None,
        "unknown_techniques": overviews.unknown_techniques(catalogue),
        "layers": layer_names,
        "untagged": sum(1 for entry in catalogue.listed if not entry.rule.techniques),
    }


def _events(catalogue: Catalogue) -> Mapping[str, Any]:
    return {
        "sources": overviews.log_sources(catalogue),
        "kinds": overviews.event_kinds(catalogue),
        "levels": overviews.LEVELS,
        "days": catalogue.live.days if catalogue.live else None,
        "problems": catalogue.live.problems if catalogue.live else (),
        "any": ANY,
    }


def _quality(catalogue: Catalogue) -> Mapping[str, Any]:
    untested = tuple(entry for entry in catalogue.entries if not entry.test_results)
    return {
        "rules": len(catalogue.entries),
        "codes": overviews.codes(catalogue),
        "inert": tuple(
            entry for entry in catalogue.entries if any(finding.code == "inert" for finding in entry.findings)
        ),
        "failing": tuple(entry for entry in catalogue.entries if entry.failed),
        "untested": untested,
        "named": untested[:_UNTESTED],
        "days": catalogue.live.days if catalogue.live else None,
        "counting": tuple(entry for entry in catalogue.entries if entry.rule.aggregation),
        "relative_paths": catalogue.relative_paths,
    }


def _indicators(catalogue: Catalogue, locations: PagePaths) -> Iterator[File]:
    rows = overviews.shared_indicator_rows(catalogue, locations)
    uses = overviews.field_uses(catalogue, locations)
    yield (
        "indicators.html",
        _page("indicators", catalogue, "indicators", top=overviews.top(rows), shared=len(rows), uses=uses),
    )
    by_page: dict[str, list[IndicatorRow]] = {}
    for row in rows:
        by_page.setdefault(row.page, []).append(row)
    for path in sorted(by_page):
        first = by_page[path][0].shared.key
        values = {"field": first.field, "kind": first.kind, "rows": by_page[path]}
        yield path, _page("indicator", catalogue, "indicators", root="../", **values)
