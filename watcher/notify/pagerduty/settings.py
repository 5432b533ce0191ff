"""The settings of the PagerDuty channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import InvalidValueError, Option, ValueFormat
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, WebAddress
from watcher.settings.risks import Risk, clear_text_credential
from watcher.settings.secret import Secret

_KEY_LENGTH = 32  # by the documentation of the Events API
_URL = "address of the Events API; for the service region Europe `https://events.eu.pagerduty.com`"


def _parse_routing_key(text: str) -> Secret:
    if len(text) != _KEY_LENGTH or not text.isalnum() or not text.isascii():
        raise InvalidValueError(
            "not an integration key", "copy the 32 letters and digits of an integration Events API v2"
        )
    return Secret(text)


RoutingKey = Annotated[
    Secret, ValueFormat(expected="an integration key", parse=_parse_routing_key, schema={"type": "string"})
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyChannel(ChannelSettings):
    """An integration of the type Events API v2 of a PagerDuty service."""

    routing_key: Annotated[
        RoutingKey, Option("integration key of an integration of the type Events API v2", example="secrets/pagerduty")
    ]
    url: Annotated[WebAddress, Option(_URL)] = "https://events.pagerduty.com"
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=30)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the key."""
        yield from clear_text_credential("url", self.url, "the integration key")
