"""What the state and the cluster show of the health of all sidecars together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.delivery.channel_state import ChannelStates
from watcher.errors import ClusterError
from watcher.health.channel_health import ChannelHealth, channel_problem, read_channel_health, read_waiting
from watcher.health.given_up_messages import GivenUp, given_up_problems, read_given_up
from watcher.health.member_differences import member_problems
from watcher.health.recorded_problems import Problem
from watcher.health.silence import LEARNED_FROM, usual_silence
from watcher.health.source_problems import (
    SourceEvidence,
    not_searched,
    replaced_times,
    silent_after,
    silent_source,
    unsearchable_indices,
)
from watcher.health.state_probe import state_problem
from watcher.model import Window
from watcher.ports import EventCounts, State
from watcher.settings import Source
from watcher.state.lease_names import live_lease
from watcher.state.membership import Membership, read_membership

_LEARN_AGAIN = timedelta(minutes=10)
_COUNT_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read at a moment."""

    sources: tuple[SourceEvidence, ...]  # those that were searched before
    membership: Membership
    channels: tuple[ChannelHealth, ...]
    now: datetime
    waiting: Mapping[str, int] = field(default_factory=dict)  # messages that are not sent yet, by channel
    given_up: Mapping[str, GivenUp] = field(default_factory=dict)  # messages of the last day, by channel
    state: Problem | None = None  # why it cannot be written

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems that anybody sees."""
        return tuple(problem for problem in self._problems() if problem is not None)

    def _problems(self) -> Iterator[Problem | None]:
        yield self.state
        for source in self.sources:
            holder = self.membership.holders.get(live_lease(source.source.name), "")
            behind = not_searched(source, holder, self.membership)
            yield behind
            yield silent_source(source) if behind is None else None
            yield from unsearchable_indices(source)
            yield replaced_times(source)
        yield from map(channel_problem, self.channels)
        yield from given_up_problems(self.given_up)
        yield from member_problems(self.membership, self.waiting, self.now)


@dataclass(slots=True, kw_only=True)
class EvidenceReader:
    """Reads the evidence; what is usual for a source is learned again every ten minutes."""

    sources: Sequence[Source]
    checkpoints: Checkpoints
    counts: EventCounts
    state: State
    prefix: str
    leases: Sequence[str]  # the names of all leases
    channels: Sequence[str] = ()  # the names of the channels in settings
    period: timedelta  # of a lease
    _usual: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)  # source → when, what
    _counted: dict[str, tuple[datetime, SourceEvidence]] = field(default_factory=dict)  # source → when, what

    def read(self, now: datetime) -> Evidence:
        """Read the evidence; raises a ClusterError where the state does not answer."""
        waiting = read_waiting(self.state, self.prefix)
        return Evidence(
            now=now,
            waiting={channel: len(opened) for channel, opened in waiting.items()},
            sources=tuple(map(self._count_events, self._read_checkpoints(now))),
            membership=read_membership(self.checkpoints.documents, self.leases, self.period),
            channels=read_channel_health(waiting, ChannelStates(self.checkpoints.documents), self.channels),
            given_up=read_given_up(self.state, self.prefix, now=now),
            state=state_problem(self.state, self.prefix),
        )

    def read_sources(self, now: datetime) -> tuple[SourceEvidence, ...]:
        """Read the checkpoints alone: what a sidecar needs that leaves the problems of all to another."""
        return tuple(self._read_checkpoints(now))

    def _read_checkpoints(self, now: datetime) -> Iterator[SourceEvidence]:
        for source in self.sources:
            checkpoint = self.checkpoints.read(source.name)
            if checkpoint is not None:
                yield SourceEvidence(source=source, checkpoint=checkpoint, now=now)

    def _count_events(self, evidence: SourceEvidence) -> SourceEvidence:
        """Add the usual silence, and whether there are events within it; counted again once in a search interval."""
        source, now = evidence.source, evidence.now
        counted, previous = self._counted.get(source.name, (None, None))
        if counted is not None and previous is not None and now - counted < max(source.every, _COUNT_AGAIN):
            return replace(evidence, usual=previous.usual, recent_events=previous.recent_events)
        usual = self._learned(source, evidence.checkpoint, now)
        limit = silent_after(source, usual)
        events = None if limit is None else self._recent_events(source, evidence.checkpoint, limit)
        result = replace(evidence, usual=usual, recent_events=events)
        self._counted[source.name] = now, result
        return result

    def _learned(self, source: Source, checkpoint: Checkpoint, now: datetime) -> timedelta:
        learned, usual = self._usual.get(source.name, (None, timedelta(0)))
        if learned is not None and now - learned < _LEARN_AGAIN:
            return usual
        counts = self.checkpoints.counts(source.name, Window(start=now - LEARNED_FROM, end=now))
        usual = usual_silence(counts.keys(), checkpoint, now)
        self._usual[source.name] = now, usual
        return usual

    def _recent_events(self, source: Source, checkpoint: Checkpoint, limit: timedelta) -> int | None:
        """Count the events before the watermark; None where it was not searched for so long, or not counted."""
        start = checkpoint.watermark - limit
        if start < checkpoint.since:
            return None
        window = Window(start=start, end=checkpoint.watermark)
        try:
            (events,) = self.counts.count(source.index, (window,), time_field=source.time_field)
        except ClusterError:
            return None  # the search of the source reports why
        return events
