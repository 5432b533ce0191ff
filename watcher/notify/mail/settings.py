"""The settings of the mail channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.known_secrets import remember_credentials
from watcher.settings.annotations import NonEmpty, Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import (
    Boolean,
    ExistingFile,
    Line,
    MailAddress,
    Port,
    PositiveDuration,
    SecretText,
    word,
)
from watcher.settings.risks import Risk, clear_text, is_loopback, unverified

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_CA_CERTS = "PEM file of the certificate authorities to trust instead of those of the system"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChannel(ChannelSettings):
    """An SMTP server and the recipients."""

    host: Annotated[Line, Option("host name of the SMTP server", example="smtp.example.org")]
    port: Annotated[
        Port | None,
        Option("port of the SMTP server; the default depends on `tls`", example="587", default="587, 465 or 25"),
    ] = None
    tls: Annotated[
        Annotated[str, word("starttls", "tls", "none")], Option("`starttls`, `tls` (from the first byte) or `none`")
    ] = "starttls"
    ca_certs: Annotated[ExistingFile | None, Option(_CA_CERTS, example="certs/ca.crt")] = None
    verify_certs: Annotated[Boolean, Option("whether the server's certificate is verified")] = True
    username: Annotated[Line | None, Option("user name", example="watcher", needs=("password",))] = None
    password: Annotated[SecretText | None, Option("password", example="secrets/smtp", needs=("username",))] = None
    sender: Annotated[MailAddress, Option("address in From")] = "watcher@localhost"
    to: Annotated[
        tuple[MailAddress, ...], NonEmpty(), Option("addresses of the recipients", example="[soc@example.org]")
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=60)

    def __post_init__(self) -> None:
        """Keep the credentials out of every text, as they are sent."""
        if self.username is not None and self.password is not None:
            remember_credentials(self.username, self.password.value)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the credentials."""
        if self.tls == "none" and self.password and not is_loopback(self.host):
            yield clear_text("tls", "the password", self.host, "set `tls` to `starttls` or `tls`")
        if self.tls != "none" and not self.verify_certs:
            yield unverified("set `ca_certs` instead of `verify_certs: false`")

    @property
    def effective_port(self) -> int:
        """The port that is set, or the usual port for `tls`."""
        return self.port or _PORTS[self.tls]
