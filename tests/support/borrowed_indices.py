from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from watcher.cluster.cluster_faults import accept
from watcher.cluster.connections import Connection, connect
from watcher.cluster.engine_transport import Transport
from watcher.settings import Cluster

TIME = {"@timestamp": {"type": "date"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Indices:
    """Indices that a test creates as an administrator, deleted after it."""

    transport: Transport
    names: set[str] = field(default_factory=set)

    def make(self, name: str, mappings: Mapping[str, Any], **settings: Any) -> None:
        """Create an index, by default with a single shard."""
        body = {"settings": {"number_of_shards": 1, "number_of_replicas": 0, **settings}, "mappings": mappings}
        self.names.add(name)
        accept(self.transport.request("PUT", f"/{name}", body=body), f"creating {name}")

    def fill(self, name: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Index documents with ids from 0, and refresh."""
        for start in range(0, len(documents), 5_000):
            lines: list[Mapping[str, Any]] = []
            for number, document in enumerate(documents[start : start + 5_000], start=start):
                lines += [{"create": {"_index": name, "_id": str(number)}}, document]
            answer = accept(self.transport.request("POST", "/_bulk", body=lines), f"filling {name}")
            assert not answer.body["errors"], answer.body
        accept(self.transport.request("POST", f"/{name}/_refresh"), f"refreshing {name}")

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request that must succeed, and return the body of the response."""
        return accept(self.transport.request(method, path, body=body), path).body


@contextmanager
def indices(admin: Cluster) -> Iterator[Indices]:
    """Yield an `Indices`, and delete its indices in the end."""
    connection = connect(admin)
    lent = Indices(transport=connection.transport)
    try:
        yield lent
    finally:
        for name in lent.names:
            connection.transport.request("DELETE", f"/{name}")
        connection.close()


@contextmanager
def connections(cluster: Cluster) -> Iterator[Connection]:
    """Yield a connection, and close it in the end."""
    connection = connect(cluster)
    try:
        yield connection
    finally:
        connection.close()
