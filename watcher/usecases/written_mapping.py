"""The mapping of an index as Elasticsearch writes it, read without a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from watcher.errors import InputError
from watcher.ports import FieldType, IndexMapping, Server

_INDEX = "index"
_LIMITED = frozenset({"keyword", "wildcard", "flattened"})
_ANALYSED = frozenset({"text", "match_only_text"})


def read_written_mapping(document: Mapping[str, Any], paths: Sequence[str]) -> IndexMapping:
    """Return how a mapping treats some paths.

    `document` is an index template, or the `mappings` of an index. Fields that only dynamic templates would map count
    as unmapped. Raises InputError where the document holds no mapping.
    """
    mappings = _mappings(document)
    leaves = dict(_leaves(mappings.get("properties") or {}, "", is_nested=False))
    copied = frozenset(target for field, _ in leaves.values() for target in _copy_targets(field))
    computed = {name: FieldType(type=_type(field), computed=True) for name, field in _runtime(mappings)}
    mapped = {path: computed.get(path) or _resolved(path, leaves) for path in paths}
    fields = {
        path: (replace(kind, adds=kind.adds or (kind.path or path) in copied),)
        for path, kind in mapped.items()
        if kind is not None
    }
    return IndexMapping(
        pattern=_INDEX,
        server=Server(engine="elasticsearch", version="8.19.0"),
        indices=(_INDEX,),
        fields=fields,
        unindexed=() if _maps_everything(mappings) else (_INDEX,),
        without_source=() if _keeps_source(mappings) else (_INDEX,),
    )


def _mappings(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a template or an answer that holds `properties`."""
    for keys in ((), ("mappings",), ("template", "mappings")):
        node: Any = document
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping) and isinstance(node.get("properties"), Mapping):
            return node
    raise InputError(
        "the document holds no mapping", fix="give an index template, or the `mappings` of an index with `properties`"
    )


def _leaves(
    properties: Mapping[str, Any], prefix: str, *, is_nested: bool
) -> Iterator[tuple[str, tuple[Mapping[str, Any], bool]]]:
    """Yield every mapped path with its definition, and whether it lies in a nested object."""
    for name, field in properties.items():
        path = f"{prefix}{name}"
        if not isinstance(field, Mapping):
            raise InputError(f"the mapping of `{path}` is not an object", fix="give it a `type` or `properties`")
        inner = field.get("properties")
        if inner:
            yield from _leaves(inner, f"{path}.", is_nested=is_nested or field.get("type") == "nested")
            continue
        yield path, (field, is_nested)
        for subfield, definition in (field.get("fields") or {}).items():
            yield f"{path}.{subfield}", (definition, is_nested)


def _resolved(path: str, leaves: Mapping[str, tuple[Mapping[str, Any], bool]]) -> FieldType | None:
    """Return how a path is mapped; an alias has the type of its target."""
    if path not in leaves:
        return None
    field, is_nested = leaves[path]
    target = field.get("path") if _type(field) == "alias" else None
    if target is not None:
        kind = _resolved(str(target), leaves)
        return None if kind is None else replace(kind, path=str(target))
    return _field_type(field, is_nested=is_nested)


def _field_type(field: Mapping[str, Any], *, is_nested: bool) -> FieldType:
    kind = _type(field)
    limit = field.get("ignore_above") if kind in _LIMITED else None
    analyzer = field.get("analyzer", "standard") if kind in _ANALYSED else "standard"
    return FieldType(
        type=kind,
        searchable=not is_nested and bool(field.get("index", True)),
        ignore_above=None if limit is None else int(limit),
        value=str(field["value"]) if kind == "constant_keyword" and "value" in field else None,
        analyzer=None if analyzer == "standard" else str(analyzer),
        normalizer=field.get("normalizer") if kind == "keyword" else None,
        ignore_malformed=bool(field.get("ignore_malformed", False)),
        adds=field.get("null_value") is not None,
    )


def _copy_targets(field: Mapping[str, Any]) -> tuple[str, ...]:
    targets = field.get("copy_to") or ()
    return (targets,) if isinstance(targets, str) else tuple(targets)


def _type(field: Mapping[str, Any]) -> str:
    return str(field.get("type", "object"))


def _runtime(mappings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("runtime", "derived"):
        yield from (mappings.get(kind) or {}).items()


def _maps_everything(mappings: Mapping[str, Any]) -> bool:
    """Whether a field without a mapping occurs in no event, because the engine would have mapped it."""
    return str(mappings.get("dynamic", True)).lower() == "true" and not mappings.get("dynamic_templates")


def _keeps_source(mappings: Mapping[str, Any]) -> bool:
    source = mappings.get("_source") or {}
    return (
        str(source.get("enabled", True)).lower() != "false"
        and not source.get("includes")
        and not source.get("excludes")
    )
