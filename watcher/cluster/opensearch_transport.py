"""The transport to OpenSearch, on its own client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import opensearchpy
import urllib3
from urllib3 import Retry

from watcher.cluster import addresses as hosts
from watcher.cluster.cluster_faults import unreachable
from watcher.cluster.engine_transport import Answer, RequestBody, encode, read_answer, target
from watcher.settings import Cluster


class OpenSearchTransport:
    """The transport on the connections of the OpenSearch client.

    They are used below the client's methods, which return neither status nor headers of an answer.
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
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        """Send one request; raises Unreachable where nothing answers."""
        encoded = encode(body)
        wait = timeout or self._timeout
        error: Exception = TimeoutError()
        for _ in range(len(self._addresses) + 1):  # once more, on another host where there is one
            connection: _Connection = self._transport.get_connection()
            try:
                return connection.send(method, target(path, params), encoded, wait)
            except (opensearchpy.ConnectionTimeout, opensearchpy.SSLError) as cause:
                raise unreachable(self._addresses, cause, wait) from None
            except opensearchpy.ConnectionError as cause:
                error = cause
                self._transport.mark_dead(connection)
        raise unreachable(self._addresses, error, wait)

    def close(self) -> None:
        """Close the open connections."""
        self._transport.close()


class _Connection(opensearchpy.Urllib3HttpConnection):
    """A connection that reports faults only by raising them, and returns the bytes of an answer.

    The client's own decodes every answer to a string; reading a page of events takes a third longer that way.
    """

    def send(self, method: str, url: str, encoded: tuple[bytes | None, str], wait: timedelta) -> Answer:
        """Send one request; raises the client's errors where nothing answers."""
        data, kind = encoded
        headers = {**self.headers, **({"content-type": f"application/{kind}"} if data is not None else {})}
        try:
            answer = self.pool.urlopen(
                method, self.url_prefix + url, data, retries=Retry(False), headers=headers, timeout=wait.total_seconds()
            )
            raw = answer.data
        except urllib3.exceptions.SSLError as cause:
            raise opensearchpy.SSLError("N/A", str(cause), cause) from cause
        except urllib3.exceptions.ReadTimeoutError as cause:
            raise opensearchpy.ConnectionTimeout("TIMEOUT", str(cause), cause) from cause
        except urllib3.exceptions.HTTPError as cause:
            raise opensearchpy.ConnectionError("N/A", str(cause), cause) from cause
        return read_answer(answer.status, answer.headers, raw)


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
