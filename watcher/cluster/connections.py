"""Settings → a connection: detects the engine, and refuses versions that are too old."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watcher.cluster import addresses as hosts
from watcher.cluster import elasticsearch_transport as elastic
from watcher.cluster.answer_shapes import malformed, shaped
from watcher.cluster.cluster_faults import accept, cluster_error
from watcher.cluster.cluster_shapes import NodeVersions, RootAnswer
from watcher.cluster.engine_transport import Answer, EngineDialect, Transport
from watcher.cluster.event_cluster import EventCluster
from watcher.cluster.event_count_cluster import EventCountCluster
from watcher.cluster.opensearch_transport import OpenSearchTransport
from watcher.cluster.state_cluster import StateCluster
from watcher.errors import ClusterError, Malformed, Refused, SettingsError
from watcher.ports import EventCounts, EventSource, Server, State
from watcher.settings import Cluster

OLDEST = {"elasticsearch": (8, 0), "opensearch": (2, 11)}
"""The oldest versions that watcher works with."""

ELASTICSEARCH = EngineDialect(
    snapshot_path="_pit",
    snapshot_params={},  # a missing shard fails it by default
    snapshot_key="id",
    close_path="/_pit",
    tie_breakers=("_shard_doc",),
)

# `_shard_doc` is the same for shards of equal number in different indices, so the index goes before it.
OPENSEARCH = EngineDialect(
    snapshot_path="_search/point_in_time",
    snapshot_params={"allow_partial_pit_creation": "false"},
    snapshot_key="pit_id",
    close_path="/_search/point_in_time",
    tie_breakers=("_index", "_shard_doc"),
)

# Before 3.3 there is no `_shard_doc`.
OLDER_OPENSEARCH = EngineDialect(
    snapshot_path=OPENSEARCH.snapshot_path,
    snapshot_params=OPENSEARCH.snapshot_params,
    snapshot_key=OPENSEARCH.snapshot_key,
    close_path=OPENSEARCH.close_path,
    tie_breakers=("_index", "_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection to one cluster."""

    server: Server
    cluster: Cluster
    transport: Transport
    dialect: EngineDialect

    def events(self) -> EventSource:
        """Return the port that searches the events."""
        return EventCluster(
            engine=self.server, transport=self.transport, dialect=self.dialect, timeout=self.cluster.timeout
        )

    def event_counts(self) -> EventCounts:
        """Return the port that counts the events."""
        return EventCountCluster(engine=self.server, transport=self.transport)

    def state(self) -> State:
        """Return the port to watcher's own state."""
        return StateCluster(transport=self.transport)

    def close(self) -> None:
        """Close the open connections."""
        self.transport.close()


def connect(cluster: Cluster) -> Connection:
    """Detect the engine and connect to it.

    Raises SettingsError where the settings cannot be used, Refused where the server is too old or something else,
    Forbidden and Unreachable as their names say.
    """
    try:
        server = _detect(cluster)
        _refuse_old(server)
        return Connection(
            server=server, cluster=cluster, transport=_transport(cluster, server), dialect=_dialect(server)
        )
    except (ValueError, OSError) as error:
        # The clients read certificates and keys when they are created; their messages name files, never contents.
        raise SettingsError(
            f"the certificate settings cannot be used: {error}",
            fix="check `ca_certs`, `ca_fingerprint`, `client_cert` and `client_key`",
        ) from None


def _transport(cluster: Cluster, server: Server) -> Transport:
    if server.engine == "opensearch":
        return OpenSearchTransport(cluster)
    return elastic.ElasticsearchTransport(cluster, media=elastic.COMPATIBLE)


def _dialect(server: Server) -> EngineDialect:
    if server.engine == "elasticsearch":
        return ELASTICSEARCH
    return OPENSEARCH if _numbers(server.version) >= (3, 3) else OLDER_OPENSEARCH


def _detect(cluster: Cluster) -> Server:
    transport = elastic.ElasticsearchTransport(cluster, media=elastic.PLAIN)
    try:
        root = transport.request("GET", "/")
        nodes = transport.request("GET", "/_nodes/_local", params={"filter_path": "nodes.*.version"})
        answers = [root, nodes]
        if not any(map(_is_elasticsearch, answers)) and not _distribution(root):
            # A user who may not monitor: the answers above were refusals, which do not name the product.
            answers.append(transport.request("GET", "/_security/_authenticate"))
    finally:
        transport.close()
    if any(map(_is_elasticsearch, answers)):
        return Server(engine="elasticsearch", version=_version(root, nodes) or _hidden_version(cluster))
    if _distribution(root) == "opensearch":
        return Server(engine="opensearch", version=_version(root, nodes))
    raise _unknown_server(cluster, answers)


def _is_elasticsearch(answer: Answer) -> bool:
    return answer.headers.get("x-elastic-product") == "Elasticsearch"


def _distribution(root: Answer) -> str:
    if named := re.fullmatch(r"OpenSearch/\S+ \((\w+)\)", root.headers.get("x-opensearch-version", "")):
        return named[1]
    return _root(root).version.distribution


def _root(answer: Answer) -> RootAnswer:
    """Return what a server says about itself, nothing where it says nothing."""
    try:
        return shaped(answer.body, RootAnswer, "connecting")
    except Malformed:
        return RootAnswer()


def _version(root: Answer, nodes: Answer) -> str:
    """Return the version; that of the nodes first, since OpenSearch can be set to report 7.10 as its own."""
    try:
        versions = [node.version for node in shaped(nodes.body, NodeVersions, "connecting").nodes.values()]
    except Malformed:
        versions = []
    if versions:
        return versions[0]
    if named := re.match(r"OpenSearch/(\S+)", root.headers.get("x-opensearch-version", "")):
        return named[1]
    return _root(root).version.number


def _hidden_version(cluster: Cluster) -> str:
    """Return the version of an Elasticsearch that hides it, by whether it accepts the media type of version 8."""
    transport = elastic.ElasticsearchTransport(cluster, media=elastic.COMPATIBLE)
    try:
        answer = transport.request("GET", "/_security/_authenticate")
    finally:
        transport.close()
    if answer.status in {400, 406, 415}:
        return "7.x"
    accept(answer, f"connecting to `{hosts.address(cluster.hosts[0])}`")
    return "8.x"


def _unknown_server(cluster: Cluster, answers: list[Answer]) -> ClusterError:
    doing = f"connecting to `{hosts.address(cluster.hosts[0])}`"
    for status in (401, 403, 429, 502, 503, 504):
        for answer in answers:
            if answer.status == status:
                return cluster_error(answer, doing)
    number = _root(answers[0]).version.number
    if number:  # Elasticsearch names itself in a header since 7.14
        return _too_old("Elasticsearch", number)
    if answers[0].status == 200:  # it may be a proxy whose cluster is away
        return malformed(doing, "the server is neither Elasticsearch nor OpenSearch; check `hosts`")
    return Refused(f"{doing}: the server is neither Elasticsearch nor OpenSearch; check `hosts`")


def _refuse_old(server: Server) -> None:
    if not re.match(r"\d", server.version):
        raise malformed("connecting", "the server does not say its version")
    if _numbers(server.version) < OLDEST[server.engine]:
        raise _too_old({"elasticsearch": "Elasticsearch", "opensearch": "OpenSearch"}[server.engine], server.version)


def _too_old(name: str, version: str) -> Refused:
    return Refused(
        f"the server is {name} `{version}`: watcher works with Elasticsearch 8.x and 9.x, OpenSearch 2.11+ and 3.x"
    )


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    return (*numbers, 0, 0)[:2]
