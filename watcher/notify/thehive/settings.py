"""The settings of the TheHive channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import ExistingFile, Line, PositiveDuration, SecretText, WebAddress
from watcher.settings.risks import Risk, clear_text_credential

_CA_CERTS = "PEM file of the certificate authorities to trust instead of those of the system"


@dataclass(frozen=True, slots=True, kw_only=True)
class TheHiveChannel(ChannelSettings):
    """An organisation of TheHive 5."""

    url: Annotated[WebAddress, Option("address of TheHive, without `/api`", example="https://thehive.example")]
    api_key: Annotated[
        SecretText, Option("API key of a user who may create alerts (`manageAlert/create`)", example="secrets/thehive")
    ]
    organisation: Annotated[Line | None, Option("organisation, where the user belongs to several", example="soc")] = (
        None
    )
    ca_certs: Annotated[ExistingFile | None, Option(_CA_CERTS, example="certs/ca.crt")] = None
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=30)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the API key."""
        yield from clear_text_credential("url", self.url, "the API key")
