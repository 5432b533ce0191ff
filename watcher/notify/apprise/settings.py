"""The settings of the Apprise channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from watcher.settings.annotations import Option
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, secret_address
from watcher.settings.risks import Risk, clear_text, is_loopback, unverified
from watcher.settings.secret import Secret

_PLAIN = frozenset({"form", "json", "matrix", "mqtt", "ncloud", "nctalk", "ntfy", "rocket", "xml"})
_PLAIN_WITH_TOKEN = frozenset({"apprise", "gotify", "hassio", "mmost", "synology"})  # in the path, so always a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseChannel(ChannelSettings):
    """Any of the services that Apprise reaches, by its URL."""

    url: Annotated[
        Secret,
        secret_address(r"[A-Za-z0-9]+://\S+", "ntfys://ntfy.example/alerts"),
        Option("URL of the service, as documented by Apprise", example="secrets/teams"),
    ]
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=60)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the credentials; Apprise's secure schemes end in `s`."""
        parts = urlsplit(self.url.value)
        scheme, host = parts.scheme.lower(), parts.netloc.rpartition("@")[2].partition(":")[0]
        sends_secret = scheme in _PLAIN_WITH_TOKEN or (scheme in _PLAIN and "@" in parts.netloc)
        if sends_secret and not is_loopback(host):
            yield clear_text("url", "the URL with its credentials", host, f"write `{scheme}s://` instead")
        if "no" in parse_qs(parts.query.lower()).get("verify", ()):
            yield unverified("remove `verify=no` from the URL")
