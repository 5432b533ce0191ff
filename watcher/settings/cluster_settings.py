"""The settings of the clusters: how to reach them, and what the state keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from watcher.known_secrets import remember_credentials
from watcher.settings.annotations import NonEmpty, Option
from watcher.settings.formats import (
    Boolean,
    CertificateFingerprint,
    ClusterAddress,
    ExistingFile,
    IndexPrefix,
    Line,
    PositiveDuration,
    SecretText,
    word,
)
from watcher.settings.risks import Risk, clear_text, is_loopback, readable_file, unverified

_FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(0, 0x100, 0x11) for _ in range(2))
_STATE_CLUSTER = "{hosts: https://state.example:9200, api_key_file: secrets/state}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """How to reach a cluster."""

    hosts: Annotated[
        tuple[ClusterAddress, ...],
        NonEmpty(),
        Option("addresses, without user name and password in them", example="[http://localhost:9200]"),
    ] = ("http://localhost:9200",)
    username: Annotated[Line | None, Option("user name", example="watcher_sidecar", needs=("password",))] = None
    password: Annotated[SecretText | None, Option("password", example="secrets/password", needs=("username",))] = None
    api_key: Annotated[
        SecretText | None,
        Option(
            "API key in its encoded form, `base64(id:key)`, instead of user name and password",
            example="secrets/api_key",
            excludes=("username",),
        ),
    ] = None
    ca_certs: Annotated[
        ExistingFile | None,
        Option(
            "PEM file of the certificate authorities to trust instead of those of the system", example="certs/ca.crt"
        ),
    ] = None
    ca_fingerprint: Annotated[
        CertificateFingerprint | None,
        Option(
            "SHA-256 fingerprint of the certificate authority, as Elasticsearch prints it at its first start",
            example=_FINGERPRINT,
        ),
    ] = None
    client_cert: Annotated[
        ExistingFile | None, Option("PEM file of the client certificate", example="certs/watcher.crt")
    ] = None
    client_key: Annotated[
        ExistingFile | None,
        Option(
            "PEM file of its key, where that is a separate file", example="certs/watcher.key", needs=("client_cert",)
        ),
    ] = None
    verify_certs: Annotated[Boolean, Option("whether the server's certificate is verified")] = True
    timeout: Annotated[PositiveDuration, Option("time limit of one request")] = timedelta(seconds=30)

    def __post_init__(self) -> None:
        """Keep the credentials out of every text, as they are sent."""
        if self.username is not None and self.password is not None:
            remember_credentials(self.username, self.password.value)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the credentials."""
        addresses = [urlsplit(host) for host in self.hosts]
        if self.password or self.api_key:
            subject = "the password" if self.password else "the API key"
            for parts in addresses:
                if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
                    yield clear_text("hosts", subject, parts.netloc, "write `https://` in `hosts`")
        if not self.verify_certs and not self.ca_fingerprint and any(parts.scheme == "https" for parts in addresses):
            yield unverified("set `ca_certs` or `ca_fingerprint` instead of `verify_certs: false`")
        for key, path in (("client_key", self.client_key), ("client_cert", self.client_cert)):
            if path is not None and (key == "client_key" or self.client_key is None):  # else it is no secret
                yield from readable_file(key, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Where alerts, hits and checkpoints are stored."""

    cluster: Annotated[
        Cluster | None,
        Option(
            "another cluster than that of the events, with the same settings; not filled from the environment",
            example=_STATE_CLUSTER,
        ),
    ] = None
    prefix: Annotated[IndexPrefix, Option("prefix of the names of the indices")] = "watcher"
    retention: Annotated[
        PositiveDuration,
        Option(
            "how long alerts and hits are kept, plus up to 31 days: by ILM or ISM, "
            "otherwise by `watcher setup --retention`"
        ),
    ] = timedelta(days=365)
    store: Annotated[
        Annotated[str, word("whole", "fields", "none")],
        Option("what is stored of a hit's event: `whole`, `fields` (those that the rule names) or `none`"),
    ] = "whole"
