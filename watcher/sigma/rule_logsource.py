"""Reader of `logsource` in rules and filters."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from watcher.model import Location, LogSource
from watcher.sigma.finding_collector import FindingCollector, as_mapping, lowercase_keys
from watcher.yaml_nodes.nodes import YamlNode

_KEYS = ("product", "category", "service", "definition")
_SINGLE_VALUE = "Sigma allows a single value: write one rule for each"


def read_logsource(values: Sequence[YamlNode], collector: FindingCollector) -> LogSource:
    """Read the values of `logsource`: several mappings if the key is duplicated."""
    mappings = [lowercase_keys(as_mapping(value, "`logsource`"), _KEYS, collector) for value in values]
    for mapping in mappings:
        collector.duplicates(mapping, "`logsource`", _SINGLE_VALUE)
    nodes_by_key = structs.replace(
        mappings[0], entries=tuple([entry for mapping in mappings for entry in mapping.entries])
    ).by_key()
    parts: dict[str, tuple[str, ...]] = dict.fromkeys(_KEYS, ())
    for key in _KEYS:
        if key not in nodes_by_key:
            continue
        nodes = nodes_by_key[key]
        parts[key] = tuple([text for node in nodes for text in collector.strings(node, f"logsource.{key}")])
        if len(parts[key]) > 1:
            _report_list(key, parts[key], nodes[0].location, collector)
    return LogSource(
        product=parts["product"][0].strip().lower() if parts["product"] else None,
        category=tuple([name.strip().lower() for name in parts["category"]]),
        service=tuple([name.strip().lower() for name in parts["service"]]),
        definition="\n".join(parts["definition"]) or None,
        location=mappings[0].location,
    )


def _report_list(key: str, texts: Sequence[str], location: Location, collector: FindingCollector) -> None:
    if key == "product":
        message, fix = f"`product` is a list; only the first, {texts[0]}, is used", "write one rule for each"
    elif key in ("category", "service"):
        message, fix = f"`{key}` is a list; any of {', '.join(texts)} matches", _SINGLE_VALUE
    else:
        return
    collector.report("logsource-list", message, location, fix=fix)
