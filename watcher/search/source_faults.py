"""What is wrong with the indices of a source although all of their events are searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher.ports import FieldType, IndexMapping
from watcher.settings import Source

TIMESTAMP = "@timestamp"
_DATES = frozenset({"date", "date_nanos"})
_MOST = 5  # indices that a sentence names


def time_paths(source: Source) -> tuple[str, ...]:
    """Return the paths whose mapping `source_faults` and `source_notes` read."""
    return tuple(dict.fromkeys((source.time_field, TIMESTAMP)))


def source_faults(source: Source, mapping: IndexMapping) -> tuple[str, ...]:
    """Return a sentence for each fault of settings or privileges that the indices of a source show."""
    return tuple(_faults(source, mapping))


def _faults(source: Source, mapping: IndexMapping) -> Iterator[str]:
    filled = [index for index in mapping.indices if index in mapping.filled]
    timed = _dated(mapping, source.time_field)
    if filled and not timed.intersection(filled):
        fallback = "" if source.time_field == TIMESTAMP else f"; its events are searched by `{TIMESTAMP}` meanwhile"
        yield (
            f"no index of `{source.index}` maps `{source.time_field}` as a date{fallback}; "
            f"correct `time_field` of the source `{source.name}`"
        )
    timeless = [index for index in filled if index not in timed | _dated(mapping, TIMESTAMP)]
    if timeless and len(timeless) < len(filled):
        yield f"{_named(timeless)} map no time as a date: no search finds their events; map `{TIMESTAMP}`"
    inaccessible = [index for index in mapping.unread if ":" not in index]
    if inaccessible:
        yield (
            f"the user lacks the index privilege `view_index_metadata` on {_named(inaccessible)}: searches read more "
            "events than they need; add it to its role"
        )
    constants = sorted(path for path, kinds in mapping.fields.items() if any(map(_is_unknown_constant, kinds)))
    if constants and mapping.server.engine == "opensearch":
        yield (
            f"OpenSearch does not show the value of the `constant_keyword` {_named(constants)} in other clusters: "
            "rules match nothing by it there; map it as a `keyword`"
        )


def _is_unknown_constant(kind: FieldType) -> bool:
    return kind.unread and kind.type == "constant_keyword"


def source_notes(source: Source, mapping: IndexMapping) -> tuple[str, ...]:
    """Return a sentence for each property of the indices that changes how a source is searched."""
    return tuple(_notes(source, mapping))


def _notes(source: Source, mapping: IndexMapping) -> Iterator[str]:
    timed = _dated(mapping, source.time_field)
    untimed = [index for index in mapping.indices if index in mapping.filled and index not in timed]
    if timed and untimed:
        yield f"{_named(untimed)} do not map `{source.time_field}`; their events are found by `{TIMESTAMP}`"
    remote = [index for index in mapping.unread if ":" in index]
    if remote:
        yield (
            f"{_named(remote)} belong to other clusters, which show only the types of fields: "
            "`search: auto` scans them, and queries return more events than rules match"
        )


def _dated(mapping: IndexMapping, path: str) -> frozenset[str]:
    """Return the indices that map a path as a date."""
    kinds = [kind for kind in mapping.fields.get(path, ()) if kind.type in _DATES]
    return frozenset(index for kind in kinds for index in (kind.indices or mapping.indices))


def _named(indices: Sequence[str]) -> str:
    listed = ", ".join(f"`{index}`" for index in indices[:_MOST])
    return listed + (f" and {len(indices) - _MOST} more" if len(indices) > _MOST else "")
