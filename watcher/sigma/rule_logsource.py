"""Reader of `logsource` in rules and filters."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.model import LogSource
from watcher.sigma.finding_collector import FindingCollector, as_mapping, lowercase_keys
from watcher.yaml_nodes.nodes import YamlNode

_KEYS = ("product", "category", "service", "definition")
_SINGLE_VALUE = "Sigma allows a single value: write one rule for each"


def read_logsource(values: Sequence[YamlNode], collector: FindingCollector) -> LogSource:
    """Read the values of `logsource`: several mappings if the key is duplicated."""
    mappings = [lowercase_keys(as_mapping(value, "`logsource`"), _KEYS, collector) for value in values]
    for mapping in mappings:
        collector.duplicates(mapping, "`logsource`", _SINGLE_VALUE)
    values_of = [mapping.by_key() for mapping in mappings]
    parts: dict[str, tuple[str, ...]] = dict.fromkeys(_KEYS, ())
    for key in _KEYS:
        nodes = [node for by_key in values_of for node in by_key.get(key, ())]
        if not nodes:
            continue
        parts[key] = tuple([text for node in nodes for text in collector.strings(node, f"logsource.{key}")])
        if key == "product" and len(parts[key]) > 1:
            collector.report(
                "logsource-list",
                f"`product` is a list; only the first, {parts[key][0]}, is used",
                nodes[0].location,
                fix="write one rule for each",
            )
        if key in ("category", "service") and len(parts[key]) > 1:
            collector.report(
                "logsource-list",
                f"`{key}` is a list; any of {', '.join(parts[key])} matches",
                nodes[0].location,
                fix=_SINGLE_VALUE,
            )
    return LogSource(
        product=parts["product"][0].strip().lower() if parts["product"] else None,
        category=tuple([name.strip().lower() for name in parts["category"]]),
        service=tuple([name.strip().lower() for name in parts["service"]]),
        definition="\n".join(parts["definition"]) or None,
        location=mappings[0].location,
    )
