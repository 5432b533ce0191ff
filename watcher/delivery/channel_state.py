"""Whether a channel accepts messages: stored in the state, so that restarts and other sidecars know it.

A channel that fails backs off as a whole: its deliveries stay pending, and one of them tests the channel after each
wait. The first message that it accepts ends the wait of all others. A channel that refuses every message, as with a
wrong password, does the same with longer waits; the start of a sidecar, with other settings perhaps, ends its wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher.backoff import Backoff
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, parse_timestamp

CHANNEL_BACKOFF = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=5))
"""The wait of a channel after failures: a repaired channel gets all its messages at most five minutes later."""

REFUSED_BACKOFF = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=15))
"""The wait of a channel that refuses every message: a login that fails often may be locked."""

SHORTEST_WAIT = timedelta(seconds=1)
"""The wait after a failure, whatever a service asks for."""

_KIND = "channel"
_MAX_ERROR = 1000  # characters of an error that are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """Whether a channel, or one recipient of it, accepts messages."""

    channel: str  # as in deliveries: `mail`, or `mail/soc@example.org` for one recipient
    failures: int = 0  # attempts in a row that the channel did not accept and that are retried
    given_up: int = 0  # messages that it refused permanently since it accepted one
    since: datetime | None = None  # when the first of these failed
    error: str = ""  # of the last of them
    next_try: datetime | None = None  # nothing is sent before this time
    recovered: datetime | None = None  # when it accepted a message again
    is_refused: bool = False  # the last of these failures is about its settings, or the service, and every message

    @property
    def is_failing(self) -> bool:
        """Whether it accepted no message since the last failure."""
        return self.since is not None

    def waits(self, now: datetime) -> bool:
        """Whether nothing is sent to it yet."""
        return self.next_try is not None and now < self.next_try

    def after_failure(self, error: str, *, now: datetime, wait: timedelta | None = None) -> ChannelState:
        """Return the state after a failure that may pass: the channel waits, as long as its service asks."""
        after = self._after(error, now=now, wait=CHANNEL_BACKOFF.delay(self.failures + 1) if wait is None else wait)
        return replace(after, is_refused=False)

    def after_refusal(self, error: str, *, now: datetime, wait: timedelta | None = None) -> ChannelState:
        """Return the state after an answer that is about the channel: it waits until somebody mends it, or asks."""
        after = self._after(error, now=now, wait=REFUSED_BACKOFF.delay(self.failures + 1) if wait is None else wait)
        return replace(after, is_refused=True)

    def _after(self, error: str, *, now: datetime, wait: timedelta) -> ChannelState:
        return replace(
            self,
            failures=self.failures + 1,
            next_try=now + max(wait, SHORTEST_WAIT),
            since=self.since or now,
            error=error[:_MAX_ERROR],
        )

    def after_giving_up(self, error: str, *, now: datetime) -> ChannelState:
        """Return the state after a message that was given up: other messages are tried without a wait."""
        return replace(self, given_up=self.given_up + 1, since=self.since or now, error=error[:_MAX_ERROR])

    def after_success(self, *, now: datetime) -> ChannelState:
        """Return the state after an accepted message."""
        return ChannelState(channel=self.channel, recovered=now) if self.is_failing else self


@dataclass(frozen=True, slots=True)
class ChannelStates:
    """The states of channels, stored."""

    documents: StateDocuments

    def read(self, channel: str) -> ChannelState:
        """Return the state of a channel, realtime."""
        return self.read_all((channel,))[channel]

    def read_all(self, channels: Iterable[str]) -> Mapping[str, ChannelState]:
        """Return the state of channels by their names."""
        names = tuple(dict.fromkeys(channels))
        bodies = self.documents.read_all([_key(name) for name in names]) if names else ()
        return {name: _state(name, body) for name, body in zip(names, bodies, strict=True)}

    def change(self, channel: str, change: Callable[[ChannelState], ChannelState], *, now: datetime) -> ChannelState:
        """Change the state of a channel, and return it afterwards."""

        def changed(body: Body | None) -> Body | None:
            before = _state(channel, body)
            after = change(before)
            return None if after == before else _body(after)

        return _state(channel, self.documents.change(_key(channel), changed, now=now))


def _key(channel: str) -> DocumentKey:
    return DocumentKey(kind=_KIND, source=channel)


def _state(channel: str, body: Body | None) -> ChannelState:
    stored = body or {}
    return ChannelState(
        channel=channel,
        failures=int(stored.get("failures") or 0),
        given_up=int(stored.get("given_up") or 0),
        since=parse_timestamp(str(stored.get("since") or "")),
        error=str(stored.get("error") or ""),
        next_try=parse_timestamp(str(stored.get("next_try") or "")),
        recovered=parse_timestamp(str(stored.get("recovered") or "")),
        is_refused=bool(stored.get("refused")),
    )


def _body(state: ChannelState) -> Body:
    return {
        "failures": state.failures,
        "given_up": state.given_up,
        "since": _text(state.since),
        "error": state.error,
        "next_try": _text(state.next_try),
        "recovered": _text(state.recovered),
        "refused": state.is_refused,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
