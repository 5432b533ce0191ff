"""The exceptions of watcher, by who must act.

WatcherError
├── InputError             the author of the file; has a location and a fix
│   ├── RuleError              a Sigma rule
│   └── SettingsError          watcher.yml
├── ClusterError           the operator of the cluster
│   ├── Unreachable            nothing answers; try again later
│   ├── Overloaded             429, 503 or circuit breaker; try again later, slower
│   ├── Forbidden              a privilege is missing; the message names it
│   ├── Incomplete             a partial response (shards, counts); the window must be searched again
│   │   ├── TooSlow                a timeout; the same request would time out again
│   │   ├── Undecodable            the response is not valid JSON
│   │   ├── Malformed              the response is not what the engine documents
│   │   └── Unexpected             an unexpected error ended the search of a window
│   └── Refused                the request is rejected permanently; a retry is pointless
├── Undecided              the author of the rule; an expression takes too long on an event
└── DeliveryError          the operator of the channel; says whether a retry can help
    ├── ChannelRefused         every message is refused until somebody mends the settings or the service
    └── RecipientsRefused      some recipients did not get the message, the others did
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from watcher.known_secrets import without_secrets

if TYPE_CHECKING:
    from watcher.model import Location


class WatcherError(Exception):
    """The base of every exception of watcher; its text, which the state and messages repeat, contains no secret."""

    def __str__(self) -> str:
        return without_secrets(super().__str__())


class InputError(WatcherError):
    """A file is invalid."""

    def __init__(self, message: str, *, location: Location | None = None, fix: str = "", code: str = "invalid") -> None:
        self.message = message
        self.location = location
        self.fix = fix
        self.code = code
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        advice = f"; {self.fix}" if self.fix else ""
        return without_secrets(f"{where}{self.message}{advice}")


class RuleError(InputError):
    """A Sigma rule is invalid."""


class SettingsError(InputError):
    """A setting is unknown, missing or of the wrong type."""


class ClusterError(WatcherError):
    """A request to the cluster failed.

    `indices` are the indices that alone made it fail, each with the reason; a request without them may succeed.
    """

    def __init__(self, message: str = "", *, indices: Mapping[str, str] | None = None) -> None:
        self.indices = {index: without_secrets(reason) for index, reason in (indices or {}).items()}
        super().__init__(message)


class Unreachable(ClusterError):  # noqa: N818 - reads as the state it names
    """The address does not answer."""


class Overloaded(ClusterError):  # noqa: N818 - reads as the state it names
    """The cluster is overloaded."""


class Forbidden(ClusterError):  # noqa: N818 - reads as the state it names
    """The user lacks a privilege."""


class Incomplete(ClusterError):  # noqa: N818 - reads as the state it names
    """The response lacks shards, timed out, or differs from its own count."""


class TooSlow(Incomplete):
    """The request timed out; the same request would time out again."""


class Undecodable(Incomplete):
    """The answer calls itself JSON and is none."""


class Malformed(Incomplete):
    """The answer has the status of a success, and a body that the engine does not send; a proxy may have sent it."""


class Unexpected(Incomplete):
    """An error that is in no plan ended the search of a window; the window must be searched again."""


class Refused(ClusterError):  # noqa: N818 - reads as the state it names
    """The cluster rejects the request permanently."""


class Undecided(WatcherError):  # noqa: N818 - reads as the state it names
    """Whether a rule matches an event cannot be said within the time limit: neither a match nor none."""


class DeliveryError(WatcherError):
    """A channel did not accept a notification.

    `permanent` is true if a retry cannot succeed (a wrong address, a revoked webhook). `wait` is how long the service
    asks to wait before the next attempt, None where it does not say.
    """

    def __init__(self, message: str, *, permanent: bool, wait: timedelta | None = None) -> None:
        self.permanent = permanent
        self.wait = wait
        super().__init__(message)


class ChannelRefused(DeliveryError):  # noqa: N818 - reads as the state it names
    """A channel refuses every message: a password is wrong, a webhook is revoked, an address is not that of a service.

    The message waits until somebody mends the settings or the service.
    """

    def __init__(self, message: str, *, wait: timedelta | None = None) -> None:
        super().__init__(message, permanent=False, wait=wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRefusal:
    """Why one recipient of a channel did not get a message."""

    recipient: str
    error: str
    permanent: bool


class RecipientsRefused(DeliveryError):  # noqa: N818 - reads as the state it names
    """A channel delivered a message to some recipients and not to others; it must not be repeated to the former."""

    def __init__(self, message: str, refusals: tuple[RecipientRefusal, ...]) -> None:
        self.refusals = refusals
        super().__init__(message, permanent=False)
