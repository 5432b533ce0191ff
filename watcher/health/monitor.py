"""Watches the health of this sidecar and of all together, records problems, and notifies operators once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from watcher.errors import ClusterError
from watcher.health.activity import Activity
from watcher.health.channel_health import ChannelHealth, channel_of
from watcher.health.cluster_clock import ClusterClock
from watcher.health.evidence import EvidenceReader
from watcher.health.notices import Notice, notice_of
from watcher.health.outside_events import OutsideCounts, grown_counts
from watcher.health.problem_record import ProblemRecord
from watcher.health.recorded_problems import Problem, ProblemKind, RecordedProblem, Report, mark_notified, merge_report
from watcher.health.source_problems import SourceEvidence
from watcher.notify.operators import OperatorNotifier
from watcher.state.lease_names import DELIVERY
from watcher.state.leases import Leases

log = structlog.get_logger(__name__)

_STOPS_ALERTS = frozenset(
    {
        ProblemKind.NOT_SEARCHED,
        ProblemKind.SEARCH_FAILS,
        ProblemKind.CLUSTER_AWAY,
        ProblemKind.STATE_NOT_WRITABLE,
        ProblemKind.DELIVERY_FAILS,
        ProblemKind.CHANNEL_FAILS,
    }
)
"""The kinds of problems that keep alerts from people: the dead-man's switch is not called meanwhile."""

_OF_CHANNELS = frozenset({ProblemKind.CHANNEL_FAILS, ProblemKind.MESSAGES_GIVEN_UP})
"""The kinds of problems of channels: another channel tells operators of them."""


def _nothing() -> Sequence[Problem]:
    return ()


def _ignore(
    _sources: Sequence[SourceEvidence], _channels: Sequence[ChannelHealth], _recorded: Sequence[RecordedProblem]
) -> None:
    """Do nothing."""


Observer = Callable[[Sequence[SourceEvidence], Sequence[ChannelHealth], Sequence[RecordedProblem]], None]
"""Gets what a check read; the channels only where this sidecar watches them."""


@dataclass(slots=True, kw_only=True)
class HealthMonitor:
    """Compares what is recorded with what is seen, at each call of `check`.

    The holder of the delivery lease notifies operators. While the state does not answer, that is the sidecar that
    should hold it; what it notified of is recorded when the state answers again.
    """

    leases: Leases
    activity: Activity
    reader: EvidenceReader
    record: ProblemRecord
    operators: OperatorNotifier
    clock: ClusterClock
    own: Callable[[], Sequence[Problem]] = _nothing  # problems beside those of the jobs: of rules and settings
    observe: Observer = _ignore
    _recorded: tuple[RecordedProblem, ...] = ()  # as last read, or continued in memory
    _is_offline: bool = False  # whether memory holds what the state does not
    _checked: bool = field(default=False)

    def check(self) -> None:
        """Record the problems as they are now, and notify operators of what is new and what is over."""
        now = self.clock.adjust()
        own = (*self.activity.problems(), *self.own())
        try:
            self._check(own, now)
        except ClusterError:
            self._check_offline(own, now)
        self._checked = True

    @property
    def is_alerting(self) -> bool:
        """Whether alerts reach people, as far as the last check saw."""
        return self._checked and not any(
            entry.problem.kind in _STOPS_ALERTS and entry.ended is None for entry in self._recorded
        )

    def _check(self, own: Sequence[Problem], now: datetime) -> None:
        evidence = self.reader.read(now) if self.leases.holds(DELIVERY) else None
        sources = self.reader.read_sources(now) if evidence is None else evidence.sources
        report = self._report(own, None if evidence is None else evidence.problems())
        offline = self._recorded if self._is_offline else ()
        recorded = self.record.merge(report, offline, now=now)
        self._log_changes(recorded)
        self._recorded, self._is_offline = recorded, False
        self.observe(sources, () if evidence is None else evidence.channels, recorded)
        if evidence is not None:
            self._notify(sources, now)

    def _notify(self, sources: Sequence[SourceEvidence], now: datetime) -> None:
        counts, sentences = self._outside(sources, now)
        notice = notice_of(self._recorded, sentences, now=now)
        if notice is not None and self._send(notice):
            self._recorded = self.record.mark(notice.notified, notice.over, now=now)
        elif sentences:
            return  # no channel accepted it: the next check tries again
        if counts:
            self.record.record_outside_events(counts, now=now)

    def _outside(
        self, sources: Sequence[SourceEvidence], now: datetime
    ) -> tuple[Mapping[str, OutsideCounts], Sequence[str]]:
        previous = self.record.outside_events()
        counts: dict[str, OutsideCounts] = {}
        sentences: list[str] = []
        for source in sources:
            name = source.source.name
            current, sentence = grown_counts(source.source, source.checkpoint, previous.get(name), now=now)
            if current is not None:
                counts[name] = current
            if sentence:
                sentences.append(sentence)
        return counts, sentences

    def _check_offline(self, own: Sequence[Problem], now: datetime) -> None:
        """Continue in memory while the state does not answer, or cannot be written."""
        recorded = merge_report(self._recorded, self._report(own, None), now=now)
        self._log_changes(recorded)
        self._recorded, self._is_offline = recorded, True
        notice = notice_of(recorded, (), now=now) if self.leases.is_rightful(DELIVERY) else None
        if notice is not None and self._send(notice):
            self._recorded = mark_notified(recorded, notice.notified, notice.over, now=now)

    def _report(self, own: Sequence[Problem], shared: tuple[Problem, ...] | None) -> Report:
        return Report(member=self.leases.member, alive=self.leases.alive, own=tuple(own), shared=shared)

    def _send(self, notice: Notice) -> bool:
        """Send a notice through the channels that work; whether operators heard of it, or there are none to hear."""
        if not self.operators.channels:
            return True
        avoided = {
            channel_of(entry.problem.subject)
            for entry in self._recorded
            if entry.problem.kind in _OF_CHANNELS and entry.ended is None
        }
        return bool(self.operators.notify(notice.subject, notice.text, avoided=avoided))

    def _log_changes(self, recorded: Sequence[RecordedProblem]) -> None:
        before = {entry.key for entry in self._recorded if entry.ended is None}
        after = {entry.key for entry in recorded if entry.ended is None}
        for entry in recorded:
            if entry.key in after - before:
                log.warning("problem.began", kind=str(entry.problem.kind), problem=entry.problem.message)
        for entry in self._recorded:
            if entry.key in before - after:
                log.info("problem.ended", kind=str(entry.problem.kind), problem=entry.problem.title)
