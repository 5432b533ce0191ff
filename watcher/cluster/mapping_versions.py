"""Whether the indices of a pattern are mapped as they were: one small answer in the place of many large ones."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.cluster.transport import Transport, quote_path

_TOLD = ("mapping_version", "settings_version", "aliases_version", "state")

Version = Mapping[str, tuple[object, ...]]
"""Index → what changes whenever its mapping, its settings or its aliases do."""


def read_version(transport: Transport, pattern: str) -> Version | None:
    """Read the versions of a pattern's indices; None where they cannot be told (no privilege, other clusters)."""
    if ":" in pattern:
        return None
    params = {
        "expand_wildcards": "all",
        "ignore_unavailable": "true",
        "filter_path": ",".join(f"metadata.indices.*.{name}" for name in _TOLD),
    }
    answer = transport.request("GET", f"/_cluster/state/metadata/{quote_path(pattern)}", params=params)
    if answer.status != 200 or not isinstance(answer.body, dict):
        return None
    indices = answer.body.get("metadata", {}).get("indices", {})
    version = {name: tuple(told.get(one) for one in _TOLD) for name, told in indices.items()}
    return version if version and all(told[0] is not None for told in version.values()) else None
