"""The shapes of answers about indices, their mappings and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from watcher.cluster.answer_shapes import Shape


def as_names(names: Sequence[str] | str) -> Sequence[str]:
    """Return names that an engine writes as a list, or alone where there is one."""
    return (names,) if isinstance(names, str) else names


class FieldCaps(Shape, frozen=True):
    """The capabilities of fields: path → type → details."""

    indices: list[str] | str
    fields: dict[str, dict[str, FieldCapability]]


class FieldCapability(Shape, frozen=True):
    """How a type of a path can be used."""

    searchable: bool
    indices: list[str] | str | None = None
    non_searchable_indices: list[str] | None = None


class Leaf(Shape, frozen=True):
    """The mapping of one field."""

    type: str | None = None
    path: str | None = None  # of an alias
    value: Any = None  # of a constant_keyword
    ignore_above: int | None = None
    normalizer: str | None = None
    analyzer: str | None = None
    search_analyzer: str | None = None
    ignore_malformed: bool | None = None
    null_value: Any = None


class MappedLeaf(Shape, frozen=True):
    """The mapping of one field, under the last part of its name."""

    mapping: dict[str, Leaf]


class MappedLeaves(Shape, frozen=True):
    """The mappings of some fields of an index."""

    mappings: dict[str, MappedLeaf]


class StoredSource(Shape, frozen=True):
    """What `_source` keeps of an event."""

    enabled: bool = True
    includes: tuple[str, ...] | str = ()
    excludes: tuple[str, ...] | str = ()


class MappingNode(Shape, frozen=True):
    """An object or a field of a mapping."""

    properties: dict[str, MappingNode] = msgspec.field(default_factory=dict)
    fields: dict[str, MappingNode] = msgspec.field(default_factory=dict)
    runtime: dict[str, Any] = msgspec.field(default_factory=dict)
    derived: dict[str, Any] = msgspec.field(default_factory=dict)
    copy_to: tuple[str, ...] | str = ()
    dynamic: Any = None
    enabled: Any = None


class MappingRoot(MappingNode, frozen=True):
    """The mapping of an index."""

    source: StoredSource = msgspec.field(name="_source", default=StoredSource())


class MappedIndex(Shape, frozen=True):
    """An index and its mapping."""

    mappings: MappingRoot = MappingRoot()


class SettingsEntry(Shape, frozen=True):
    """Some settings of an index, without their nesting."""

    settings: dict[str, Any]


class ResolvedIndex(Shape, frozen=True):
    """An index of a pattern."""

    name: str
    attributes: tuple[str, ...] = ()


class ResolvedAlias(Shape, frozen=True):
    """An alias of a pattern."""

    indices: list[str] | str


class ResolvedStream(Shape, frozen=True):
    """A data stream of a pattern."""

    backing_indices: list[str] | str


class Resolved(Shape, frozen=True):
    """What a pattern stands for."""

    indices: list[ResolvedIndex]
    aliases: list[ResolvedAlias]
    data_streams: list[ResolvedStream]


class ClusterSettings(Shape, frozen=True):
    """Settings of the cluster, by level."""

    transient: dict[str, Any] = msgspec.field(default_factory=dict)
    persistent: dict[str, Any] = msgspec.field(default_factory=dict)
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)


class MetadataIndices(Shape, frozen=True):
    """Numbers of the indices in the cluster's state."""

    indices: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class ClusterState(Shape, frozen=True):
    """A part of the cluster's state; empty where no index matches."""

    metadata: MetadataIndices = MetadataIndices()
