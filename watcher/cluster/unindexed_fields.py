"""Which indices hide values: a field that they do not map may still stand in `_source`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watcher.cluster.cluster_faults import accept
from watcher.cluster.transport import LINE, Transport, chunks, quote_path

# What `dynamic` says where a new field is kept in `_source` without an index of its own.
_SILENT = frozenset({"false", "runtime", "false_allow_templates"})

_IGNORES = "index.mapping.total_fields.ignore_dynamic_beyond_limit"
_LIMIT = "index.mapping.total_fields.limit"

# One string in two new objects maps as four fields: this near to the limit, some no longer fit.
_NEAR = 10


def hiding(
    transport: Transport, pattern: str, missing: Mapping[str, Sequence[str]], settings: Mapping[str, Mapping[str, str]]
) -> frozenset[str]:
    """Name the indices that may hide one of the paths that they do not map."""
    lacking = {index: paths for index, paths in missing.items() if paths}
    if not lacking:
        return frozenset()
    params = {"ignore_unavailable": "true", "allow_no_indices": "true", "filter_path": "**.dynamic,**.enabled"}
    body = accept(
        transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params),
        f"reading the mapping of `{pattern}`",
    ).body
    hidden = {
        index
        for index, paths in lacking.items()
        if any(_silent(body.get(index, {}).get("mappings", {}), path) for path in paths)
    }
    tolerant = [index for index in lacking if settings.get(index, {}).get(_IGNORES) == "true"]
    return frozenset(hidden | _full(transport, tolerant, settings))


def _silent(mapping: Mapping[str, Any], path: str) -> bool:
    """Tell whether a field at the path would be kept without being mapped: the innermost object decides."""
    dynamic, node = _flag(mapping, "dynamic", "true"), mapping
    if _flag(mapping, "enabled", "true") == "false":
        return True
    for name in path.split(".")[:-1]:
        node = (node.get("properties") or {}).get(name) or {}
        dynamic = _flag(node, "dynamic", dynamic)
        if _flag(node, "enabled", "true") == "false":
            return True
    return dynamic in _SILENT


def _flag(node: Mapping[str, Any], name: str, default: str) -> str:
    told = node.get(name, default)
    return default if isinstance(told, Mapping) else str(told).lower()


def _full(transport: Transport, indices: Sequence[str], settings: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Name the indices whose mapping has no room left and that drop what does not fit without a word."""
    full: set[str] = set()
    for run in chunks(indices, LINE):
        names = ",".join(run)
        body = accept(
            transport.request("GET", f"/{quote_path(names)}/_mapping"), f"reading the mapping of `{names}`"
        ).body
        for index, about in body.items():
            limit = int(settings[index].get(_LIMIT, 1000))
            if _count(about.get("mappings", {})) + _NEAR > limit:
                full.add(index)
    return full


def _count(node: Mapping[str, Any]) -> int:
    """Count fields, objects and multi-fields below a node."""
    below = [*node.get("properties", {}).values(), *node.get("fields", {}).values()]
    return len(node.get("runtime", {})) + sum(1 + _count(child) for child in below)
