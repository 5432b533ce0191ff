"""What the mapping of an index says beyond its fields: values beside `_source`, and values that are not indexed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.cluster.answer_shapes import decode, malformed, shaped
from watcher.cluster.engine_transport import LINE, Transport, chunks, quote_path
from watcher.cluster.mapping_shapes import MappedIndex, MappingNode, MappingRoot

_ABSENT = MappingNode()
# With `@timestamp`, which nearly every index maps: an index that is missing in the answer is read without a filter.
_SOURCE_FILTER = "*.mappings.properties.@timestamp.type,*.mappings._source,*.mappings.runtime,**.derived,**.copy_to"
_DYNAMIC_FILTER = "*.mappings.properties.@timestamp.type,**.dynamic,**.enabled"

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


def read_source_extras(transport: Transport, pattern: str, indices: Sequence[str]) -> SourceExtrasByIndex:
    """Read what the indices of a pattern add beside `_source`."""
    mappings = _mappings(transport, pattern, _SOURCE_FILTER, indices)
    return SourceExtrasByIndex(of={index: _source_extras(mapping) for index, mapping in mappings.items()})


def indices_with_unindexed_fields(
    transport: Transport, pattern: str, unmapped: Mapping[str, Sequence[str]], settings: Mapping[str, Mapping[str, str]]
) -> frozenset[str]:
    """Return the indices that may keep one of their unmapped paths in `_source` without an index."""
    candidates = {index: paths for index, paths in unmapped.items() if paths}
    if not candidates:
        return frozenset()
    mappings = _mappings(transport, pattern, _DYNAMIC_FILTER, tuple(candidates))
    unindexed = {
        index for index, paths in candidates.items() if any(_keeps_unindexed(mappings[index], path) for path in paths)
    }
    lenient = [index for index in candidates if settings.get(index, {}).get(_IGNORES) == "true"]
    return frozenset(unindexed | _full(transport, lenient, settings))


def _mappings(
    transport: Transport, pattern: str, filter_path: str, indices: Sequence[str]
) -> Mapping[str, MappingRoot]:
    """Return the filtered mapping of each index; raises Malformed where one is missing in the answers."""
    params = {"ignore_unavailable": "true", "allow_no_indices": "true", "filter_path": filter_path}
    answer = transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params)
    doing = f"reading the mapping of `{pattern}`"
    entries = decode(answer, dict[str, MappedIndex], doing)
    for run in chunks([index for index in indices if index not in entries], LINE):
        entries |= _entire_mappings(transport, run)
    return {index: entry.mappings for index, entry in entries.items()}


def _entire_mappings(transport: Transport, indices: Sequence[str]) -> dict[str, MappedIndex]:
    """Return the entire mapping of each index."""
    names = ",".join(indices)
    doing = f"reading the mapping of `{names}`"
    answer = transport.request("GET", f"/{quote_path(names)}/_mapping")
    entries = decode(answer, dict[str, MappedIndex], doing)
    if missing := sorted(set(indices) - entries.keys()):
        raise malformed(doing, f"no mapping of {missing[0]}")
    return entries


# --------------------------------------------------------------------------- beside `_source`


def _source_extras(mapping: MappingRoot) -> SourceExtras:
    source = mapping.source
    return SourceExtras(
        copied=frozenset(_copied(mapping)),
        computed=frozenset(_computed(mapping, "")),
        complete=source.enabled and not source.includes and not source.excludes,
    )


def _computed(node: MappingNode, prefix: str) -> Iterator[str]:
    """Yield the computed fields; OpenSearch keeps those with dots in their names in the object of that name."""
    yield from (f"{prefix}{name}" for name in (*node.runtime, *node.derived))
    for name, child in node.properties.items():
        yield from _computed(child, f"{prefix}{name}.")


def _copied(node: MappingNode) -> Iterator[str]:
    for child in node.properties.values():
        yield from (child.copy_to,) if isinstance(child.copy_to, str) else child.copy_to
        yield from _copied(child)


# --------------------------------------------------------------------------- not indexed


def _keeps_unindexed(mapping: MappingNode, path: str) -> bool:
    """Whether a field at the path would be kept without being mapped: the innermost object decides."""
    dynamic, node = _flag(mapping.dynamic, "true"), mapping
    if _flag(mapping.enabled, "true") == "false":
        return True
    for name in path.split(".")[:-1]:
        node = node.properties.get(name, _ABSENT)
        dynamic = _flag(node.dynamic, dynamic)
        if _flag(node.enabled, "true") == "false":
            return True
    return dynamic in _UNINDEXED


def _flag(value: Any, default: str) -> str:
    return default if value is None or isinstance(value, Mapping) else str(value).lower()


def _full(transport: Transport, indices: Sequence[str], settings: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the indices whose mapping has no room left and that silently ignore what does not fit."""
    full: set[str] = set()
    for run in chunks(indices, LINE):
        for index, entry in _entire_mappings(transport, run).items():
            limit = shaped(settings[index].get(_LIMIT, _DEFAULT_LIMIT), int, f"reading the settings of `{index}`")
            if _count(entry.mappings) + _MARGIN > limit:
                full.add(index)
    return full


def _count(node: MappingNode) -> int:
    """Return the number of fields, objects and multi-fields below a node."""
    below = [*node.properties.values(), *node.fields.values()]
    return len(node.runtime) + sum(1 + _count(child) for child in below)
