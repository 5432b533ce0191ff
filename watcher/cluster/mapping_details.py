"""What the mapping of an index says beyond its fields: values beside `_source`, and values that are not indexed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.cluster.cluster_faults import accept
from watcher.cluster.engine_transport import LINE, Transport, chunks, quote_path

_COMPUTED = ("runtime", "derived")  # as Elasticsearch and OpenSearch call it
_SOURCE_FILTER = "*.mappings._source,*.mappings.runtime,**.derived,**.copy_to"
_DYNAMIC_FILTER = "**.dynamic,**.enabled"

_UNINDEXED = frozenset({"false", "runtime", "false_allow_templates"})
"""Values of `dynamic` with which a new field is kept in `_source` but not indexed."""

_IGNORES = "index.mapping.total_fields.ignore_dynamic_beyond_limit"
_LIMIT = "index.mapping.total_fields.limit"
_DEFAULT_LIMIT = 1000
_MARGIN = 10  # one string in two new objects maps as four fields: this close to the limit, some no longer fit


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExtras:
    """Values that the mapping of one index adds beside `_source`."""

    copied: frozenset[str] = frozenset()  # paths that other fields are copied to
    computed: frozenset[str] = frozenset()  # paths whose values are computed by each search
    complete: bool = True  # `_source` is kept, and nothing is left out of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExtrasByIndex:
    """The same for every index of a pattern."""

    of: Mapping[str, SourceExtras] = field(default_factory=dict)

    def __getitem__(self, index: str) -> SourceExtras:
        return self.of.get(index, SourceExtras())


def read_source_extras(transport: Transport, pattern: str) -> SourceExtrasByIndex:
    """Read what the indices of a pattern add beside `_source`."""
    mappings = _mappings(transport, pattern, _SOURCE_FILTER)
    return SourceExtrasByIndex(of={index: _source_extras(mapping) for index, mapping in mappings.items()})


def indices_with_unindexed_fields(
    transport: Transport, pattern: str, unmapped: Mapping[str, Sequence[str]], settings: Mapping[str, Mapping[str, str]]
) -> frozenset[str]:
    """Return the indices that may keep one of their unmapped paths in `_source` without an index."""
    candidates = {index: paths for index, paths in unmapped.items() if paths}
    if not candidates:
        return frozenset()
    mappings = _mappings(transport, pattern, _DYNAMIC_FILTER)
    unindexed = {
        index
        for index, paths in candidates.items()
        if any(_keeps_unindexed(mappings.get(index, {}), path) for path in paths)
    }
    lenient = [index for index in candidates if settings.get(index, {}).get(_IGNORES) == "true"]
    return frozenset(unindexed | _full(transport, lenient, settings))


def _mappings(transport: Transport, pattern: str, filter_path: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the filtered mapping of each index."""
    params = {"ignore_unavailable": "true", "allow_no_indices": "true", "filter_path": filter_path}
    answer = transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params)
    body = accept(answer, f"reading the mapping of `{pattern}`").body
    return {index: entry.get("mappings") or {} for index, entry in body.items()}


# --------------------------------------------------------------------------- beside `_source`


def _source_extras(mapping: Mapping[str, Any]) -> SourceExtras:
    source = mapping.get("_source") or {}
    is_kept = str(source.get("enabled", True)).lower() != "false"
    return SourceExtras(
        copied=frozenset(_copied(mapping)),
        computed=frozenset(_computed(mapping, "")),
        complete=is_kept and not source.get("includes") and not source.get("excludes"),
    )


def _computed(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the computed fields; OpenSearch keeps those with dots in their names in the object of that name."""
    for kind in _COMPUTED:
        yield from (f"{prefix}{name}" for name in node.get(kind) or {})
    for name, child in (node.get("properties") or {}).items():
        yield from _computed(child, f"{prefix}{name}.")


def _copied(node: Mapping[str, Any]) -> Iterator[str]:
    for child in (node.get("properties") or {}).values():
        targets = child.get("copy_to") or ()
        yield from (targets,) if isinstance(targets, str) else targets
        yield from _copied(child)


# --------------------------------------------------------------------------- not indexed


def _keeps_unindexed(mapping: Mapping[str, Any], path: str) -> bool:
    """Whether a field at the path would be kept without being mapped: the innermost object decides."""
    dynamic, node = _flag(mapping, "dynamic", "true"), mapping
    if _flag(mapping, "enabled", "true") == "false":
        return True
    for name in path.split(".")[:-1]:
        node = (node.get("properties") or {}).get(name) or {}
        dynamic = _flag(node, "dynamic", dynamic)
        if _flag(node, "enabled", "true") == "false":
            return True
    return dynamic in _UNINDEXED


def _flag(node: Mapping[str, Any], name: str, default: str) -> str:
    value = node.get(name, default)
    return default if isinstance(value, Mapping) else str(value).lower()


def _full(transport: Transport, indices: Sequence[str], settings: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the indices whose mapping has no room left and that silently ignore what does not fit."""
    full: set[str] = set()
    for run in chunks(indices, LINE):
        names = ",".join(run)
        answer = transport.request("GET", f"/{quote_path(names)}/_mapping")
        for index, entry in accept(answer, f"reading the mapping of `{names}`").body.items():
            limit = int(settings[index].get(_LIMIT, _DEFAULT_LIMIT))
            if _count(entry.get("mappings", {})) + _MARGIN > limit:
                full.add(index)
    return full


def _count(node: Mapping[str, Any]) -> int:
    """Return the number of fields, objects and multi-fields below a node."""
    below = [*node.get("properties", {}).values(), *node.get("fields", {}).values()]
    return len(node.get("runtime", {})) + sum(1 + _count(child) for child in below)
