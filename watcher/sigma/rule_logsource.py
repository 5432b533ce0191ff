"""The `logsource` of a rule or a filter → LogSource."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.model import LogSource
from watcher.sigma.finding_collector import FindingCollector, as_map, in_lower_case
from watcher.yaml_nodes.nodes import YamlNode

_KEYS = ("product", "category", "service", "definition")


def read_logsource(found: Sequence[YamlNode], notes: FindingCollector) -> LogSource:
    """Read what stands under `logsource`, more than one map where the key stands twice."""
    maps = [in_lower_case(as_map(value, "`logsource`"), _KEYS, notes) for value in found]
    for one in maps:
        notes.duplicates(one, "`logsource`", "Sigma knows one value: write one rule for each")
    parts: dict[str, tuple[str, ...]] = {}
    for key in _KEYS:
        values = [value for one in maps for value in one.all(key)]
        parts[key] = tuple(text for value in values for text in notes.texts(value, f"logsource.{key}"))
        if key == "product" and len(parts[key]) > 1:
            notes.say(
                "logsource-list",
                f"`product` is a list; the first, {parts[key][0]}, is meant",
                values[0].location,
                fix="write one rule for each",
            )
        if key in ("category", "service") and len(parts[key]) > 1:
            notes.say(
                "logsource-list",
                f"`{key}` is a list; any of {', '.join(parts[key])} is meant",
                values[0].location,
                fix="Sigma knows one value: write one rule for each",
            )
    return LogSource(
        product=parts["product"][0].strip().lower() if parts["product"] else None,
        category=tuple(one.strip().lower() for one in parts["category"]),
        service=tuple(one.strip().lower() for one in parts["service"]),
        definition="\n".join(parts["definition"]) or None,
        location=maps[0].location,
    )
