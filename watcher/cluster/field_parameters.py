"""The parameters of a mapped field: its own, else those of the index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.cluster.answer_shapes import shaped
from watcher.cluster.mapping_shapes import Leaf

_LIMITED = frozenset({"keyword", "wildcard", "flattened"})  # types that know `ignore_above`
_LOGSDB_IGNORE_ABOVE = 8191
_ANALYSED = frozenset({"text", "match_only_text"})


def ignore_malformed(kind: str, leaf: Leaf, settings: Mapping[str, Any]) -> bool:
    """Return whether a value of another type is kept in the document alone."""
    ignores = leaf.ignore_malformed
    if ignores is None:
        ignores = settings.get("index.mapping.ignore_malformed", False)
    return kind not in (*_LIMITED, *_ANALYSED, "constant_keyword") and str(ignores).lower() == "true"


def normalizer(kind: str, leaf: Leaf, settings: Mapping[str, Any]) -> str | None:
    """Return the normalizer of a keyword; one that only lowers case is `lowercase`, whatever its name."""
    name = leaf.normalizer
    if kind != "keyword" or name is None:
        return None
    own = f"index.analysis.normalizer.{name}."
    defined = {key.removeprefix(own): value for key, value in settings.items() if key.startswith(own)}
    filters = defined.get("filter", ())
    plain = set(defined) <= {"type", "filter"} and filters in ("lowercase", ["lowercase"])
    return "lowercase" if plain else name if defined or name != "lowercase" else "lowercase"


def analyzer(kind: str, leaf: Leaf, settings: Mapping[str, Any]) -> str | None:
    """Return the analyzer of a text field where it, or its search analyzer, is not the standard one."""
    if kind not in _ANALYSED:
        return None
    for name in (leaf.analyzer, leaf.search_analyzer):
        if name not in (None, "standard"):
            return name
    changed = next((name for name in settings if name.startswith("index.analysis.analyzer.default")), None)
    return None if changed is None or leaf.analyzer is not None else "default"


def ignore_above(kind: str, leaf: Leaf, settings: Mapping[str, Any]) -> int | None:
    """Return the length of a value beyond which the index leaves it out; None where it leaves out none."""
    if kind not in _LIMITED:
        return None
    default = _LOGSDB_IGNORE_ABOVE if settings.get("index.mode") == "logsdb" else None
    if leaf.ignore_above is not None:
        return leaf.ignore_above
    limit = settings.get("index.mapping.ignore_above", default)
    return None if limit is None else shaped(limit, int, "reading the setting `index.mapping.ignore_above`")
