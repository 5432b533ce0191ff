from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            path, _, query = self.path.partition("?")
            request = {"method": self.command, "path": path, "query": query, "body": body}
            seen.append({name.lower(): value for name, value in self.headers.items()} | request)
            reply = replies.get(f"{self.command} {path}") or replies.get(path, otherwise)
            data = reply.raw or json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the standard library's names

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
            yield Fake(cluster=Cluster(hosts=(url,)), seen=seen)
        finally:
            server.shutdown()
            thread.join()


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
