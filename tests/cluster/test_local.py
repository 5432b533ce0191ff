from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from engines import Running

from watcher.settings import Cluster


def ask(cluster: Cluster, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request by the bare standard library, so that no client's opinion stands between."""
    address = urlsplit(cluster.hosts[0]).netloc
    headers = {"Content-Type": "application/json"}
    if cluster.username and cluster.password:
        token = base64.b64encode(f"{cluster.username}:{cluster.password.value}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    connection = (
        http.client.HTTPSConnection(
            address, timeout=30, context=ssl.create_default_context(cafile=str(cluster.ca_certs))
        )
        if cluster.ca_certs
        else http.client.HTTPConnection(address, timeout=30)
    )
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text
    finally:
        connection.close()


def test_each_engine_is_healthy_for_watchers_own_user(engine: Running) -> None:
    status, health = ask(engine.cluster(), "GET", "/_cluster/health")
    assert status == 200
    assert health["status"] == "green"
