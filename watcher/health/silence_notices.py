"""The end of a silence: operators hear once what it held back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import structlog

from watcher.counted_nouns import counted
from watcher.delivery.silence_store import SilenceStore
from watcher.delivery.silenced_alerts import SilencedAlerts, SilencedCounts
from watcher.delivery.window_records import WindowRecords
from watcher.notify.operators import OperatorNotifier
from watcher.routes.silences import MaintenanceWindow, SilencePhase, StoredSilence

log = structlog.get_logger(__name__)

_MINUTES = "%Y-%m-%d %H:%M"
_MOST_LISTED = 10  # rules or hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceNotices:
    """Notifies operators of silences that ended.

    A notice is claimed before it is sent, and marked afterwards. So one sidecar sends it, and after a crash in between
    another one does.
    """

    store: SilenceStore
    windows: WindowRecords
    configured: Sequence[MaintenanceWindow] = ()
    silenced: SilencedAlerts
    operators: OperatorNotifier

    def send(self, now: datetime) -> int:
        """Send the notices of all silences that ended, and return how many."""
        ended = [silence for silence in self.store.read() if _is_due(silence, now)]
        return sum(self._send(silence, now) for silence in ended) + sum(self._send_windows(now))

    def _send(self, silence: StoredSilence, now: datetime) -> bool:
        if not self.store.claim_notice(silence.id, now=now):
            return False
        counts = self.silenced.of(silence.answer)
        log.info("silence.ended", silence=silence.id, alerts=counts.alerts)
        subject, text = notice_texts(silence, counts)
        if self.operators.channels and not self.operators.notify(subject, text):
            return False  # tried again when the claim ends
        self.store.mark_notified(silence.id, now=now)
        return True

    def _send_windows(self, now: datetime) -> Iterator[bool]:
        """Send the notices of maintenance windows that hold no longer; of one that held nothing back, none."""
        holding = {window.name for window in self.configured if window.holds(now)}
        for name, record in self.windows.read().items():
            if name not in holding and self.windows.claim_notice(name, now=now):
                yield self._send_window(
                    MaintenanceWindow(name=name, matchers=(), calendars=(), since=record.since), now
                )

    def _send_window(self, window: MaintenanceWindow, now: datetime) -> bool:
        counts = self.silenced.of(window.answer)
        log.info("maintenance.ended", window=window.name, alerts=counts.alerts)
        subject, text = window_notice_texts(window, counts)
        is_sent = bool(counts.alerts and self.operators.channels and self.operators.notify(subject, text))
        if counts.alerts and self.operators.channels and not is_sent:
            return False  # tried again when the claim ends
        self.windows.forget(window.name, now=now)
        return is_sent


def _is_due(silence: StoredSilence, now: datetime) -> bool:
    is_claimed = silence.notice_claimed is not None and now < silence.notice_claimed
    return silence.phase(now) is SilencePhase.EXPIRED and silence.notified is None and not is_claimed


def notice_texts(silence: StoredSilence, counts: SilencedCounts) -> tuple[str, str]:
    """Return subject and text of the notice about a silence that ended."""
    how = f"was ended by {silence.expired_by}" if silence.expired_by else "ended"
    alerts = counted(counts.alerts, "alert")
    subject = f"a silence {how}; it held back {alerts}"
    lines = [
        f"The silence {silence.id} of {silence.by} {how} ({silence.reason}).",
        f"It meant {', '.join(map(str, silence.matchers))}.",
        f"From {silence.start:{_MINUTES}} to {silence.until:{_MINUTES}} UTC it held back {alerts}.",
        *_listed("rule", counts.rules),
        *_listed("host", counts.hosts),
    ]
    return subject, "\n".join(lines)


def window_notice_texts(window: MaintenanceWindow, counts: SilencedCounts) -> tuple[str, str]:
    """Return subject and text of the notice about a maintenance window that ended."""
    alerts = counted(counts.alerts, "alert")
    subject = f"the maintenance window {window.name} ended; it held back {alerts}"
    lines = [
        f"The {window.answer} held back {alerts}.",
        *_listed("rule", counts.rules),
        *_listed("host", counts.hosts),
    ]
    return subject, "\n".join(lines)


def _listed(what: str, counts: Mapping[str, int]) -> Sequence[str]:
    lines = [f"{what} {name}: {count:,}" for name, count in islice(counts.items(), _MOST_LISTED)]
    further = len(counts) - len(lines)
    return [*lines, f"and {further:,} more {what}s"] if further > 0 else lines
