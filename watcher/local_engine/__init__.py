"""A local engine from Maven Central, run as a child process that ends with its parent."""

from watcher.cache_folder import default_cache
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
