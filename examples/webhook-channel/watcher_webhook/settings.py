"""The settings of the webhook channel."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, secret_address
from watcher.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChannel(ChannelSettings):
    """A web address that accepts JSON."""

    url: Annotated[
        Secret,
        secret_address(r"https?://[^\s/]+/\S*", "https://hooks.example/alerts"),
        Option("address that accepts the message", example="secrets/webhook"),
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=20)
