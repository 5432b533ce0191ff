"""The real engines of the tests, and the privileges of their users."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from watcher.local_engine import ELASTICSEARCH, OPENSEARCH, Node, Runtime, Security, Tls, User, default_cache, start
from watcher.local_engine.cache import locked
from watcher.local_engine.run_folder import begin
from watcher.settings import Cluster, Secret

# The least privileges that watcher's requests need.
ROLES = """\
watcher_sidecar_reader:
  cluster: [monitor]
  indices:
    - names: ["winlogbeat-*"]
      privileges: [read, view_index_metadata]
watcher_sidecar_writer:
  cluster: [monitor, manage_index_templates]
  indices:
    - names: ["watcher-*"]
      privileges: [read, index, create_index, maintenance, view_index_metadata]
watcher_sidecar_keeper:
  cluster: [monitor]
  indices:
    - names: ["watcher-*"]
      privileges: [read, index, create_index, maintenance, view_index_metadata]
may_inspect_all:
  indices:
    - names: ["winlogbeat-*"]
      privileges: [view_index_metadata]
may_read_all:
  indices:
    - names: ["winlogbeat-*"]
      privileges: [read]
may_inspect_part:
  indices:
    - names: ["winlogbeat-*-part"]
      privileges: [view_index_metadata]
may_read_part:
  indices:
    - names: ["winlogbeat-*-part"]
      privileges: [read]
may_use_alias:
  indices:
    - names: ["alias-winlogbeat-*"]
      privileges: [read, view_index_metadata]
"""

ADMIN = User(name="admin", password="admin-password", roles=("superuser",))
WATCHER = User(name="watcher", password="watcher-password", roles=("watcher_sidecar_reader", "watcher_sidecar_writer"))
KEEPER = User(name="keeper", password="keeper-password", roles=("watcher_sidecar_reader", "watcher_sidecar_keeper"))
READER = User(name="reader", password="reader-password", roles=("watcher_sidecar_reader",))

# Users whose roles lack a privilege on an index.
INSPECTOR = User(
    name="inspector",
    password="inspector-password",
    roles=("watcher_sidecar_writer", "may_inspect_all", "may_read_part"),
)
STRANGER = User(
    name="stranger",
    password="stranger-password",
    roles=("watcher_sidecar_writer", "may_inspect_part", "may_read_part"),
)
UNINFORMED = User(
    name="uninformed",
    password="uninformed-password",
    roles=("watcher_sidecar_writer", "may_read_all", "may_inspect_part"),
)
READ_ALONE = User(name="read-alone", password="read-password", roles=("watcher_sidecar_writer", "may_read_all"))
ALIAS_USER = User(name="alias", password="alias-password", roles=("watcher_sidecar_writer", "may_use_alias"))
RESTRICTED = (INSPECTOR, STRANGER, UNINFORMED, READ_ALONE, ALIAS_USER)

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, with a folder of its own for each run
MEMORY_NEEDED = 4 * 2**30  # bytes; containers often have 64 MB there

# The quick compiler alone halves the CPU of the start of a short-lived Java process.
RUNTIME = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A node and the least privileged user that watcher runs as."""

    node: Node
    url: str
    ca: Path | None = None  # None: no TLS
    username: str | None = None  # None: no security
    password: str | None = None

    def cluster(self) -> Cluster:
        """Return the settings that reach the node as watcher's own user."""
        return self._as(self.username, self.password)

    def admin(self) -> Cluster:
        """Return the settings that reach the node as an administrator."""
        return self.user(ADMIN) if self.username else self.cluster()

    def user(self, user: User) -> Cluster:
        """Return the settings that reach the node as another user."""
        return self._as(user.name, user.password)

    def _as(self, name: str | None, password: str | None) -> Cluster:
        return Cluster(
            hosts=(self.url,),
            username=name,
            password=Secret(password) if password else None,
            ca_certs=self.ca,
        )


@contextmanager
def opensearch() -> Iterator[Running]:
    """Run an open OpenSearch."""
    cache = default_cache(os.environ)
    with data_folder() as data, start(OPENSEARCH, cache=cache, progress=quiet, data=data, runtime=RUNTIME) as node:
        yield Running(node=node, url=node.url)


@contextmanager
def elasticsearch(folder: Path) -> Iterator[Running]:
    """Run an Elasticsearch with TLS and users; the folder gets its certificates."""
    tls = certificates(folder)
    security = Security(tls=tls, users=(ADMIN, WATCHER, KEEPER, READER, *RESTRICTED), roles=ROLES)
    cache = default_cache(os.environ)
    with (
        data_folder() as data,
        start(ELASTICSEARCH, cache=cache, progress=quiet, data=data, security=security, runtime=RUNTIME) as node,
    ):
        yield Running(node=node, url=node.url, ca=tls.ca, username=WATCHER.name, password=WATCHER.password)


@contextmanager
def data_folder() -> Iterator[Path | None]:
    """Yield a folder in memory for the data of an engine, which waits for the disk at every write; None without one."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        yield None
        return
    base = MEMORY / f"watcher-tests-{os.geteuid()}"
    with locked(base, quiet):
        run = begin(base, "engine")
    run.path.chmod(0o755)  # the engine may run as another user
    try:
        yield run.path / "data"
    finally:
        run.delete()


def certificates(folder: Path) -> Tls:
    """Create a CA and a certificate for the loopback address."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    tls = Tls(certificate=folder / "node.pem", key=folder / "node.key", ca=folder / "ca.pem")
    authority.cert_pem.write_to_path(tls.ca)
    issued.private_key_pem.write_to_path(tls.key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tls.certificate, append=True)
    # as Elasticsearch's own setup does, so that the fingerprint of the CA can be checked
    authority.cert_pem.write_to_path(tls.certificate, append=True)
    return tls


def quiet(_stage: str, _fraction: float | None) -> None:
    """Report no progress: pytest owns the terminal."""
