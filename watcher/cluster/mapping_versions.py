"""Versions of the mappings of a pattern: one small answer that saves reading many large ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from watcher.cluster.answer_shapes import decode
from watcher.cluster.engine_transport import Transport, quote_path
from watcher.cluster.mapping_shapes import ClusterState
from watcher.ports import Incarnation

_UUID = ("settings", "index", "uuid")
_STATE = ("state",)
_KEYS = (("mapping_version",), ("settings_version",), ("aliases_version",), _STATE, _UUID, ("primary_terms",))
_BACKING = ".ds-"  # of data streams; other names with a dot are the cluster's own

Version = Mapping[str, tuple[object, ...]]
"""Index → numbers that change with its mapping, its settings and its aliases."""


def read_version(transport: Transport, pattern: str) -> Version | None:
    """Return the versions of a pattern's indices; None where they are unknown (no privilege, other clusters)."""
    if ":" in pattern:
        return None
    params = {
        "expand_wildcards": "open,closed",  # hidden indices are only searched by name
        "ignore_unavailable": "true",
        "filter_path": ",".join(f"metadata.indices.*.{name}" for name in map(".".join, _KEYS)),
    }
    answer = transport.request("GET", f"/_cluster/state/metadata/{quote_path(pattern)}", params=params)
    if answer.status != 200:
        return None
    indices = decode(answer, ClusterState, f"reading the versions of `{pattern}`").metadata.indices
    version = {name: tuple(_value(entry, key) for key in _KEYS) for name, entry in indices.items()}
    return version if version and all(numbers[0] is not None for numbers in version.values()) else None


def listed_shards(version: Version | None) -> Mapping[str, int]:
    """Return the number of shards of each open index of a pattern, also of those that the user may not read."""
    shards = {
        name: entry[-1]
        for name, entry in (version or {}).items()
        if entry[_KEYS.index(_STATE)] == "open" and (name[:1] != "." or name.startswith(_BACKING))
    }
    return {name: len(terms) for name, terms in shards.items() if _is_by_shard(terms)}


def incarnations(version: Version | None) -> Mapping[str, Incarnation]:
    """Return the incarnations of indices; those of which one is unknown are left out."""
    numbers = {name: entry[_KEYS.index(_UUID) :] for name, entry in (version or {}).items()}
    return {
        name: Incarnation(uuid=uuid, primary_terms=tuple(terms[shard] for shard in sorted(terms)))
        for name, (uuid, terms) in numbers.items()
        if isinstance(uuid, str) and uuid and _is_by_shard(terms)
    }


def _is_by_shard(terms: object) -> TypeGuard[Mapping[str, int]]:
    """Whether an answer holds the primary term of each shard; any other answer says nothing."""
    return isinstance(terms, Mapping) and all(
        isinstance(shard, str) and shard.isdecimal() and isinstance(term, int) for shard, term in terms.items()
    )


def _value(entry: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: Any = entry
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
