"""Silences in the state: all of them in one document, changed by conditional writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from watcher.errors import InputError
from watcher.routes.silences import SilencePhase, StoredSilence
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

MOST_SILENCES = 200
"""The silences that are not expired, at most: one document must hold them all."""

_KEY = DocumentKey(kind="silences", source="")
_KEPT = timedelta(days=31)  # after its end
_MOST_EXPIRED = 200

NOTICE_CLAIM = timedelta(minutes=2)
"""How long a sidecar may take to send the notice about an end before another one sends it."""


@dataclass(frozen=True, slots=True)
class SilenceStore:
    """Reads and changes the stored silences."""

    documents: StateDocuments

    def read(self) -> tuple[StoredSilence, ...]:
        """Return all stored silences, realtime, in the order in which they were created."""
        return _silences(self.documents.read(_KEY))

    def create(self, silence: StoredSilence, *, now: datetime) -> None:
        """Store a silence; what is long expired is forgotten.

        Raises InputError where there are too many.
        """

        def changed(before: Sequence[StoredSilence]) -> Sequence[StoredSilence]:
            if any(other.id == silence.id for other in before):  # written by an attempt whose answer was lost
                return before
            return (*_kept(before, now), silence)

        self._change(changed, now)

    def expire(self, silence_id: str, *, by: str, now: datetime) -> StoredSilence:
        """End a silence now, and return it; raises InputError where none of this id is active or pending."""

        def changed(silence: StoredSilence) -> StoredSilence:
            if silence.phase(now) is SilencePhase.EXPIRED:
                raise InputError(f"the silence `{silence_id}` is expired already", fix="`watcher silences` lists them")
            return replace(silence, until=now, start=min(silence.start, now), expired_by=by)

        return self._change_silence(silence_id, changed, now)

    def claim_notice(self, silence_id: str, *, now: datetime) -> bool:
        """Claim the notice about the end of a silence; false where another sidecar sends it, or it was sent."""
        claimed = False

        def changed(silence: StoredSilence) -> StoredSilence:
            nonlocal claimed
            claimed = silence.notified is None and not (silence.notice_claimed and now < silence.notice_claimed)
            return replace(silence, notice_claimed=now + NOTICE_CLAIM) if claimed else silence

        self._change_silence(silence_id, changed, now)
        return claimed

    def mark_notified(self, silence_id: str, *, now: datetime) -> None:
        """Record that operators heard of the end of a silence."""
        self._change_silence(silence_id, lambda silence: replace(silence, notified=now), now)

    def _change_silence(
        self, silence_id: str, change: Callable[[StoredSilence], StoredSilence], now: datetime
    ) -> StoredSilence:
        def changed(before: Sequence[StoredSilence]) -> Sequence[StoredSilence]:
            if not any(silence.id == silence_id for silence in before):
                raise InputError(f"no silence has the id `{silence_id}`", fix="`watcher silences` lists them")
            return tuple(change(silence) if silence.id == silence_id else silence for silence in before)

        return next(silence for silence in self._change(changed, now) if silence.id == silence_id)

    def _change(
        self, change: Callable[[Sequence[StoredSilence]], Sequence[StoredSilence]], now: datetime
    ) -> tuple[StoredSilence, ...]:
        def changed(body: Body | None) -> Body:
            return {**(body or {}), "silences": [silence.as_document() for silence in change(_silences(body))]}

        return _silences(self.documents.change(_KEY, changed, now=now))


def _kept(silences: Iterable[StoredSilence], now: datetime) -> tuple[StoredSilence, ...]:
    """Return the silences without those that are long expired, with room for one more."""
    current = [silence for silence in silences if silence.phase(now) is not SilencePhase.EXPIRED]
    if len(current) >= MOST_SILENCES:
        raise InputError(f"there are {MOST_SILENCES} silences", fix="end some by `watcher silence --expire ID`")
    expired = [silence for silence in silences if silence.phase(now) is SilencePhase.EXPIRED]
    # one whose end nobody heard of yet is kept
    recent = [silence for silence in expired if silence.notified is None or now - silence.until < _KEPT]
    return (*recent[-_MOST_EXPIRED:], *current)


def _silences(body: Body | None) -> tuple[StoredSilence, ...]:
    stored: Any = (body or {}).get("silences")
    entries = stored if isinstance(stored, list) else []
    read = (StoredSilence.from_document(entry) for entry in entries if isinstance(entry, dict))
    return tuple(silence for silence in read if silence is not None)
