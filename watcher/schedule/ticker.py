"""One source: its live edge, its holes and its late events, each searched when it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from watcher.checkpoints.checkpoints import Checkpoint, Checkpoints, LostIndices
from watcher.checkpoints.gaps import (
    SLICE,
    Gap,
    adjacent_slices,
    last_piece,
    merge_gaps,
    pieces,
    slice_ceiling,
    slice_floor,
    without_span,
)
from watcher.clock import SystemClock
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused, Unexpected
from watcher.model import Window
from watcher.pipeline import DetectionScope, Detector, PreparedRule, Stopped, Stopping, WindowResult
from watcher.ports import Clock
from watcher.schedule.live_window import DueWindow, due_window
from watcher.settings import Source

log = structlog.get_logger(__name__)

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = timedelta(days=365 * 100)


@dataclass(slots=True)
class Ticker:
    """Searches what is due of one source; coverage tells what that is, here or in another sidecar."""

    detector: Detector
    coverage: Checkpoints
    clock: Clock = field(default_factory=SystemClock)
    stopping: Stopping = lambda: False  # for the live edge; asked before every side effect
    stopping_past: Stopping = lambda: False  # for holes and sweeps
    _since: tuple[Detector, Mapping[str, datetime]] | None = None  # of whose rules each is watched since when

    @property
    def source(self) -> Source:
        """The source."""
        return self.detector.source

    def renew(self, rules: Sequence[PreparedRule]) -> None:
        """Watch by other rules from the next search on; one that is under way ends by those that it began with."""
        self.detector = self.detector.with_rules(rules)

    # ---- the live edge

    def tick(self) -> WindowResult | None:
        """Search the window that is due at the live edge; None where none is.

        What was not searched whole becomes a hole. Raises a ClusterError where the cluster or the state does not
        answer: coverage stands still, the next tick begins there; an Incomplete where the state was deleted meanwhile:
        the next tick begins anew, and says so. Raises Stopped where it is asked to end.
        """
        detector = self.detector
        now = detector.events.now()
        checkpoint = self.coverage.read(self.source.name)
        due = due_window(self.source, checkpoint, now)
        if due is None:
            return None
        since = self._watched(detector, checkpoint, due, now)
        try:
            detected = detector.detect(due.window, DetectionScope(since=since, stopping=self.stopping))
        except (Incomplete, Overloaded, Refused) as fault:
            self._advance(due, checkpoint, (_gap(due.window, fault, now),), None, now)
            raise
        gaps = [_gap(due.window, one.error, now, one.plan.rule.id) for one in detected.failed]
        self._advance(due, checkpoint, gaps, (detector, detected), now)
        self._say(detected)
        return detected

    def _watched(
        self, detector: Detector, checkpoint: Checkpoint | None, due: DueWindow, now: datetime
    ) -> Mapping[str, datetime]:
        """Tell since when each rule is watched; noted once, and again where rules changed or the state was lost."""
        known = self._known(detector)
        if known is None or checkpoint is None:
            if checkpoint is None:
                say = log.info if self._since is None else log.error
                say("coverage.begins", source=self.source.name, since=due.since.isoformat())
            if checkpoint is None:
                edge = due.since
            else:  # version 1 did not note its rules: they were watched all the same
                edge = checkpoint.until if self.coverage.since(self.source.name) else checkpoint.since
            rules = (one.rule for one in detector.rules)
            known = self.coverage.watched(self.source.name, rules, edge, now=now)
            self._since = detector, known
        return known

    def _known(self, detector: Detector) -> Mapping[str, datetime] | None:
        return self._since[1] if self._since is not None and self._since[0] is detector else None

    def _advance(
        self,
        due: DueWindow,
        before: Checkpoint | None,
        gaps: Sequence[Gap],
        done: tuple[Detector, WindowResult] | None,
        now: datetime,
    ) -> None:
        """Write the new live edge, and what lies behind it unsearched."""
        rules, detected = ((), None) if done is None else (done[0].rules, done[1])
        if detected is not None:
            self.coverage.count(self.source.name, due.window, detected.counts, now=now)
        whole = len(gaps) == len(rules) > 0
        if whole:
            gaps = [replace(gaps[0], rules=())]
        if due.skipped is not None:
            gaps = [*gaps, Gap(window=due.skipped, reason="not searched yet", due=now)]
        missed = {name for gap in gaps for name in gap.rules}
        searched = None if not missed else [one.rule.id for one in rules if one.rule.id not in missed]

        def change(known: Checkpoint) -> Checkpoint:
            left = known.gaps if detected is None or whole else without_span(known.gaps, due.window, searched)
            return replace(
                known,
                until=max(known.until, due.window.end),
                gaps=merge_gaps((*left, *gaps)),
                indices=known.indices if detected is None else detected.indices,
            )

        if before is None:
            begun = Checkpoint(since=slice_floor(due.since), until=due.window.end)
            self.coverage.change(self.source.name, lambda checkpoint: change(checkpoint or begun), now=now)
        else:
            self._change(change, now)

    def _say(self, detected: WindowResult) -> None:
        source = self.source
        if not detected.indices:
            log.warning("index.missing", source=source.name, index=source.index, advice="nothing can be found yet")
        log.info(
            "window.searched",
            source=source.name,
            start=detected.window.start.isoformat(),
            end=detected.window.end.isoformat(),
            events=sum(detected.counts.values()),
            hits=detected.hits,
            alerts=detected.alerts,
            failed=len(detected.failed) + len(detected.refused),
            unreadable=len(detected.unreadable),
            undecided=len(detected.undecided),
        )

    # ---- holes

    def fill(self, budget: timedelta) -> tuple[WindowResult, ...]:
        """Search holes that are due, slice by slice, for as long as the budget lasts; none longer than `slice`.

        A slice that fails again waits longer each time, and keeps no other waiting. Raises a ClusterError where the
        cluster or the state does not answer, Stopped where it is asked to end.
        """
        ends = self.clock.monotonic() + budget.total_seconds()
        done: list[WindowResult] = []
        while self.clock.monotonic() < ends:
            if self.stopping_past():
                raise Stopped
            now = self.detector.events.now()
            checkpoint = self.coverage.read(self.source.name)
            gap = self._next(checkpoint, now)
            if gap is None:
                break
            done.extend(self._fill(gap, now))
        return tuple(done)

    def _next(self, checkpoint: Checkpoint | None, now: datetime) -> Gap | None:
        """Give the piece of a hole that is to be searched next: the oldest or the newest, as settings say."""
        due = [gap for gap in (checkpoint.gaps if checkpoint else ()) if gap.due <= now]
        if not due:
            return None
        oldest_first = self.source.catch_up == "oldest"
        gap = min(due, key=lambda one: one.window) if oldest_first else max(due, key=lambda one: one.window)
        longest = self.source.slice
        return replace(
            gap, window=next(pieces(gap.window, longest)) if oldest_first else last_piece(gap.window, longest)
        )

    def _fill(self, gap: Gap, now: datetime) -> Iterator[WindowResult]:
        detector = self.detector
        known = {one.rule.id for one in detector.rules}
        if gap.rules and known.isdisjoint(gap.rules):  # rules that are gone have no holes
            self._change(
                lambda checkpoint: replace(checkpoint, gaps=without_span(checkpoint.gaps, gap.window, gap.rules)), now
            )
            return
        rules = frozenset(gap.rules) if gap.rules else None
        try:
            detected = detector.detect(gap.window, self._asked(detector, gap.window.end, rules))
        except (Incomplete, Overloaded, Refused) as fault:
            self._failed(gap, [gap.again(str(fault), now=now)], now)
            log.warning("hole.failed", source=self.source.name, window=str(gap.window), error=str(fault))
            return
        if rules is None:  # what some rules searched is not counted: the others have not seen what came meanwhile
            self.coverage.count(self.source.name, gap.window, detected.counts, now=now)
        again = gap.again("", now=now)
        left = [replace(again, reason=str(one.error), rules=(one.plan.rule.id,)) for one in detected.failed]
        self._failed(gap, left, now)
        log.info("hole.closed", source=self.source.name, window=str(gap.window), hits=detected.hits)
        yield detected

    def _asked(self, detector: Detector, end: datetime, rules: frozenset[str] | None = None) -> DetectionScope:
        """Say how a span of the past is searched: by rules that are new here and not watched yet, not at all."""
        known = self._known(detector)
        if known is None:
            known = self.coverage.since(self.source.name)
        since = {one.rule.id: known.get(one.rule.id, end) for one in detector.rules}
        return DetectionScope(rules=rules, since=since, stopping=self.stopping_past)

    def _failed(self, gap: Gap, left: Sequence[Gap], now: datetime) -> None:
        """Put what is left of a piece of a hole in its place."""
        rules = gap.rules or None

        def change(checkpoint: Checkpoint) -> Checkpoint:
            return replace(checkpoint, gaps=merge_gaps((*without_span(checkpoint.gaps, gap.window, rules), *left)))

        self._change(change, now)

    def _change(self, change: Callable[[Checkpoint], Checkpoint], now: datetime) -> None:
        """Change coverage; not where it was deleted: written anew, nobody would be told that holes went with it."""

        def made(checkpoint: Checkpoint | None) -> Checkpoint:
            if checkpoint is None:
                raise Incomplete(f"the coverage of `{self.source.name}` was deleted; the next tick begins anew")
            return change(checkpoint)

        self.coverage.change(self.source.name, made, now=now)

    # ---- late events

    def sweep(self) -> tuple[WindowResult, ...]:
        """Search again the slices that hold more events than when they were searched; nothing else.

        Raises a ClusterError where the cluster or the state does not answer, Stopped where it is asked to end.
        """
        now = self.detector.events.now()
        checkpoint = self.coverage.read(self.source.name)
        if checkpoint is None or (
            checkpoint.swept is not None and now - checkpoint.swept < self.source.late_events.every
        ):
            return ()
        start = max(slice_floor(now - self.source.late_events.past), slice_floor(checkpoint.since))
        end = slice_ceiling(now + self.source.late_events.ahead)
        if start >= end:  # nothing is to be swept
            return ()
        span = Window(start=start, end=end)
        counts = self._counts(span)
        grown = self._grown(checkpoint, span, counts, now)
        done = [
            one
            for run in adjacent_slices(grown)
            for literal in pieces(run, self.source.slice)
            for one in self._again(literal)
        ]
        older, counted, ahead = self._beyond(checkpoint, now)
        self._change(
            lambda one: replace(
                one, swept=now, older=one.older + older, counted=counted, ahead=ahead, lost_indices=_recent(one, now)
            ),
            now,
        )
        if older:
            log.warning(
                "events.too_late", source=self.source.name, events=older, past=str(self.source.late_events.past)
            )
        log.info("sweep.done", source=self.source.name, slices=len(grown), hits=sum(one.hits for one in done))
        return tuple(done)

    def _counts(self, span: Window) -> Mapping[datetime, int]:
        with self.detector.events.open(self.source.index, span, time_field=self.source.time_field) as snapshot:
            return snapshot.counts(SLICE)

    def _grown(
        self, checkpoint: Checkpoint, span: Window, counts: Mapping[datetime, int], now: datetime
    ) -> list[datetime]:
        """Name the slices that hold more than was counted; note those that hold less, so that growth is seen again."""
        known = self.coverage.counted(self.source.name, span)
        edge = slice_floor(checkpoint.until - self.source.overlap)
        grown, lost = [], {}
        for start in sorted({*counts, *known}):
            if edge <= start < max(checkpoint.until, now) or _fills(checkpoint, start):
                continue  # the next tick searches it, or who fills the hole
            there, was = counts.get(start, 0), known.get(start, 0)
            if there > was:
                grown.append(start)
            elif there < was:
                lost[start] = was - there
        for fewer in ([at for at in lost if at < edge], [at for at in lost if at >= edge]):
            if fewer:  # the live edge writes what lies between
                window = Window(start=min(fewer), end=max(fewer) + SLICE)
                steps = {at: counts.get(at, 0) if at in lost else count for at, count in known.items()}
                self.coverage.count(self.source.name, window, steps, now=now)
        if lost:
            self._note_lost(checkpoint, sum(lost.values()), now)
        return grown

    def _note_lost(self, checkpoint: Checkpoint, events: int, now: datetime) -> None:
        """Note a gap where events are gone, and with them the index that held them."""
        mapping = self.detector.events.mapping(self.source.index, ())
        gone = tuple(name for name in checkpoint.indices if name not in mapping.indices and name not in mapping.closed)
        if gone:
            log.warning("index.gone", source=self.source.name, indices=gone, events=events)
            lost_index = LostIndices(indices=gone, events=events, noticed=now)
            self._change(
                lambda one: replace(one, lost_indices=(*one.lost_indices, lost_index), indices=mapping.indices), now
            )

    def _again(self, window: Window) -> Iterator[WindowResult]:
        if self.stopping_past():
            raise Stopped
        detector = self.detector
        now = detector.events.now()
        try:
            detected = detector.detect(window, self._asked(detector, window.end))
        except (Incomplete, Overloaded, Refused) as fault:
            log.warning("sweep.failed", source=self.source.name, window=str(window), error=str(fault))
            if isinstance(fault, Unexpected):  # it may fail each time: noted, so that it is seen, and waits longer
                gap = _gap(window, fault, now)
                self._change(lambda checkpoint: replace(checkpoint, gaps=merge_gaps((*checkpoint.gaps, gap))), now)
            return  # its count stays as it was: the next sweep finds it again
        if detected.failed:  # those alone search it once more; first noted, then counted: a crash between loses nothing
            gaps = [_gap(window, one.error, now, one.plan.rule.id) for one in detected.failed]
            self._change(lambda checkpoint: replace(checkpoint, gaps=merge_gaps((*checkpoint.gaps, *gaps))), now)
        self.coverage.count(self.source.name, window, detected.counts, now=now)
        yield detected

    def _beyond(self, checkpoint: Checkpoint, now: datetime) -> tuple[int, tuple[datetime, int], int]:
        """Count what came too late for this sweep, what lies before it, and what is dated further ahead."""
        before = slice_floor(now - self.source.late_events.past)
        then, was = checkpoint.counted or (before, None)
        ahead = slice_ceiling(now + self.source.late_events.ahead)
        spans = Window(start=_EVER, end=then), Window(start=_EVER, end=before), Window(start=ahead, end=ahead + _FAR)
        grown, there, further = self.detector.events.count(self.source.index, spans, time_field=self.source.time_field)
        return 0 if was is None else max(0, grown - was), (before, there), further


def _gap(window: Window, fault: ClusterError, now: datetime, *rules: str) -> Gap:
    return Gap(window=window, reason="", rules=rules, due=now).again(str(fault), now=now)


def _fills(checkpoint: Checkpoint, start: datetime) -> bool:
    """Tell whether a slice lies in a hole of every rule.

    Where only some rules miss it, the others go on finding late events there.
    """
    return any(gap.window.start < start + SLICE and start < gap.window.end for gap in checkpoint.gaps if not gap.rules)


def _recent(checkpoint: Checkpoint, now: datetime) -> tuple[LostIndices, ...]:
    """Forget gaps after a week."""
    return tuple(lost_index for lost_index in checkpoint.lost_indices if now - lost_index.noticed < timedelta(days=7))
