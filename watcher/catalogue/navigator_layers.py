"""Layers for MITRE's ATT&CK Navigator, layer format 4.5."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from watcher.attack.attack_table import DOMAIN
from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import ListedEntry
from watcher.model import Level

_COLOURS = ("#e3f1f8", "#0b4f79")
_HIT_COLOURS = ("#fdebd8", "#a31621")
_LONGEST_NAME = 80  # characters; file systems take 255 bytes with suffixes
_MAX_NAMED = 25  # rules in a technique's comment
_VIEW: Mapping[str, Any] = {
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
}
_LEGEND: Mapping[str, Any] = {
    "legendItems": [],
    "metadata": [],
    "links": [],
    "showTacticRowBackground": False,
    "tacticRowBackground": "#dddddd",
}
_SELECTION: Mapping[str, Any] = {
    "selectTechniquesAcrossTactics": True,
    "selectSubtechniquesWithParent": False,
    "selectVisibleTechniques": False,
}


def layers(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield file name and text of each layer: all rules, each level, each corpus, and hits."""
    yield "all.json", _layer(catalogue, "All rules", catalogue.listed)
    for level in reversed(Level):
        entries = [entry for entry in catalogue.listed if entry.rule.level is level]
        if entries:
            yield f"level-{level}.json", _layer(catalogue, f"Level {level}", entries)
    taken: set[str] = set()
    for number, label in enumerate(sorted({entry.corpus for entry in catalogue.listed})):
        entries = [entry for entry in catalogue.listed if entry.corpus == label]
        name = file_name(label) or str(number)
        name = f"{name}-{number}" if name in taken else name
        taken.add(name)
        yield f"corpus-{name}.json", _layer(catalogue, f"Corpus {label}", entries)
    if catalogue.live is not None:
        yield "hits.json", _hits(catalogue, catalogue.live.hits, catalogue.live.days)


def file_name(label: str) -> str:
    """Return a file name for a label, of bounded length; a longer one ends with a digest of the label."""
    name = "-".join("".join(char if char.isascii() and char.isalnum() else " " for char in label.lower()).split())
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{sha256(label.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _layer(catalogue: Catalogue, name: str, entries: Sequence[ListedEntry]) -> str:
    ids = {entry.rule.id for entry in entries}
    techniques = []
    for technique, element in catalogue.by_technique.items():
        titles = [entry.rule.title for entry in element if entry.rule.id in ids]
        if titles and technique in catalogue.attack.techniques:
            more = f"\nand {len(titles) - _MAX_NAMED} more" if len(titles) > _MAX_NAMED else ""
            techniques.append(_technique(technique, len(titles), "\n".join(titles[:_MAX_NAMED]) + more))
    return _document(catalogue, name, "Score: number of rules with the technique.", techniques, _COLOURS)


def _hits(catalogue: Catalogue, hits: Mapping[str, int], days: int) -> str:
    techniques = []
    for technique, element in catalogue.by_technique.items():
        counts = [(hits[entry.rule.id], entry.rule.title) for entry in element if hits.get(entry.rule.id)]
        if counts and technique in catalogue.attack.techniques:
            comment = "\n".join(f"{title}: {count:,}" for count, title in sorted(counts, reverse=True)[:_MAX_NAMED])
            techniques.append(_technique(technique, sum(count for count, _ in counts), comment))
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
    most = max((int(technique["score"]) for technique in techniques), default=1)
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
                **_VIEW,
                "techniques": list(techniques),
                "gradient": {"colors": list(colours), "minValue": 1 if most > 1 else 0, "maxValue": most},
                **_LEGEND,
                **_SELECTION,
            },
            indent=1,
        )
        + "\n"
    )
