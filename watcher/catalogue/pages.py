"""A catalogue → every file of its site, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from watcher.catalogue import overviews
from watcher.catalogue.attack import NOTICE
from watcher.catalogue.catalogue import Catalogue, count_by_level, counted
from watcher.catalogue.catalogue_json import rules_script, shared_script, whole, words_script
from watcher.catalogue.navigator_layers import layers
from watcher.catalogue.overviews import IndicatorRow
from watcher.catalogue.page_paths import PagePaths
from watcher.catalogue.page_renderer import asset, render
from watcher.catalogue.rule_page import rule_page
from watcher.taxonomy.logsources import ANY

File = tuple[str, str]
"""A path within the site, and the text that stands there."""

_ASSETS = ("catalogue.css", "catalogue.js", "theme.js")
_UNTESTED = 500  # rules without tests that the quality page names


def files(catalogue: Catalogue) -> Iterator[File]:
    """Give every file of the site."""
    locations = PagePaths(one.key for one in catalogue.shared)
    layer_files = tuple(layers(catalogue))
    for name in _ASSETS:
        yield f"assets/{name}", asset(name)
    yield "assets/rules.js", rules_script(catalogue)
    yield "assets/words.js", words_script(catalogue)
    yield "assets/shared.js", shared_script(catalogue, locations)
    yield "catalogue.json", whole(catalogue, locations)
    for name, text in layer_files:
        yield f"layers/{name}", text
    yield "index.html", _page("index", catalogue, "rules", **_index(catalogue))
    yield "all.html", _page("all", catalogue, "rules", sources=_by_source(catalogue))
    yield "attack.html", _page("attack", catalogue, "attack", **_attack(catalogue, [name for name, _ in layer_files]))
    yield "events.html", _page("events", catalogue, "events", **_events(catalogue))
    yield "quality.html", _page("quality", catalogue, "quality", **_quality(catalogue))
    yield from _indicators(catalogue, locations)
    for entry in catalogue.entries:
        told = rule_page(catalogue, entry, locations)
        values = {each.name: getattr(told, each.name) for each in fields(told)}
        yield entry.page, _page("rule", catalogue, "rules", root="../", **values)


def _page(name: str, catalogue: Catalogue, here: str, *, root: str = "", **values: Any) -> str:
    about = {
        "root": root,
        "here": here,
        "attack_version": catalogue.attack.version,
        "attack_as_of": catalogue.attack.as_of,
        "notice": NOTICE.partition(". This")[0],
    }
    return render(name, {**about, **values})


def _index(catalogue: Catalogue) -> Mapping[str, Any]:
    every = catalogue.entries
    tactics = {one.short: one.name for one in (*catalogue.attack.tactics, *catalogue.attack.retired.values())}
    return {
        "rules": len(every),
        "levels": count_by_level(every),
        "statuses": counted(one.rule.status or "none" for one in every),
        "tactics": tuple(
            (short, tactics.get(short, short), count)
            for short, count in counted(short for one in every for short in one.rule.tactics)
        ),
        "tactic_names": tactics,
        "log_sources": counted(str(one.rule.logsource) for one in every),
        "corpora": counted(one.corpus for one in every),
        "authors": counted(name for one in every for name in one.authors),
        "techniques": sum(1 for name in catalogue.by_technique if name in catalogue.attack.techniques),
        "tested": sum(1 for one in every if one.outcomes),
    }


def _by_source(catalogue: Catalogue) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    groups: dict[str, list[Any]] = {}
    for one in catalogue.entries:
        groups.setdefault(str(one.rule.logsource), []).append(one)
    return tuple((name, tuple(groups[name])) for name in sorted(groups))


def _attack(catalogue: Catalogue, layer_names: list[str]) -> Mapping[str, Any]:
    columns = overviews.matrix(catalogue)
    flat = {one.technique.id: one for column in columns for cell in column.cells for one in (cell, *cell.parts)}
    return {
        "columns": columns,
        "levels": overviews.LEVELS,
        "covered": sum(1 for name in flat if name in catalogue.by_technique),
        "techniques": len(flat),
        "days": catalogue.live.days if catalogue.live else None,
        "strangers": overviews.strangers(catalogue),
        "layers": layer_names,
        "untagged": sum(1 for one in catalogue.entries if not one.rule.techniques),
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
    untested = tuple(one for one in catalogue.entries if not one.outcomes)
    return {
        "rules": len(catalogue.entries),
        "codes": overviews.codes(catalogue),
        "inert": tuple(one for one in catalogue.entries if any(said.code == "inert" for said in one.findings)),
        "failing": tuple(one for one in catalogue.entries if one.failed),
        "untested": untested,
        "named": untested[:_UNTESTED],
        "days": catalogue.live.days if catalogue.live else None,
        "counting": tuple(one for one in catalogue.entries if one.rule.aggregation),
        "told": catalogue.told,
    }


def _indicators(catalogue: Catalogue, locations: PagePaths) -> Iterator[File]:
    found = overviews.indicator_rows_shared(catalogue, locations)
    uses = overviews.field_uses(catalogue, locations)
    yield (
        "indicators.html",
        _page("indicators", catalogue, "indicators", top=overviews.top(found), shared=len(found), uses=uses),
    )
    by_page: dict[str, list[IndicatorRow]] = {}
    for one in found:
        by_page.setdefault(one.page, []).append(one)
    for path in sorted(by_page):
        first = by_page[path][0].shared.key
        values = {"field": first.field, "kind": first.kind, "found": by_page[path]}
        yield path, _page("indicator", catalogue, "indicators", root="../", **values)
