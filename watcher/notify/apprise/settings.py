"""The settings of the Apprise channel."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, secret_address
from watcher.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseChannel(ChannelSettings):
    """Any of the services that Apprise reaches, by its URL."""

    url: Annotated[
        Secret,
        secret_address(r"[A-Za-z0-9]+://\S+", "ntfys://ntfy.example/alerts"),
        Option("URL of the service, as documented by Apprise", example="secrets/teams"),
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=60)
