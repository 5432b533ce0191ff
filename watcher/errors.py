"""Every exception of watcher, by who must act.

WatcherError
├── InputError             whoever wrote the file: it carries a place and what to do
│   ├── RuleError              a Sigma rule
│   └── SettingsError          watcher.yml
├── ClusterError           whoever runs the cluster
│   ├── Unreachable            nothing answers; try again later
│   ├── Overloaded             it answers "not now" (429, 503, circuit breaker); try again later, slower
│   ├── Forbidden              a privilege is missing; the sentence names it
│   ├── Incomplete             it answered in part (shards, counts); the window must be searched again
│   │   ├── TooSlow                it ran out of time: asked the same way, it will again
│   │   ├── Undecodable            it calls itself JSON and is none
│   │   └── Unexpected             an error that is in no plan ended the search of a window
│   └── Refused                it will never accept this request; asking again is pointless
├── Undecided              whoever wrote the rule: an expression takes too long on an event
└── DeliveryError          whoever runs the channel: says whether trying again can help
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.model import Location


class WatcherError(Exception):
    """What every exception of watcher is."""


class InputError(WatcherError):
    """A file that a person wrote cannot be used as it stands."""

    def __init__(self, message: str, *, location: Location | None = None, fix: str = "", code: str = "invalid") -> None:
        self.message = message
        self.location = location
        self.fix = fix
        self.code = code
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        advice = f"; {self.fix}" if self.fix else ""
        return f"{where}{self.message}{advice}"


class RuleError(InputError):
    """A Sigma rule has no meaning as it is written."""


class SettingsError(InputError):
    """A setting is unknown, missing or of the wrong type."""


class ClusterError(WatcherError):
    """The cluster did not do what it was asked."""


class Unreachable(ClusterError):  # noqa: N818 - reads as the state it names
    """Nothing answers at the address."""


class Overloaded(ClusterError):  # noqa: N818 - reads as the state it names
    """The cluster asks for patience."""


class Forbidden(ClusterError):  # noqa: N818 - reads as the state it names
    """The cluster knows the user, and the user may not."""


class Incomplete(ClusterError):  # noqa: N818 - reads as the state it names
    """The answer misses shards, ran out of time, or does not add up to its own count."""


class TooSlow(Incomplete):
    """The answer ran out of time; the same question would again."""


class Undecodable(Incomplete):
    """The answer calls itself JSON and is none."""


class Unexpected(Incomplete):
    """An error that is in no plan ended the search of a window; the window must be searched again."""


class Refused(ClusterError):  # noqa: N818 - reads as the state it names
    """The cluster refuses this request for good."""


class Undecided(WatcherError):  # noqa: N818 - reads as the state it names
    """Whether a rule matches an event cannot be said within the time limit: neither a match nor none."""


class DeliveryError(WatcherError):
    """A channel did not take a notification.

    `permanent` is true where sending the same again cannot succeed (a wrong address, a revoked webhook).
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)
