"""The settings of the Slack channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import (
    PositiveDuration,
    secret_address,
)
from watcher.settings.risks import Risk, clear_text_address
from watcher.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel(ChannelSettings):
    """A Slack incoming webhook."""

    webhook_url: Annotated[
        Secret,
        secret_address(r"https?://[^\s/]+/\S*", "https://hooks.slack.com/services/…"),
        Option("address of the incoming webhook", example="secrets/slack"),
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=20)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the address."""
        yield from clear_text_address("webhook_url", self.webhook_url)
