"""The settings of the Teams channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, secret_address
from watcher.settings.risks import Risk, clear_text_address
from watcher.settings.secret import Secret

_URL = "address of the workflow that begins `When a Teams webhook request is received`"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsChannel(ChannelSettings):
    """A workflow of Microsoft Teams."""

    url: Annotated[
        Secret,
        secret_address(r"https?://[^\s/]+/\S*", "https://….logic.azure.com/workflows/…"),
        Option(_URL, example="secrets/teams-workflow"),
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=30)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the address."""
        yield from clear_text_address("url", self.url)
