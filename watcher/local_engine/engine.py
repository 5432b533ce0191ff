"""Engines, users and runtime options of a local node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, float | None], None]
"""Called with the stage, and the fraction done if known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A distribution on Maven Central that runs from its folder."""

    name: str  # the product's name
    version: str
    group: str  # the Maven coordinates
    artifact: str
    size: int  # of the archive, in bytes
    sha256: str  # of the archive
    java: range  # the major versions of Java that it runs on
    variable: str  # prefix of its environment variables

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def folder(self) -> str:
        """The folder inside the archive, e.g. `opensearch-3.6.0`."""
        return f"{self.artifact}-{self.version}"


OPENSEARCH = Engine(
    name="OpenSearch",
    version="3.6.0",
    group="org.opensearch.distribution.integ-test-zip",
    artifact="opensearch",
    size=161_609_640,
    sha256="a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286",
    java=range(21, 26),
    variable="OPENSEARCH",
)

ELASTICSEARCH = Engine(
    name="Elasticsearch",
    version="8.19.0",
    group="org.elasticsearch.distribution.integ-test-zip",
    artifact="elasticsearch",
    size=97_002_615,
    sha256="14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
    java=range(17, 26),
    variable="ES",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The PEM files of a node; the certificate must name `127.0.0.1`."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a node."""

    name: str
    password: str
    roles: tuple[str, ...]

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, password=***, roles={self.roles!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """TLS and users of an Elasticsearch node."""

    tls: Tls
    users: tuple[User, ...]  # the first user checks whether the node is ready
    roles: str = ""  # the text of `roles.yml`


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The Java of an engine and its options."""

    homes: tuple[Path, ...] | None = None  # where to look for a JDK; None: on this machine; empty: the one from PyPI
    options: str = "-Xms512m -Xmx1g"


DEFAULT_RUNTIME = Runtime()
