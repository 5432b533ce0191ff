"""Addresses, credentials and certificates of a cluster, from the settings."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from watcher.errors import SettingsError
from watcher.settings import Cluster

PORT = 9200
"""The port where an address names none, as Winlogbeat has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One host of a cluster."""

    scheme: str
    host: str
    port: int
    prefix: str = ""  # a path before every request, behind a proxy

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme == "https"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def address(host: str) -> Address:
    """Return an address of the setting `hosts`; raises SettingsError, which never repeats what may be a password."""
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        port = parts.port or PORT
    except ValueError:
        raise SettingsError("`hosts`: an address cannot be read", fix="write it as `https://host:9200`") from None
    if parts.username or parts.password:
        raise SettingsError(
            f"`hosts`: the address of `{parts.hostname}` holds credentials",
            fix="set `username` and `password`, or `api_key`",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"`hosts`: `{host}` is not an address", fix="write it as `https://host:9200`")
    return Address(scheme=parts.scheme, host=parts.hostname, port=port, prefix=parts.path.rstrip("/"))


def addresses(cluster: Cluster) -> tuple[Address, ...]:
    """Return all addresses; raises SettingsError where there is none, or where files that they need cannot be read."""
    if not cluster.hosts:
        raise SettingsError("`hosts` is empty", fix="write at least one address, such as `https://host:9200`")
    for name, path in _files(cluster):
        if not path.is_file():
            raise SettingsError(f"`{name}`: `{path}` is not a file", fix="give the path of a PEM file")
    return tuple(address(host) for host in cluster.hosts)


def _files(cluster: Cluster) -> tuple[tuple[str, Path], ...]:
    named = (
        ("ca_certs", cluster.ca_certs),
        ("client_cert", cluster.client_cert),
        ("client_key", cluster.client_key),
    )
    return tuple((name, path) for name, path in named if path is not None)


def headers(cluster: Cluster) -> dict[str, str]:
    """Return the authorization header: an API key goes before user and password."""
    if cluster.api_key is not None:
        return {"authorization": f"ApiKey {cluster.api_key.value}"}
    if cluster.username is None:
        return {}
    password = cluster.password.value if cluster.password else ""
    pair = base64.b64encode(f"{cluster.username}:{password}".encode()).decode("ascii")
    return {"authorization": f"Basic {pair}"}
