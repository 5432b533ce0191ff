"""What the nodes of a cluster wrote: their own counts, in one small answer."""

from __future__ import annotations

from typing import Annotated

import msgspec

from watcher.cluster.answer_shapes import Shape, decode
from watcher.cluster.engine_transport import Transport
from watcher.errors import Malformed
from watcher.ports import NodeWrites, WrittenBytes

Count = Annotated[int, msgspec.Meta(ge=0)]

_PARAMS = {
    "filter_path": "nodes.*.roles,nodes.*.indexing_pressure.memory.total.primary_in_bytes,"
    "nodes.*.indices.indexing.index_total,nodes.*.jvm.mem.heap_max_in_bytes"
}


class _Indexing(Shape, frozen=True):
    index_total: Count


class _Indices(Shape, frozen=True):
    indexing: _Indexing


class _PrimaryBytes(Shape, frozen=True):
    primary_in_bytes: Count


class _Memory(Shape, frozen=True):
    total: _PrimaryBytes


class _Pressure(Shape, frozen=True):
    memory: _Memory


class _Heap(Shape, frozen=True):
    heap_max_in_bytes: Count


class _Jvm(Shape, frozen=True):
    mem: _Heap


class _Node(Shape, frozen=True):
    indexing_pressure: _Pressure
    jvm: _Jvm
    indices: _Indices
    roles: tuple[str, ...] = ()

    @property
    def holds_data(self) -> bool:
        return any(role.startswith("data") for role in self.roles)


class _Nodes(Shape, frozen=True):
    nodes: dict[str, _Node]


def read_written(transport: Transport) -> WrittenBytes | None:
    """Return what the nodes that hold data wrote since they started; None where the engine does not say."""
    answer = transport.request("GET", "/_nodes/stats/indexing_pressure,jvm,indices/indexing", params=_PARAMS)
    if answer.status != 200:
        return None
    try:
        nodes = decode(answer, _Nodes, "reading what was written").nodes
    except Malformed:
        return None
    holders = {name: node for name, node in nodes.items() if node.holds_data}
    if not holders:
        return None
    return WrittenBytes(
        nodes={
            name: NodeWrites(
                bytes=node.indexing_pressure.memory.total.primary_in_bytes, writes=node.indices.indexing.index_total
            )
            for name, node in holders.items()
        },
        heap=min(node.jvm.mem.heap_max_in_bytes for node in holders.values()),
    )
