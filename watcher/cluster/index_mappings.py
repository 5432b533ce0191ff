"""How paths are mapped in the indices of a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from watcher.cluster import field_parameters as parameters
from watcher.cluster.answer_shapes import decode, malformed, shaped
from watcher.cluster.engine_transport import LINE, Answer, Transport, chunks, quote_path
from watcher.cluster.index_states import closed_indices, max_clauses
from watcher.cluster.mapping_details import (
    SourceExtras,
    SourceExtrasByIndex,
    indices_with_unindexed_fields,
    read_source_extras,
)
from watcher.cluster.mapping_shapes import (
    FieldCapability,
    FieldCaps,
    Leaf,
    MappedLeaves,
    SettingsEntry,
    as_names,
)
from watcher.cluster.searchable_pattern import SearchablePattern
from watcher.cluster.unread_mappings import may_not_inspect, unread_field_type, unread_indices
from watcher.errors import Incomplete
from watcher.ports import FieldType, IndexMapping, Server
from watcher.taxonomy.field_locations import parents

LENIENT = {"ignore_unavailable": "true", "allow_no_indices": "true"}

_NO_LEAF = Leaf()
_SHARDS = "index.number_of_shards"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Capability:
    """The capabilities of one path in one index."""

    type: str  # the family: a `wildcard` may be reported as `keyword`
    searchable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Capabilities:
    """The capabilities of paths in indices; unmapped ones are absent."""

    indices: tuple[str, ...]
    of: Mapping[str, Mapping[str, _Capability]]  # path → index → capability

    def indices_where(self, paths: Sequence[str], *types: str) -> frozenset[str]:
        """Return the indices that map any of the paths as one of the types."""
        return frozenset(
            index for path in paths for index, capability in self.of.get(path, {}).items() if capability.type in types
        )


def read_index_mapping(transport: Transport, server: Server, pattern: str, paths: Sequence[str]) -> IndexMapping:
    """Read everything that decides how a query on the paths behaves; indices that do not allow it are left out."""
    readable = SearchablePattern(transport, pattern)
    empty = IndexMapping(pattern=pattern, server=server, fields={}, closed=closed_indices(transport, pattern))
    while readable.expression:
        try:
            mapping = _read_mapping(readable, empty, tuple(dict.fromkeys(paths)))
        except Incomplete as error:
            if not readable.leave_out(error.indices):
                raise
        else:
            return replace(mapping, unreadable=readable.unsearchable)
    return replace(empty, unreadable=readable.unsearchable)


def _read_mapping(readable: SearchablePattern, empty: IndexMapping, paths: Sequence[str]) -> IndexMapping:
    above = tuple(dict.fromkeys(parent for path in paths for parent in parents(path)))
    can = _capabilities(readable, (*paths, *above))
    if not can.indices:
        return empty
    transport, pattern = readable.transport, readable.expression
    settings = _settings(transport, pattern, can.indices)
    read = tuple(index for index in can.indices if index in settings)
    leaves = _leaves(transport, pattern, tuple(path for path in paths if path in can.of), read)
    extras = read_source_extras(transport, pattern, read) if read else SourceExtrasByIndex()
    indices = _IndexDetails(leaves=leaves, settings=settings, source_extras=extras)
    can = _with_computed(can, paths, indices.source_extras)
    fields = {path: _field_types(path, can, indices) for path in paths if can.of.get(path)}
    unmapped = {index: tuple(path for path in paths if index not in can.of.get(path, {})) for index in can.indices}
    flat = {
        index: any(index in can.indices_where(parents(path), "flattened", "flat_object") for path in missing)
        for index, missing in unmapped.items()
    }
    missing = {index: unmapped[index] for index in read}
    unindexed = indices_with_unindexed_fields(transport, pattern, missing, settings)
    unread = tuple(index for index in can.indices if index not in settings)
    unindexed |= {index for index in unread if unmapped[index]}
    return replace(
        empty,
        indices=can.indices,
        fields=fields,
        unindexed=tuple(index for index in can.indices if index in unindexed or flat[index]),
        without_source=tuple(index for index in can.indices if not indices.source_extras[index].complete),
        unread=unread,
        shards={index: shaped(entry[_SHARDS], int, "reading settings") for index, entry in settings.items()},
        max_clauses=max_clauses(transport, empty.max_clauses),
    )


# --------------------------------------------------------------------------- capabilities


def _capabilities(readable: SearchablePattern, paths: Sequence[str]) -> _Capabilities:
    pattern = readable.pattern
    indices: set[str] = set()
    of: dict[str, Mapping[str, _Capability]] = {}
    # Without paths, a field that every index has is requested, for the list of indices.
    for run in chunks(paths or ("_index",), LINE - len(quote_path(pattern))):
        answer = readable.answer(partial(_field_caps, readable.transport, run))
        if answer is None:
            break
        body = decode(answer, FieldCaps, f"reading the fields of `{pattern}`")
        names = as_names(body.indices)
        indices.update(names)
        for path, types in body.fields.items():
            of[path] = dict(_per_index(types, names))
    return _Capabilities(indices=tuple(sorted(indices)), of=of)


def _field_caps(transport: Transport, paths: Sequence[str], pattern: str) -> Answer:
    params = {**LENIENT, "include_unmapped": "true", "fields": ",".join(paths)}
    return transport.request("GET", f"/{quote_path(pattern)}/_field_caps", params=params)


def _per_index(types: Mapping[str, FieldCapability], indices: Sequence[str]) -> Iterator[tuple[str, _Capability]]:
    for name, entry in types.items():
        if name == "unmapped":
            continue
        excluded = entry.non_searchable_indices
        for index in as_names(entry.indices) if entry.indices else indices:
            searchable = entry.searchable or (excluded is not None and index not in excluded)
            yield index, _Capability(type=name, searchable=searchable)


def _with_computed(can: _Capabilities, paths: Sequence[str], source_extras: SourceExtrasByIndex) -> _Capabilities:
    """Add the computed fields of OpenSearch, which its field capabilities leave out."""
    of = {path: dict(by_index) for path, by_index in can.of.items()}
    for path in paths:
        for index in can.indices:
            if path in source_extras[index].computed:
                of.setdefault(path, {}).setdefault(index, _Capability(type="derived", searchable=False))
    return replace(can, of=of)


# --------------------------------------------------------------------------- mappings


Leaves = Mapping[str, Mapping[str, Leaf]]
"""Index → path → the mapping of that one field."""


def _leaves(transport: Transport, pattern: str, paths: Sequence[str], indices: Sequence[str]) -> Leaves:
    leaves = _read_leaves(transport, pattern, paths, indices)
    targets = {
        leaf.path for fields in leaves.values() for leaf in fields.values() if leaf.type == "alias" and leaf.path
    }
    further = _read_leaves(transport, pattern, sorted(targets.difference(paths)), indices)
    return {index: {**fields, **further.get(index, {})} for index, fields in leaves.items()}


def _read_leaves(
    transport: Transport, pattern: str, paths: Sequence[str], indices: Sequence[str]
) -> dict[str, dict[str, Leaf]]:
    leaves: dict[str, dict[str, Leaf]] = {}
    doing = f"reading the mapping of `{pattern}`"
    if not indices:
        return leaves
    for run in chunks(paths, LINE - len(quote_path(pattern))):
        answer = transport.request(
            "GET", f"/{quote_path(pattern)}/_mapping/field/{quote_path(','.join(run))}", params=LENIENT
        )
        entries = decode(answer, dict[str, MappedLeaves], doing)
        _require_all(entries, indices, doing)
        for index, entry in entries.items():
            for path, field in entry.mappings.items():
                for leaf in list(field.mapping.values())[:1]:
                    leaves.setdefault(index, {})[path] = leaf
    return leaves


def _require_all(entries: Mapping[str, object], indices: Sequence[str], doing: str) -> None:
    """Raise Malformed where an index is missing in an answer that names every one."""
    missing = next((index for index in indices if index not in entries), None)
    if missing is not None:
        raise malformed(doing, f"nothing about {missing}")


def _settings(transport: Transport, pattern: str, indices: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the settings of the indices; those of which they cannot be read are left out."""
    # with the number of shards, which every index has: an index that is missing in the answer is noticed
    names = (
        "index.number_of_shards,index.mapping.*,index.mode,index.analysis.analyzer.default*,index.analysis.normalizer.*"
    )
    path = f"/{quote_path(pattern)}/_settings/{names}"
    answer = transport.request("GET", path, params={**LENIENT, "flat_settings": "true"})
    doing = f"reading the settings of `{pattern}`"
    entries = {} if may_not_inspect(answer, doing) else decode(answer, dict[str, SettingsEntry], doing)
    if any(_SHARDS not in entry.settings for entry in entries.values()):
        raise malformed(doing, f"no `{_SHARDS}`")
    unread_indices(transport, indices, entries, doing)
    return {index: entry.settings for index, entry in entries.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexDetails:
    """Mappings and settings of the indices."""

    leaves: Leaves
    settings: Mapping[str, Mapping[str, Any]]
    source_extras: SourceExtrasByIndex

    def field_type(self, index: str, path: str, can: _Capability) -> FieldType:
        """Return how one index maps a path."""
        if index not in self.settings:
            return unread_field_type(can.type, searchable=can.searchable)
        return _field_type(
            path, can, self.leaves.get(index, {}), self.settings.get(index, {}), extras=self.source_extras[index]
        )


def _field_types(path: str, can: _Capabilities, indices: _IndexDetails) -> tuple[FieldType, ...]:
    """Return the types of a path, each with the indices that map it so, the type of most indices first."""
    nested = can.indices_where(parents(path), "nested")
    alike: dict[FieldType, list[str]] = {}
    for index, capability in can.of[path].items():
        kind = indices.field_type(index, path, capability)
        if index in nested:
            # A plain clause does not search the hidden documents of a nested object.
            kind = replace(kind, searchable=False)
        alike.setdefault(kind, []).append(index)
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0].type))
    return tuple(
        replace(kind, indices=() if len(named) == len(can.indices) else tuple(sorted(named))) for kind, named in ordered
    )


def _field_type(
    path: str,
    can: _Capability,
    leaves: Mapping[str, Leaf],
    settings: Mapping[str, Any],
    *,
    extras: SourceExtras,
) -> FieldType:
    leaf = leaves.get(path, _NO_LEAF)
    points_to = leaf.path if leaf.type == "alias" else None
    real = leaves.get(points_to, _NO_LEAF) if points_to else leaf
    kind = real.type or can.type  # runtime fields and objects are no leaves
    value = real.value if kind == "constant_keyword" else None
    target = points_to or path
    return FieldType(
        type=kind,
        searchable=can.searchable,
        ignore_above=parameters.ignore_above(kind, real, settings),
        path=points_to,
        value=None if value is None else str(value),
        analyzer=parameters.analyzer(kind, real, settings),
        normalizer=parameters.normalizer(kind, real, settings),
        ignore_malformed=parameters.ignore_malformed(kind, real, settings),
        adds=real.null_value is not None or not extras.copied.isdisjoint((target, *parents(target))),
        computed=target in extras.computed,
    )
