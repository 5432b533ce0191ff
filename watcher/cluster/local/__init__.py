"""The embedded local node: a real engine from Maven Central, started as a child process and gone with it."""

from watcher.cluster.local.cache import default_cache
from watcher.cluster.local.engine import ELASTICSEARCH, OPENSEARCH, Engine, Progress, Runtime, Security, Tls, User
from watcher.cluster.local.node import Node, start

__all__ = [
    "ELASTICSEARCH",
    "OPENSEARCH",
    "Engine",
    "Node",
    "Progress",
    "Runtime",
    "Security",
    "Tls",
    "User",
    "default_cache",
    "start",
]
