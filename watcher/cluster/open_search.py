"""The wire to OpenSearch, on its own client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import opensearchpy

from watcher.cluster import hosts
from watcher.cluster.faults import unreachable
from watcher.cluster.wire import Answer, Body, decode, encode, target
from watcher.settings import Cluster

_ANY_STATUS = range(300, 600)


class OpenSearchWire:
    """The way to a cluster by the OpenSearch client's connections.

    They are used below the client's methods, which tell neither status nor headers of an answer.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._addresses = hosts.addresses(cluster)
        self._timeout = cluster.timeout
        self._transport = _transport(cluster, self._addresses)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body = None,
        patience: timedelta | None = None,
    ) -> Answer:
        """Send one request; raises Unreachable where nothing answers."""
        encoded = encode(body)
        wait = patience or self._timeout
        error: Exception = TimeoutError()
        for _ in range(len(self._addresses) + 1):  # once more, elsewhere where there is an elsewhere
            connection = self._transport.get_connection()
            try:
                return _send(connection, method, target(path, params), encoded, wait)
            except (opensearchpy.ConnectionTimeout, opensearchpy.SSLError) as met:
                raise unreachable(self._addresses, met, wait) from None
            except opensearchpy.ConnectionError as met:
                error = met
                self._transport.mark_dead(connection)
        raise unreachable(self._addresses, error, wait)

    def close(self) -> None:
        """Let go of the open connections."""
        self._transport.close()


class _Connection(opensearchpy.Urllib3HttpConnection):
    """A connection that tells its faults once: by what it raises."""

    def log_request_fail(self, *_args: Any, **_named: Any) -> None:
        """Leave the log to whoever handles the exception."""

    def _raise_warnings(self, _headers: Any) -> None:
        """Keep deprecations out of the terminal."""


def _send(connection: Any, method: str, url: str, encoded: tuple[bytes | None, str], wait: timedelta) -> Answer:
    data, kind = encoded
    status, headers, raw = connection.perform_request(
        method,
        url,
        body=data,
        headers={"content-type": f"application/{kind}"} if data is not None else None,
        timeout=wait.total_seconds(),
        ignore=_ANY_STATUS,
    )
    return Answer(status=status, headers={k.lower(): v for k, v in headers.items()}, body=decode(raw))


def _transport(cluster: Cluster, addresses: tuple[hosts.Address, ...]) -> Any:
    return opensearchpy.Transport(
        [_node(cluster, address) for address in addresses],
        connection_class=_Connection,
        pool_maxsize=10,
        headers=hosts.headers(cluster),
        timeout=cluster.timeout.total_seconds(),
    )


def _node(cluster: Cluster, address: hosts.Address) -> dict[str, Any]:
    node: dict[str, Any] = {"host": address.host, "port": address.port, "url_prefix": address.prefix}
    if not address.secure:
        return node
    node |= {
        "use_ssl": True,
        "verify_certs": cluster.verify_certs,
        "ssl_show_warn": False,
        "ca_certs": str(cluster.ca_certs) if cluster.ca_certs else None,
        "client_cert": str(cluster.client_cert) if cluster.client_cert else None,
        "client_key": str(cluster.client_key) if cluster.client_key else None,
    }
    if cluster.ca_fingerprint:
        # urllib3 compares the server's own certificate only, and must then not ask for a chain of trust.
        node |= {"verify_certs": False, "ssl_assert_fingerprint": cluster.ca_fingerprint}
    return node
