"""One source: its live edge, its holes and its late events, each searched when it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from watcher.clock import SystemClock
from watcher.decide.coverage import Coverage, Covered, Gap
from watcher.decide.span import SLICE, Hole, ceiling, floor, joined, last_piece, pieces, runs, without
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused
from watcher.model import Window
from watcher.pipeline import Asked, Detected, Detector, Stopped, Stopping, Watched
from watcher.ports import Clock
from watcher.schedule.due import Due, live
from watcher.settings import Source

log = structlog.get_logger(__name__)

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = timedelta(days=365 * 100)


@dataclass(slots=True)
class Ticker:
    """Searches what is due of one source; coverage tells what that is, here or in another sidecar."""

    detector: Detector
    coverage: Coverage
    clock: Clock = field(default_factory=SystemClock)
    stopping: Stopping = lambda: False  # for the live edge; asked before every side effect
    stopping_past: Stopping = lambda: False  # for holes and sweeps
    _since: tuple[Detector, Mapping[str, datetime]] | None = None  # of whose rules each is watched since when

    @property
    def source(self) -> Source:
        """The source."""
        return self.detector.source

    def renew(self, rules: Sequence[Watched]) -> None:
        """Watch by other rules from the next search on; one that is under way ends by those that it began with."""
        self.detector = self.detector.renewed(rules)

    # ---- the live edge

    def tick(self) -> Detected | None:
        """Search the window that is due at the live edge; None where none is.

        What was not searched whole becomes a hole. Raises a ClusterError where the cluster or the state does not
        answer: coverage stands still, the next tick begins there; an Incomplete where the state was deleted meanwhile:
        the next tick begins anew, and says so. Raises Stopped where it is asked to end.
        """
        detector = self.detector
        now = detector.events.now()
        covered = self.coverage.read(self.source.name)
        due = live(self.source, covered, now)
        if due is None:
            return None
        since = self._watched(detector, covered, due, now)
        try:
            detected = detector.detect(due.window, Asked(since=since, stopping=self.stopping))
        except (Incomplete, Overloaded, Refused) as fault:
            self._advance(due, covered, (_hole(due.window, fault, now),), None, now)
            raise
        holes = [_hole(due.window, one.error, now, one.plan.rule.id) for one in detected.failed]
        self._advance(due, covered, holes, (detector, detected), now)
        self._say(detected)
        return detected

    def _watched(self, detector: Detector, covered: Covered | None, due: Due, now: datetime) -> Mapping[str, datetime]:
        """Tell since when each rule is watched; noted once, and again where rules changed or the state was lost."""
        known = self._known(detector)
        if known is None or covered is None:
            if covered is None:
                say = log.info if self._since is None else log.error
                say("coverage.begins", source=self.source.name, since=due.since.isoformat())
            if covered is None:
                edge = due.since
            else:  # version 1 did not note its rules: they were watched all the same
                edge = covered.until if self.coverage.since(self.source.name) else covered.since
            rules = (one.rule for one in detector.rules)
            known = self.coverage.watched(self.source.name, rules, edge, now=now)
            self._since = detector, known
        return known

    def _known(self, detector: Detector) -> Mapping[str, datetime] | None:
        return self._since[1] if self._since is not None and self._since[0] is detector else None

    def _advance(
        self,
        due: Due,
        before: Covered | None,
        holes: Sequence[Hole],
        done: tuple[Detector, Detected] | None,
        now: datetime,
    ) -> None:
        """Write the new live edge, and what lies behind it unsearched."""
        rules, detected = ((), None) if done is None else (done[0].rules, done[1])
        if detected is not None:
            self.coverage.count(self.source.name, due.window, detected.counts, now=now)
        whole = len(holes) == len(rules) > 0
        if whole:
            holes = [replace(holes[0], rules=())]
        if due.skipped is not None:
            holes = [*holes, Hole(window=due.skipped, reason="not searched yet", due=now)]
        missed = {name for hole in holes for name in hole.rules}
        searched = None if not missed else [one.rule.id for one in rules if one.rule.id not in missed]

        def change(known: Covered) -> Covered:
            left = known.holes if detected is None or whole else without(known.holes, due.window, searched)
            return replace(
                known,
                until=max(known.until, due.window.end),
                holes=joined((*left, *holes)),
                indices=known.indices if detected is None else detected.indices,
            )

        if before is None:
            begun = Covered(since=floor(due.since), until=due.window.end)
            self.coverage.change(self.source.name, lambda covered: change(covered or begun), now=now)
        else:
            self._change(change, now)

    def _say(self, detected: Detected) -> None:
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
        )

    # ---- holes

    def fill(self, budget: timedelta) -> tuple[Detected, ...]:
        """Search holes that are due, slice by slice, for as long as the budget lasts; none longer than `slice`.

        A slice that fails again waits longer each time, and keeps no other waiting. Raises a ClusterError where the
        cluster or the state does not answer, Stopped where it is asked to end.
        """
        ends = self.clock.monotonic() + budget.total_seconds()
        done: list[Detected] = []
        while self.clock.monotonic() < ends:
            if self.stopping_past():
                raise Stopped
            now = self.detector.events.now()
            covered = self.coverage.read(self.source.name)
            hole = self._next(covered, now)
            if hole is None:
                break
            done.extend(self._fill(hole, now))
        return tuple(done)

    def _next(self, covered: Covered | None, now: datetime) -> Hole | None:
        """Give the piece of a hole that is to be searched next: the oldest or the newest, as settings say."""
        due = [hole for hole in (covered.holes if covered else ()) if hole.due <= now]
        if not due:
            return None
        oldest_first = self.source.catch_up == "oldest"
        hole = min(due, key=lambda one: one.window) if oldest_first else max(due, key=lambda one: one.window)
        longest = self.source.slice
        return replace(
            hole, window=next(pieces(hole.window, longest)) if oldest_first else last_piece(hole.window, longest)
        )

    def _fill(self, hole: Hole, now: datetime) -> Iterator[Detected]:
        detector = self.detector
        known = {one.rule.id for one in detector.rules}
        if hole.rules and known.isdisjoint(hole.rules):  # rules that are gone have no holes
            self._change(lambda covered: replace(covered, holes=without(covered.holes, hole.window, hole.rules)), now)
            return
        rules = frozenset(hole.rules) if hole.rules else None
        try:
            detected = detector.detect(hole.window, self._asked(detector, hole.window.end, rules))
        except (Incomplete, Overloaded, Refused) as fault:
            self._failed(hole, [hole.again(str(fault), now=now)], now)
            log.warning("hole.failed", source=self.source.name, window=str(hole.window), error=str(fault))
            return
        if rules is None:  # what some rules searched is not counted: the others have not seen what came meanwhile
            self.coverage.count(self.source.name, hole.window, detected.counts, now=now)
        again = hole.again("", now=now)
        left = [replace(again, reason=str(one.error), rules=(one.plan.rule.id,)) for one in detected.failed]
        self._failed(hole, left, now)
        log.info("hole.closed", source=self.source.name, window=str(hole.window), hits=detected.hits)
        yield detected

    def _asked(self, detector: Detector, end: datetime, rules: frozenset[str] | None = None) -> Asked:
        """Say how a span of the past is searched: by rules that are new here and not watched yet, not at all."""
        known = self._known(detector)
        if known is None:
            known = self.coverage.since(self.source.name)
        since = {one.rule.id: known.get(one.rule.id, end) for one in detector.rules}
        return Asked(rules=rules, since=since, stopping=self.stopping_past)

    def _failed(self, hole: Hole, left: Sequence[Hole], now: datetime) -> None:
        """Put what is left of a piece of a hole in its place."""
        rules = hole.rules or None

        def change(covered: Covered) -> Covered:
            return replace(covered, holes=joined((*without(covered.holes, hole.window, rules), *left)))

        self._change(change, now)

    def _change(self, change: Callable[[Covered], Covered], now: datetime) -> None:
        """Change coverage; not where it was deleted: written anew, nobody would be told that holes went with it."""

        def made(covered: Covered | None) -> Covered:
            if covered is None:
                raise Incomplete(f"the coverage of `{self.source.name}` was deleted; the next tick begins anew")
            return change(covered)

        self.coverage.change(self.source.name, made, now=now)

    # ---- late events

    def sweep(self) -> tuple[Detected, ...]:
        """Search again the slices that hold more events than when they were searched; nothing else.

        Raises a ClusterError where the cluster or the state does not answer, Stopped where it is asked to end.
        """
        now = self.detector.events.now()
        covered = self.coverage.read(self.source.name)
        if covered is None or (covered.swept is not None and now - covered.swept < self.source.sweep_every):
            return ()
        start = max(floor(now - self.source.sweep_past), floor(covered.since))
        end = ceiling(now + self.source.sweep_ahead)
        if start >= end:  # nothing is to be swept
            return ()
        span = Window(start=start, end=end)
        counts = self._counts(span)
        grown = self._grown(covered, span, counts, now)
        done = [one for run in runs(grown) for piece in pieces(run, self.source.slice) for one in self._again(piece)]
        older, counted, ahead = self._beyond(covered, now)
        self._change(
            lambda one: replace(
                one, swept=now, older=one.older + older, counted=counted, ahead=ahead, gaps=_recent(one, now)
            ),
            now,
        )
        if older:
            log.warning("events.too_late", source=self.source.name, events=older, past=str(self.source.sweep_past))
        log.info("sweep.done", source=self.source.name, slices=len(grown), hits=sum(one.hits for one in done))
        return tuple(done)

    def _counts(self, span: Window) -> Mapping[datetime, int]:
        with self.detector.events.open(self.source.index, span, time_field=self.source.time_field) as snapshot:
            return snapshot.counts(SLICE)

    def _grown(self, covered: Covered, span: Window, counts: Mapping[datetime, int], now: datetime) -> list[datetime]:
        """Name the slices that hold more than was counted; note those that hold less, so that growth is seen again."""
        known = self.coverage.counted(self.source.name, span)
        edge = floor(covered.until - self.source.overlap)
        grown, lost = [], {}
        for start in sorted({*counts, *known}):
            if edge <= start < max(covered.until, now) or _fills(covered, start):
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
            self._note_lost(covered, sum(lost.values()), now)
        return grown

    def _note_lost(self, covered: Covered, events: int, now: datetime) -> None:
        """Note a gap where events are gone, and with them the index that held them."""
        facts = self.detector.events.facts(self.source.index, ())
        gone = tuple(name for name in covered.indices if name not in facts.indices and name not in facts.closed)
        if gone:
            log.warning("index.gone", source=self.source.name, indices=gone, events=events)
            gap = Gap(indices=gone, events=events, noticed=now)
            self._change(lambda one: replace(one, gaps=(*one.gaps, gap), indices=facts.indices), now)

    def _again(self, window: Window) -> Iterator[Detected]:
        if self.stopping_past():
            raise Stopped
        detector = self.detector
        now = detector.events.now()
        try:
            detected = detector.detect(window, self._asked(detector, window.end))
        except (Incomplete, Overloaded, Refused) as fault:
            log.warning("sweep.failed", source=self.source.name, window=str(window), error=str(fault))
            return  # its count stays as it was: the next sweep finds it again
        if detected.failed:  # those alone search it once more; first noted, then counted: a crash between loses nothing
            holes = [_hole(window, one.error, now, one.plan.rule.id) for one in detected.failed]
            self._change(lambda covered: replace(covered, holes=joined((*covered.holes, *holes))), now)
        self.coverage.count(self.source.name, window, detected.counts, now=now)
        yield detected

    def _beyond(self, covered: Covered, now: datetime) -> tuple[int, tuple[datetime, int], int]:
        """Count what came too late for this sweep, what lies before it, and what is dated further ahead."""
        before = floor(now - self.source.sweep_past)
        then, was = covered.counted or (before, None)
        ahead = ceiling(now + self.source.sweep_ahead)
        spans = Window(start=_EVER, end=then), Window(start=_EVER, end=before), Window(start=ahead, end=ahead + _FAR)
        grown, there, further = self.detector.events.count(self.source.index, spans, time_field=self.source.time_field)
        return 0 if was is None else max(0, grown - was), (before, there), further


def _hole(window: Window, fault: ClusterError, now: datetime, *rules: str) -> Hole:
    return Hole(window=window, reason="", rules=rules, due=now).again(str(fault), now=now)


def _fills(covered: Covered, start: datetime) -> bool:
    """Tell whether a slice lies in a hole of every rule.

    Where only some rules miss it, the others go on finding late events there.
    """
    return any(
        hole.window.start < start + SLICE and start < hole.window.end for hole in covered.holes if not hole.rules
    )


def _recent(covered: Covered, now: datetime) -> tuple[Gap, ...]:
    """Forget gaps after a week."""
    return tuple(gap for gap in covered.gaps if now - gap.noticed < timedelta(days=7))
