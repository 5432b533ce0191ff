"""The settings of how operators watch watcher itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.formats import ListenAddressText, PositiveDuration, secret_address
from watcher.settings.risks import Risk, clear_text_address
from watcher.settings.secret import Secret

_DEAD_MAN_URL = secret_address(r"https?://[^\s/]+(?:/\S*)?", "https://hc-ping.example/…")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringSettings:
    """How operators watch watcher itself, beside the channels with `operator: true`."""

    listen: Annotated[
        ListenAddressText | None,
        Option(
            "address of `/metrics` and `/healthz`, host and port; left out: `WATCHER_LISTEN`, or no server. "
            "It needs no password, so `127.0.0.1` unless a firewall protects it",
            example="127.0.0.1:9464",
        ),
    ] = None
    dead_man_url: Annotated[
        Annotated[Secret, _DEAD_MAN_URL] | None,
        Option(
            "address that is called while alerts reach people; a service that expects the calls raises an alarm "
            "when they stop",
            example="secrets/dead_man_url",
        ),
    ] = None
    dead_man_every: Annotated[PositiveDuration, Option("how often it is called")] = timedelta(minutes=1)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the address."""
        if self.dead_man_url is not None:
            yield from clear_text_address("dead_man_url", self.dead_man_url)
