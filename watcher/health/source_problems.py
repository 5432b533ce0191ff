"""Problems of a source that anybody sees in the state: nobody searches it, or it has no events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from watcher.alerts.grouping import FURTHEST_AHEAD, FURTHEST_PAST
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.counted_nouns import counted
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.health.silence import silence_limit
from watcher.pipeline.undecided_rules import UndecidedRule
from watcher.settings import Source
from watcher.settings.formats import parse_duration
from watcher.state.membership import Membership

_MOST_INDICES = 50  # that are a problem each
_LONGEST_REASON = 500
_REPLACED_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvidence:
    """What the state and the cluster hold about a source."""

    source: Source
    checkpoint: Checkpoint
    now: datetime  # the cluster's time
    usual: timedelta | None = None  # the usual silence; None: the source is never reported as silent
    recent_events: int | None = None  # events within the limit of silence before the watermark; None: not counted

    @property
    def lag(self) -> timedelta:
        """The time between the watermark and now."""
        return self.now - self.checkpoint.watermark


def silent_after(source: Source, usual: timedelta) -> timedelta | None:
    """Return how long a source may have no events; None: any time."""
    if source.silent_after == "never":
        return None
    return silence_limit(usual) if source.silent_after == "auto" else parse_duration(source.silent_after)


def silent_source(evidence: SourceEvidence) -> Problem | None:
    """Return the problem of a source without events, None where it has some or they were not counted."""
    if evidence.usual is None or evidence.recent_events is None or evidence.recent_events:
        return None
    limit = silent_after(evidence.source, evidence.usual)
    name = evidence.source.name
    usual = f"it is usually silent for {_minutes(evidence.usual)} at most; " if evidence.usual else ""
    return Problem(
        kind=ProblemKind.SILENT_SOURCE,
        subject=name,
        title=f"`{name}` has no events",
        message=(
            f"`{name}` (`{evidence.source.index}`) has had no events for {_minutes(limit or timedelta())} or longer; "
            f"{usual}check what sends them, or set `silent_after` of the source"
        ),
    )


def unsearchable_indices(evidence: SourceEvidence) -> tuple[Problem, ...]:
    """Return a problem for each index that searches of a source leave out: operators hear of each, and of its end."""
    name = evidence.source.name
    reasons: dict[str, str] = {}
    for gap in sorted(evidence.checkpoint.gaps, key=lambda gap: gap.window.start):
        for index in gap.indices:
            reasons[index] = _reason_of(index, gap)  # that of its newest gap
    listed = [_unsearchable(name, index, reason) for index, reason in islice(reasons.items(), _MOST_INDICES)]
    rest = len(reasons) - _MOST_INDICES
    return (*listed, _further_indices(name, rest)) if rest > 0 else tuple(listed)


def _reason_of(index: str, gap: Gap) -> str:
    """Return why an index was not searched: its part of the reason of a gap of several."""
    _, _, part = gap.reason.partition(f"`{index}`: ")
    ends = (part.find(f"; `{other}`: ") for other in gap.indices)
    return part[: min((end for end in ends if end >= 0), default=len(part))] or gap.reason


def _unsearchable(name: str, index: str, reason: str) -> Problem:
    title = f"`{name}` is searched without `{index}`"
    return Problem(
        kind=ProblemKind.UNSEARCHABLE_INDEX,
        subject=f"{name} {index}",
        title=title,
        message=f"{title}: {reason[:_LONGEST_REASON]}; what it holds is searched as soon as it can be",
    )


def _further_indices(name: str, count: int) -> Problem:
    title = f"`{name}` is searched without further indices"
    message = f"`{name}` is searched without {counted(count, 'further index', 'further indices')}"
    return Problem(
        kind=ProblemKind.UNSEARCHABLE_INDEX,
        subject=f"{name} further",
        title=title,
        message=f"{message}; `watcher status` lists them",
    )


def faulty_source(source: Source, faults: Sequence[str]) -> Problem | None:
    """Return the problem of a source whose indices show faults of settings or privileges, None without any."""
    if not faults:
        return None
    title = f"the indices of `{source.name}` are not as settings expect"
    return Problem(
        kind=ProblemKind.SOURCE_FAULTS, subject=source.name, title=title, message=f"{title}: {'; '.join(faults)}"
    )


def replaced_times(evidence: SourceEvidence) -> Problem | None:
    """Return the problem of a source with matched events of impossible times within a day, None without any."""
    checkpoint, source = evidence.checkpoint, evidence.source
    if checkpoint.last_replaced_time is None or evidence.now - checkpoint.last_replaced_time > _REPLACED_LATELY:
        return None
    title = f"`{source.name}` has matched events with an impossible `@timestamp`"
    return Problem(
        kind=ProblemKind.REPLACED_TIMES,
        subject=source.name,
        title=title,
        message=(
            f"{title}, {checkpoint.replaced_times:,} so far: more than {FURTHEST_PAST.days} days before their "
            f"`{source.time_field}`, or {FURTHEST_AHEAD.days} days after it; their alerts have the time of that field; "
            "check the clock of what sends them, and who may write to the index"
        ),
    )


def undecided_events(source: Source, rules: Iterable[UndecidedRule]) -> tuple[Problem, ...]:
    """Return a problem for each rule that takes too long on events of a source, and leaves them undecided."""
    return tuple(_undecided(source, entry) for entry in rules)


def _undecided(source: Source, entry: UndecidedRule) -> Problem:
    title = f"the rule `{entry.rule.title}` takes too long on events of `{source.name}`"
    return Problem(
        kind=ProblemKind.UNDECIDED_EVENTS,
        subject=f"{source.name} {entry.rule.id}",
        title=title,
        message=(
            f"{title}, which stay undecided; their alerts begin with `Undecided:`; look at these events, and rewrite "
            f"{entry.rule.location} without repetitions inside repetitions"
        ),
    )


def not_searched(evidence: SourceEvidence, holder: str, membership: Membership) -> Problem | None:
    """Return the problem of a source that nobody searches, or that is far behind; None where it is searched.

    `holder` is the sidecar that holds the lease of the source's live search, empty where there is none. Two searches
    may be missed; one of a living sidecar may take as long as the source's `budget`.
    """
    source = evidence.source
    is_alive = membership.is_alive(holder, evidence.now)
    patience = max(2 * source.every, membership.period)
    if is_alive:
        patience = max(patience, source.budget) + source.every
    if evidence.lag <= source.delay + patience:
        return None
    until = f"{evidence.checkpoint.watermark:%Y-%m-%d %H:%M:%S} UTC"
    if is_alive:
        title = f"`{source.name}` is far behind"
        reason = f"sidecar `{holder}` runs, but its search takes long or fails; see its log"
    else:
        title = f"nobody searches `{source.name}`"
        reason = _absence(holder, membership)
    return Problem(
        kind=ProblemKind.NOT_SEARCHED,
        subject=source.name,
        title=title,
        message=f"{title}: it was searched until {until}; {reason}",
    )


def _absence(holder: str, membership: Membership) -> str:
    if not holder:
        return "no sidecar holds its lease; start `watcher run`"
    seen = membership.last_seen.get(holder)
    since = f" since {seen:%H:%M:%S} UTC" if seen else ""
    return f"sidecar `{holder}` has not renewed its leases{since}; start `watcher run`, or see why it cannot write them"


def _minutes(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes >= 120:
        return f"{length.total_seconds() / 3600:.0f} hours"
    return counted(minutes, "minute") if minutes else counted(round(length.total_seconds()), "second")
