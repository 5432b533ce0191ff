"""What a mapping puts beside `_source`: copies of fields, computed fields, and indices that keep no `_source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from watcher.cluster.cluster_faults import accept
from watcher.cluster.transport import Transport, quote_path

_COMPUTED = ("runtime", "derived")  # as Elasticsearch and OpenSearch call it
_ASKED = ("*.mappings._source", "*.mappings.runtime", "**.derived", "**.copy_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExtras:
    """What the mapping of one index puts beside `_source`."""

    copied: frozenset[str] = frozenset()  # paths that other fields are copied to
    computed: frozenset[str] = frozenset()  # paths whose values are computed when they are asked for
    whole: bool = True  # `_source` is kept, and nothing is left out of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExtrasByIndex:
    """The same of every index of a pattern."""

    of: Mapping[str, SourceExtras] = field(default_factory=dict)

    def __getitem__(self, index: str) -> SourceExtras:
        return self.of.get(index, SourceExtras())


def read_source_extras(transport: Transport, pattern: str) -> SourceExtrasByIndex:
    """Read what the indices of a pattern put beside `_source`."""
    params = {"ignore_unavailable": "true", "allow_no_indices": "true", "filter_path": ",".join(_ASKED)}
    answer = transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params)
    body = accept(answer, f"reading the mapping of `{pattern}`").body
    return SourceExtrasByIndex(of={index: _beside(about.get("mappings") or {}) for index, about in body.items()})


def _beside(mapping: Mapping[str, Any]) -> SourceExtras:
    kept = mapping.get("_source") or {}
    return SourceExtras(
        copied=frozenset(_copied(mapping)),
        computed=frozenset(_computed(mapping, "")),
        whole=str(kept.get("enabled", True)).lower() != "false"
        and not kept.get("includes")
        and not kept.get("excludes"),
    )


def _computed(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Name the computed fields; OpenSearch keeps those with dots in their names in the object of that name."""
    for kind in _COMPUTED:
        yield from (f"{prefix}{name}" for name in node.get(kind) or {})
    for name, child in (node.get("properties") or {}).items():
        yield from _computed(child, f"{prefix}{name}.")


def _copied(node: Mapping[str, Any]) -> Iterator[str]:
    for field_ in (node.get("properties") or {}).values():
        to = field_.get("copy_to") or ()
        yield from (to,) if isinstance(to, str) else to
        yield from _copied(field_)
