"""Versions of the mappings of a pattern: one small answer that saves reading many large ones."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.cluster.answer_shapes import decode
from watcher.cluster.engine_transport import Transport, quote_path
from watcher.cluster.mapping_shapes import ClusterState

_KEYS = ("mapping_version", "settings_version", "aliases_version", "state")

Version = Mapping[str, tuple[object, ...]]
"""Index → numbers that change with its mapping, its settings and its aliases."""


def read_version(transport: Transport, pattern: str) -> Version | None:
    """Return the versions of a pattern's indices; None where they are unknown (no privilege, other clusters)."""
    if ":" in pattern:
        return None
    params = {
        "expand_wildcards": "all",
        "ignore_unavailable": "true",
        "filter_path": ",".join(f"metadata.indices.*.{name}" for name in _KEYS),
    }
    answer = transport.request("GET", f"/_cluster/state/metadata/{quote_path(pattern)}", params=params)
    if answer.status != 200:
        return None
    indices = decode(answer, ClusterState, f"reading the versions of `{pattern}`").metadata.indices
    version = {name: tuple(entry.get(key) for key in _KEYS) for name, entry in indices.items()}
    return version if version and all(numbers[0] is not None for numbers in version.values()) else None
