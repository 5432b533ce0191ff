"""The status of a running watcher: what was searched, who holds which lease, which deliveries are pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.components import Components
from watcher.delivery.deliveries import delivery_entries
from watcher.errors import ClusterError
from watcher.health.evidence import Evidence
from watcher.health.member_differences import absent_channels
from watcher.health.recorded_problems import Problem, RecordedProblem
from watcher.model import UnsearchableIndex, Window
from watcher.ports import EventSource, IndexMapping
from watcher.routes.silences import SilencePhase
from watcher.search.source_faults import source_faults, time_paths
from watcher.search.unsearchable_indices import unsearchable_indices
from watcher.settings import Source
from watcher.usecases.silence_requests import ListedSilence, list_silences

ALERTS_COUNTED = 1000
"""Of how many of the newest alerts the deliveries are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How far a source was searched, and what could not be."""

    source: Source
    checkpoint: Checkpoint | None  # None: it was never searched
    mapping: IndexMapping
    now: datetime
    left_out: tuple[UnsearchableIndex, ...] = ()  # by a search of recent events: closed, blocked, without a shard …

    @property
    def lag(self) -> timedelta | None:
        """The time between the watermark and now."""
        return None if self.checkpoint is None else self.now - self.checkpoint.watermark

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices of the pattern that searches leave out, that were deleted, or that keep no `_source`."""
        return tuple(self._unsearchable())

    def _unsearchable(self) -> Iterator[UnsearchableIndex]:
        yield from self.left_out
        for name in self.mapping.without_source:
            yield UnsearchableIndex(index=name, reason="keeps no `_source`: its events match no rule")
        for lost in self.checkpoint.lost_indices if self.checkpoint else ():
            gone = f"{lost.events:,} searched events are gone" if lost.events else "its events are gone"
            reason = f"deleted (noticed {lost.noticed:%Y-%m-%d %H:%M}); {gone}"
            yield UnsearchableIndex(index=", ".join(lost.indices), reason=reason)
        if not self.mapping.indices and not self.left_out:
            yield UnsearchableIndex(index=self.source.index, reason="no index matches this pattern")

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the indices that are searched, a sentence each."""
        return source_faults(self.source, self.mapping)

    @property
    def needs_attention(self) -> bool:
        """Whether it was never searched, has gaps, faults or unsearchable indices."""
        return bool(self.checkpoint is None or self.unsearchable or self.faults or self.checkpoint.gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCount:
    """How many messages to a channel are in a state."""

    channel: str
    state: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseStatus:
    """Who holds a lease, and whether that sidecar still runs."""

    lease: str
    holder: str  # empty: nobody
    is_alive: bool
    last_seen: datetime | None  # None: it is not a member, or of a version that does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """A living sidecar, and its rules as it read them last."""

    member: str
    rules_run: int
    rules_not_run: Mapping[str, int]  # reason → rules, or files that are faulty
    since: datetime | None  # when its rules, channels or settings last changed


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentProblem:
    """A problem that lasts, and since when it is recorded."""

    problem: Problem
    since: datetime | None  # None: no sidecar recorded it yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of all sources, leases and channels."""

    sources: tuple[SourceStatus, ...]
    problems: tuple[CurrentProblem, ...]
    leases: tuple[LeaseStatus, ...]
    members: tuple[MemberStatus, ...]
    deliveries: tuple[DeliveryCount, ...]  # of the newest alerts
    silences: tuple[ListedSilence, ...] = ()  # that are not expired

    @property
    def needs_attention(self) -> bool:
        """Whether there is a problem, a source needs attention, or a message was given up."""
        failed = any(delivery.state == "failed" for delivery in self.deliveries)
        return bool(self.problems) or failed or any(source.needs_attention for source in self.sources)


def read_status(components: Components) -> Status:
    """Return the status as state and cluster hold it now."""
    components.installation().version.require_current()
    events, checkpoints = components.events(), components.checkpoints()
    now = events.now()
    sources = tuple(_source_status(source, events, checkpoints, now) for source in components.settings.sources)
    evidence = components.evidence_reader().read(now)
    channels = [channel.name for channel in components.settings.channels]
    return Status(
        sources=sources,
        problems=_current_problems(
            (*absent_channels(evidence.membership, channels, now), *evidence.problems()),
            components.problem_record().read(),
            evidence.membership.alive(now),
        ),
        leases=tuple(_leases(evidence, now)),
        members=tuple(_members(evidence, now)),
        deliveries=_count_deliveries(components),
        silences=tuple(entry for entry in list_silences(components) if entry.phase is not SilencePhase.EXPIRED),
    )


def _source_status(source: Source, events: EventSource, checkpoints: Checkpoints, now: datetime) -> SourceStatus:
    mapping = events.mapping(source.index, time_paths(source))
    recent = Window(start=now - source.late_events.past, end=now)
    try:
        left_out = unsearchable_indices(events, source, mapping, recent)
    except ClusterError as error:
        left_out = (UnsearchableIndex(index=source.index, reason=str(error)),)
    return SourceStatus(
        source=source, checkpoint=checkpoints.read(source.name), mapping=mapping, now=now, left_out=left_out
    )


def _leases(evidence: Evidence, now: datetime) -> Iterator[LeaseStatus]:
    membership = evidence.membership
    for lease, holder in membership.holders.items():
        seen = membership.last_seen.get(holder)
        yield LeaseStatus(lease=lease, holder=holder, is_alive=membership.is_alive(holder, now), last_seen=seen)


def _members(evidence: Evidence, now: datetime) -> Iterator[MemberStatus]:
    membership = evidence.membership
    for member in sorted(membership.alive(now)):
        profile = membership.profiles.get(member)
        if profile is not None:
            not_run = {state: count for state, count in profile.rule_states.items() if count and state != "enabled"}
            yield MemberStatus(member=member, rules_run=profile.rule_count, rules_not_run=not_run, since=profile.since)


def _current_problems(
    seen: Iterable[Problem], recorded: Sequence[RecordedProblem], alive: frozenset[str]
) -> tuple[CurrentProblem, ...]:
    """Return what the state shows now, and what living sidecars report of themselves."""
    started = {entry.key: entry.since for entry in recorded if entry.ended is None}
    problems = {problem.key: problem for problem in seen}
    for entry in recorded:
        if entry.ended is None and not alive.isdisjoint(entry.members):
            problems.setdefault(entry.key, entry.problem)
    return tuple(CurrentProblem(problem=problem, since=started.get(key)) for key, problem in problems.items())


def _count_deliveries(components: Components) -> tuple[DeliveryCount, ...]:
    counts = Counter(
        (str(delivery["channel"]), str(delivery["state"]))
        for alert in components.alert_store().alerts(size=ALERTS_COUNTED)
        for delivery in delivery_entries(alert.document)
    )
    return tuple(
        DeliveryCount(channel=channel, state=state, count=count) for (channel, state), count in sorted(counts.items())
    )
