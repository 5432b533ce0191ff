"""The indices that a pattern stands for, and limits of the cluster."""

from __future__ import annotations

from watcher.cluster.answer_shapes import decode, shaped
from watcher.cluster.engine_transport import LINE, Transport, chunks, quote_path
from watcher.cluster.mapping_shapes import ClusterSettings, Resolved, as_names

_MAX_CLAUSES = "indices.query.bool.max_clause_count"


def closed_indices(transport: Transport, pattern: str) -> tuple[str, ...]:
    """Return the closed indices, also behind aliases and data streams; none where the user may not list them."""
    states, inner = _resolve(transport, pattern)
    for run in chunks(sorted(inner.difference(states)), LINE):
        states |= _resolve(transport, ",".join(run))[0]
    return tuple(sorted(index for index, closed in states.items() if closed))


def open_indices(transport: Transport, pattern: str) -> tuple[str, ...] | None:
    """Return the open indices, also behind aliases and data streams; None where the user may not list them."""
    states, inner = _resolve(transport, pattern)
    for run in chunks(sorted(inner.difference(states)), LINE):
        states |= _resolve(transport, ",".join(run))[0]
    return tuple(sorted(index for index, closed in states.items() if not closed)) or None


def _resolve(transport: Transport, names: str) -> tuple[dict[str, bool], set[str]]:
    answer = transport.request("GET", f"/_resolve/index/{quote_path(names)}", params={"expand_wildcards": "all"})
    if answer.status in {400, 403, 404, 405}:
        return {}, set()
    body = decode(answer, Resolved, f"listing `{names}`")
    inner = {index for alias in body.aliases for index in as_names(alias.indices)}
    inner |= {index for stream in body.data_streams for index in as_names(stream.backing_indices)}
    return {index.name: "closed" in index.attributes for index in body.indices}, inner


def max_clauses(transport: Transport, default: int) -> int:
    """Return how many clauses a query may have; the default where the user may not read it."""
    params = {"include_defaults": "true", "flat_settings": "true", "filter_path": "*.*max_clause_count"}
    answer = transport.request("GET", "/_cluster/settings", params=params)
    if answer.status != 200:
        return default  # a user who may not monitor works with what every engine allows
    doing = "reading the settings of the cluster"
    settings = decode(answer, ClusterSettings, doing)
    for level in (settings.transient, settings.persistent, settings.defaults):
        if _MAX_CLAUSES in level:
            return shaped(level[_MAX_CLAUSES], int, doing)
    return default
