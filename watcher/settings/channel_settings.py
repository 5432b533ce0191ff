"""The settings of the built-in channel types."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import NonEmpty, Option
from watcher.settings.channel_types import ChannelSettings
from watcher.settings.formats import (
    Boolean,
    ExistingFile,
    Line,
    MailAddress,
    Port,
    PositiveDuration,
    SecretText,
    secret_address,
    word,
)
from watcher.settings.secret import Secret

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_CA_CERTS = "PEM file of the certificate authorities to trust instead of those of the system"
_TIMEOUT = "time limit of one delivery"


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
    timeout: Annotated[PositiveDuration, Option(_TIMEOUT)] = timedelta(seconds=20)

    @property
    def effective_port(self) -> int:
        """The port that is set, or the usual port for `tls`."""
        return self.port or _PORTS[self.tls]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel(ChannelSettings):
    """A Slack incoming webhook."""

    webhook_url: Annotated[
        Secret,
        secret_address(r"https?://[^\s/]+/\S*", "https://hooks.slack.com/services/…"),
        Option("address of the incoming webhook", example="secrets/slack"),
    ]
    timeout: Annotated[PositiveDuration, Option(_TIMEOUT)] = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseChannel(ChannelSettings):
    """Any of the services that Apprise reaches, by its URL."""

    url: Annotated[
        Secret,
        secret_address(r"[A-Za-z0-9]+://\S+", "ntfys://ntfy.example/alerts"),
        Option("URL of the service, as documented by Apprise", example="secrets/teams"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInChannel:
    """A channel type that comes with watcher."""

    name: str
    settings: type[ChannelSettings]


MAIL = BuiltInChannel(name="mail", settings=MailChannel)
SLACK = BuiltInChannel(name="slack", settings=SlackChannel)
APPRISE = BuiltInChannel(name="apprise", settings=AppriseChannel)

Channel = ChannelSettings
