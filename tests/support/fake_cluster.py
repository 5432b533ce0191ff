"""A cluster that answers from a table, for what no engine can be made to answer."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from support.http_server import ANY_PATH, LocalServer
from watcher.settings import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The response of the fake cluster on a path."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""  # sent instead of the body


@dataclass(frozen=True, slots=True, kw_only=True)
class Fake:
    """A server that answers from a table and records its requests."""

    cluster: Cluster
    seen: list[Mapping[str, str]]  # the headers of every request, its `method`, `path`, `query` and `body`


@contextmanager
def serving(replies: Mapping[str, Reply], otherwise: Reply, *, tls: ssl.SSLContext | None = None) -> Iterator[Fake]:
    """Serve the table on a free port: path without its query, or method and path → reply."""
    seen: list[Mapping[str, str]] = []

    def answer(request: Request) -> Response:
        path, _, query = request.environ["REQUEST_URI"].partition("?")
        fields = {"method": request.method, "path": path, "query": query, "body": request.get_data(as_text=True)}
        seen.append({name.lower(): value for name, value in request.headers.items()} | fields)
        reply = replies.get(f"{request.method} {path}") or replies.get(path, otherwise)
        headers = {"content-type": "application/json", **reply.headers}
        return Response(reply.raw or json.dumps(reply.body), reply.status, headers)

    with LocalServer(tls) as server:
        server.expect_request(ANY_PATH).respond_with_handler(answer)
        yield Fake(cluster=Cluster(hosts=(server.url_for("").rstrip("/"),)), seen=seen)


def elasticsearch(version: str) -> tuple[Mapping[str, Reply], Reply]:
    """Answer like a stock Elasticsearch."""
    product = {"X-Elastic-Product": "Elasticsearch"}
    root = Reply(body={"name": "a", "version": {"number": version}, "tagline": "You Know, for Search"}, headers=product)
    nodes = Reply(body={"nodes": {"a": {"version": version}}}, headers=product)
    health = Reply(body=[{"epoch": "1767225600"}], headers=product)
    table = {"/": root, "/_nodes/_local": nodes, "/_cat/health": health}
    return table, Reply(status=404, body={"error": "no handler found"}, headers=product)


def opensearch(version: str) -> tuple[Mapping[str, Reply], Reply]:
    """Answer like a stock OpenSearch."""
    root = Reply(body={"name": "a", "version": {"distribution": "opensearch", "number": version}})
    nodes = Reply(body={"nodes": {"a": {"version": version}}})
    health = Reply(body=[{"epoch": "1767225600"}])
    return {"/": root, "/_nodes/_local": nodes, "/_cat/health": health}, Reply(status=404, body={"error": "no handler"})


def forbidding(version: str) -> tuple[Mapping[str, Reply], Reply]:
    """Answer like a stock Elasticsearch to a user who may not monitor."""
    reason = (
        "action [cluster:monitor/main] is unauthorized for user [w] with effective roles [w], "
        "this action is granted by the cluster privileges [monitor,manage,all]"
    )
    refusal = Reply(status=403, body={"error": {"type": "security_exception", "reason": reason}, "status": 403})
    table, otherwise = elasticsearch(version)
    authenticated = Reply(body={"username": "w"}, headers=otherwise.headers)
    return {**dict.fromkeys(table, refusal), "/_security/_authenticate": authenticated}, otherwise
