"""The settings of the webhook channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.notify.webhook.signature import signing_key
from watcher.settings.annotations import InvalidValueError, Option, ValueFormat
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import ExistingFile, PositiveDuration, SecretText, parse_line, secret_address
from watcher.settings.risks import Risk, clear_text_address
from watcher.settings.secret import Secret

_CA_CERTS = "PEM file of the certificate authorities to trust instead of those of the system"
_SIGNATURE = "secret of the signature (HMAC-SHA256) in the header `webhook-signature`; `whsec_` and Base64, or any text"


def _parse_signing_secret(text: str) -> Secret:
    try:
        signing_key(parse_line(text))
    except ValueError:
        raise InvalidValueError(
            "not a secret of a signature", "write Base64 after `whsec_`, or any other text"
        ) from None
    return Secret(text)


SigningSecret = Annotated[
    Secret, ValueFormat(expected="a string", parse=_parse_signing_secret, schema={"type": ["string", "number"]})
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChannel(ChannelSettings):
    """A web address that accepts each message as a JSON document."""

    url: Annotated[
        Secret,
        secret_address(r"https?://[^\s/]+(?:/\S*)?", "https://hooks.example/alerts"),
        Option("address that accepts the documents", example="secrets/webhook"),
    ]
    signing_secret: Annotated[SigningSecret | None, Option(_SIGNATURE, example="secrets/webhook-signature")] = None
    token: Annotated[
        SecretText | None, Option("token of the header `Authorization: Bearer`", example="secrets/webhook-token")
    ] = None
    ca_certs: Annotated[ExistingFile | None, Option(_CA_CERTS, example="certs/ca.crt")] = None
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=20)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the address and the token."""
        yield from clear_text_address("url", self.url)
