"""The transport to Elasticsearch, on its own client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import elastic_transport
from elasticsearch import Elasticsearch

from watcher.cluster import addresses as hosts
from watcher.cluster.cluster_faults import unreachable
from watcher.cluster.engine_transport import Answer, RequestBody, encode, read_answer, target
from watcher.settings import Cluster

COMPATIBLE = "application/vnd.elasticsearch+{kind}; compatible-with=8"
"""The media type that servers of versions 8 and 9 accept, and older ones refuse."""

PLAIN = "application/{kind}"
"""The media type that every server accepts, for detecting the engine."""


class ElasticsearchTransport:
    """The transport of the Elasticsearch client.

    The transport is used below the client's methods: it does not check the product, so that it can detect the
    engine, and it turns neither statuses into exceptions nor deprecations into warnings.
    """

    def __init__(self, cluster: Cluster, *, media: str) -> None:
        self._media = media
        self._addresses = hosts.addresses(cluster)
        self._headers = hosts.headers(cluster)
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
        data, kind = encode(body)
        headers = {**self._headers, "accept": self._media.format(kind="json")}
        if data is not None:
            headers["content-type"] = self._media.format(kind=kind)
        wait = timeout or self._timeout
        try:
            meta, raw = self._transport.perform_request(
                method, target(path, params), body=data, headers=headers, request_timeout=wait.total_seconds()
            )
        except elastic_transport.TransportError as error:
            raise unreachable(self._addresses, error, wait) from None
        return read_answer(meta.status, meta.headers, raw or b"")

    def close(self) -> None:
        """Close the open connections."""
        self._transport.close()


class _Bytes(elastic_transport.SerializerCollection):
    """Leaves bodies as they are, whatever their media type: answers are read as those of OpenSearch are."""

    def dumps(self, data: Any, mimetype: str | None = None) -> bytes:  # noqa: ARG002 - the library's name
        """Return the bytes of a request, which are encoded already."""
        return bytes(data)

    def loads(self, data: bytes, mimetype: str | None = None) -> Any:  # noqa: ARG002 - the library's name
        """Return the bytes of an answer."""
        return data


def _transport(cluster: Cluster, addresses: tuple[hosts.Address, ...]) -> elastic_transport.Transport:
    client = Elasticsearch(
        [_node(cluster, address) for address in addresses],
        max_retries=len(addresses),  # once more, on another host where there is one: every request can be repeated
        retry_on_status=(),
        retry_on_timeout=False,
    )
    client.transport.serializers = _Bytes()
    return client.transport


def _node(cluster: Cluster, address: hosts.Address) -> elastic_transport.NodeConfig:
    node = elastic_transport.NodeConfig(
        scheme=address.scheme, host=address.host, port=address.port, path_prefix=address.prefix
    )
    if not address.secure:
        return node
    return node.replace(
        verify_certs=cluster.verify_certs,
        ssl_show_warn=False,
        ca_certs=str(cluster.ca_certs) if cluster.ca_certs else None,
        client_cert=str(cluster.client_cert) if cluster.client_cert else None,
        client_key=str(cluster.client_key) if cluster.client_key else None,
        ssl_assert_fingerprint=cluster.ca_fingerprint,
    )
