"""The embedded local node: a real engine from Maven Central, started as a child process and gone with it."""

from watcher.local_engine.cache import default_cache
from watcher.local_engine.engine import ELASTICSEARCH, OPENSEARCH, Engine, Progress, Runtime, Security, Tls, User
from watcher.local_engine.node import Node, start

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
