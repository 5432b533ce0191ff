"""Layers for MITRE's ATT&CK Navigator, layer format 4.5."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watcher.catalogue.attack import DOMAIN
from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import Entry
from watcher.model import Level

_COLOURS = ("#e3f1f8", "#0b4f79")
_HIT_COLOURS = ("#fdebd8", "#a31621")
_NAMED = 25  # rules that a technique's comment names


def layers(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Give each layer's file name and text: every rule, each level, each corpus, and what was found."""
    yield "all.json", _layer(catalogue, "All rules", catalogue.entries)
    for level in reversed(Level):
        some = [one for one in catalogue.entries if one.rule.level is level]
        if some:
            yield f"level-{level}.json", _layer(catalogue, f"Level {level}", some)
    for number, label in enumerate(sorted({one.corpus for one in catalogue.entries})):
        some = [one for one in catalogue.entries if one.corpus == label]
        yield f"corpus-{file_name(label) or number}.json", _layer(catalogue, f"Corpus {label}", some)
    if catalogue.live is not None:
        yield "hits.json", _hits(catalogue, catalogue.live.hits, catalogue.live.days)


def file_name(label: str) -> str:
    """Make a file name of a label."""
    return "-".join("".join(char if char.isascii() and char.isalnum() else " " for char in label.lower()).split())


def _layer(catalogue: Catalogue, name: str, some: Sequence[Entry]) -> str:
    wanted = {one.rule.id for one in some}
    techniques = []
    for technique, found in catalogue.by_technique.items():
        here = [one.rule.title for one in found if one.rule.id in wanted]
        if here and technique in catalogue.attack.techniques:
            more = f"\nand {len(here) - _NAMED} more" if len(here) > _NAMED else ""
            techniques.append(_technique(technique, len(here), "\n".join(here[:_NAMED]) + more))
    return _document(catalogue, name, "Score: how many rules name the technique.", techniques, _COLOURS)


def _hits(catalogue: Catalogue, hits: Mapping[str, int], days: int) -> str:
    techniques = []
    for technique, found in catalogue.by_technique.items():
        here = [(hits[one.rule.id], one.rule.title) for one in found if hits.get(one.rule.id)]
        if here and technique in catalogue.attack.techniques:
            told = "\n".join(f"{title}: {count:,}" for count, title in sorted(here, reverse=True)[:_NAMED])
            techniques.append(_technique(technique, sum(count for count, _ in here), told))
    described = f"Score: hits of the last {days} days."
    return _document(catalogue, "Hits", described, techniques, _HIT_COLOURS)


def _technique(name: str, score: int, comment: str) -> dict[str, Any]:
    return {
        "techniqueID": name,
        "score": score,
        "color": "",
        "comment": comment,
        "enabled": True,
        "metadata": [],
        "links": [],
        "showSubtechniques": "." in name,
    }


def _document(
    catalogue: Catalogue,
    name: str,
    description: str,
    techniques: Sequence[Mapping[str, Any]],
    colours: tuple[str, str],
) -> str:
    most = max((int(one["score"]) for one in techniques), default=1)
    return (
        json.dumps(
            {
                "name": f"watcher: {name}",
                "versions": {
                    "attack": catalogue.attack.version.partition(".")[0],
                    "navigator": "5.1.0",
                    "layer": "4.5",
                },
                "domain": DOMAIN,
                "description": description,
                "filters": {"platforms": ["Windows"]},
                "sorting": 3,
                "layout": {
                    "layout": "side",
                    "aggregateFunction": "sum",
                    "showID": True,
                    "showName": True,
                    "showAggregateScores": True,
                    "countUnscored": False,
                    "expandedSubtechniques": "none",
                },
                "hideDisabled": False,
                "techniques": list(techniques),
                "gradient": {"colors": list(colours), "minValue": 1 if most > 1 else 0, "maxValue": most},
                "legendItems": [],
                "metadata": [],
                "links": [],
                "showTacticRowBackground": False,
                "tacticRowBackground": "#dddddd",
                "selectTechniquesAcrossTactics": True,
                "selectSubtechniquesWithParent": False,
                "selectVisibleTechniques": False,
            },
            indent=1,
        )
        + "\n"
    )
