"""Indices whose mapping cannot be read: those of other clusters, and those that the user may search but not inspect.

Only the types of their fields are known. Whatever the mapping may say beyond them widens the queries.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watcher.cluster.answer_shapes import malformed
from watcher.cluster.cluster_faults import accept, cluster_error
from watcher.cluster.engine_transport import LINE, Answer, Transport, chunks, quote_path
from watcher.errors import Forbidden
from watcher.ports import FieldType

_KEYWORDS = frozenset({"keyword", "wildcard", "constant_keyword"})
_TEXTS = frozenset({"text", "match_only_text"})
_LIMITED = _KEYWORDS | {"flattened"}


def is_remote(index: str) -> bool:
    """Whether an index belongs to another cluster."""
    return ":" in index


def unread_indices(
    transport: Transport, indices: Sequence[str], answered: Collection[str], doing: str
) -> tuple[str, ...]:
    """Return the indices that are missing in an answer about mappings, because it cannot hold them.

    Raises Malformed where the answer should hold them.
    """
    missing = [index for index in indices if index not in answered]
    for run in chunks([index for index in missing if not is_remote(index)], LINE):
        answer = transport.request("GET", f"/{quote_path(','.join(run))}/_settings/index.uuid")
        if not may_not_inspect(answer, doing):
            accept(answer, doing)
            raise malformed(doing, f"nothing about {run[0]}")
    return tuple(missing)


def may_not_inspect(answer: Answer, doing: str) -> bool:
    """Whether an answer says that the user may not inspect the indices, or that there are none here."""
    return answer.status == 404 or (answer.status == 403 and isinstance(cluster_error(answer, doing), Forbidden))


def unread_field_type(type_name: str, *, searchable: bool) -> FieldType:
    """Return what is known of a field by its type alone."""
    return FieldType(
        # clauses for `wildcard` fields are valid on every field that is reported as a `keyword`
        type="wildcard" if type_name == "keyword" else type_name,
        searchable=searchable,
        ignore_above=0 if type_name in _LIMITED else None,
        analyzer="unknown" if type_name in _TEXTS else None,
        normalizer="lowercase" if type_name in _KEYWORDS else None,  # clauses for it are valid without one too
        ignore_malformed=type_name not in _LIMITED | _TEXTS,
        adds=True,
        unread=True,
    )
