"""The state of one correlation: base hits in any order in, correlation hits out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from watcher.correlate.comparisons import least_hits, least_rules
from watcher.correlate.counted_values import GroupValues, counts_values, most_counted
from watcher.correlate.cut_values import CutValues
from watcher.correlate.group_store import GroupStore
from watcher.correlate.hit_builder import correlation_hit
from watcher.correlate.judge_choice import judge_of
from watcher.correlate.judges import Judge, Judgement, Reach
from watcher.correlate.packed_hits import HitPacker
from watcher.correlate.spans import BEGINNING, END, Spans
from watcher.correlate.timeline import TimelineContents
from watcher.model.correlation_hits import MAX_COMBINATIONS, BaseHit, CorrelationHit
from watcher.model.correlations import Correlation

Accept = Callable[[Judgement], bool]


@dataclass(slots=True)
class IgnoredHits:
    """How many base hits, or groups of them, took no part, by reason."""

    without_group: int = 0  # a group-by field has no value
    without_value: int = 0  # the counted field has no value, or no number
    cut: int = 0  # further combinations of several values
    too_late: int = 0  # before what the state remembers


class CorrelationState:
    """Evaluates one correlation; what it returns does not depend on the order of arrival.

    `add` returns what no further base hit can change. `decide` returns what depends on base hits that are absent,
    as soon as the times around it were searched. Each correlation hit is returned once.
    """

    def __init__(self, correlation: Correlation, packer: HitPacker | None = None) -> None:
        self.correlation = correlation
        self.ignored = IgnoredHits()
        self.horizon = BEGINNING  # earlier base hits are ignored
        self._judge: Judge = judge_of(correlation)
        self._rules = self._judge.completing_rules | self._judge.single_rules
        self._least_hits = least_hits(correlation)
        self._most_values = 1  # of a base hit
        self._group_fields = {
            rule_id: tuple(correlation.field_of(name, rule_id) for name in correlation.group_fields)
            for rule_id in self._rules
        }
        self._counts_values = counts_values(correlation)
        self._own_packer = packer is None
        self._packer = packer or HitPacker()
        self.cut_values = CutValues(correlation)
        contents = TimelineContents(correlation, self._packer, self._judge.single_rules)
        contents.new_window()  # raises ValueError where a measure lacks its parameter
        self.timelines = GroupStore(contents, self._judge.reach.behind, least_rules(correlation))

    @property
    def reach(self) -> Reach:
        """How far around a time base hits may change what holds there."""
        return self._judge.reach

    @property
    def hit_reach(self) -> Reach:
        """How far around a time base hits may change which correlation hits have that time."""
        return self._judge.hit_reach

    @property
    def waits(self) -> bool:
        """Whether a match may have to wait until the times around it were searched."""
        return self._judge.has_uncertain_matches

    def add(self, base_hits: Iterable[BaseHit]) -> tuple[CorrelationHit, ...]:
        """Return the new correlation hits that are certain: no further base hit can end them."""
        arrived: defaultdict[GroupValues, list[int]] = defaultdict(list)
        timelines, resting = self.timelines, 0 if self._judge.has_uncertain_matches else self._least_hits - 1
        for hit in base_hits:
            for key in self._keys(hit):
                rests = resting and timelines.adds_resting(key, hit, resting // self._most_values)
                if not rests and self._inserts(key, hit):
                    arrived[key].append(hit.time)
        if self._judge.has_uncertain_matches:
            for key, times in arrived.items():
                self._mark_pending(key, times)
        matches: tuple[CorrelationHit, ...] = ()
        if self._judge.has_certain_matches:
            matches = _sorted(match for key, times in arrived.items() for match in self._certain_matches(key, times))
        self.timelines.freeze()
        if self._own_packer:
            self._packer.finish()
        return matches

    def decide(self, searched: Spans) -> tuple[CorrelationHit, ...]:
        """Return the new correlation hits that the searched spans decide; all base hits in them were added."""
        if not self._judge.has_uncertain_matches:
            return ()
        decidable = searched.shrunk(behind=self.reach.behind, ahead=self.reach.ahead).within(self._earliest, END)
        until = decidable.spans[-1][1] if decidable else BEGINNING
        due = self.timelines.pending_before(until)
        matches = _sorted(match for key in due for match in self._decided_matches(key, decidable))
        self.timelines.freeze()
        return matches

    def undecided(self) -> tuple[CorrelationHit, ...]:
        """Return the matches that hold so far, but that base hits of times not searched yet may end."""
        return _sorted(
            self._hit(key, judgement, index)
            for key in self.timelines.pending_before(END)
            for judgement, index in self._matches(key, self.timelines[key].pending, lambda _: True)
        )

    def remember(self, base_hits: Iterable[BaseHit]) -> None:
        """Add base hits from before the horizon: later windows may hold them, and what they complete is known."""
        horizon = self.horizon
        if horizon > BEGINNING:
            self.horizon = horizon - self.reach.behind
        try:
            self.add(base_hits)
        finally:
            self.horizon = horizon

    def forget(self, before: int) -> None:
        """Drop what only base hits before a time could need; such base hits are ignored from now on.

        Matches that are decided before that time are given up. An earlier base hit needs a new state with the
        history around it.
        """
        self.horizon = max(self.horizon, before)
        self.timelines.forget(self._earliest)
        self.cut_values.forget(self._earliest - self.reach.behind)

    @property
    def _earliest(self) -> int:
        """The time before which nothing is decided any more."""
        return self.horizon if self.horizon <= BEGINNING else self.horizon - self.reach.ahead

    def _keys(self, hit: BaseHit) -> Iterable[GroupValues]:
        """Return the groups of a base hit that takes part; none for any other."""
        fields = self._group_fields.get(hit.rule_id)
        if fields is None:
            return ()
        if hit.time < self.horizon:
            self.ignored.too_late += 1
            return ()
        most = 1
        if self._counts_values:
            most = most_counted(self.correlation, hit)
            if not most:
                self.ignored.without_value += 1
                return ()
            self._most_values = max(self._most_values, most)
        groups = self._packer.groups(self.correlation, hit, fields)
        if groups.cut or not groups.spellings:
            self.ignored.without_group += not groups.spellings
            self.ignored.cut += groups.cut
        if groups.cut or most > MAX_COMBINATIONS:
            self.cut_values.note(hit, groups.spellings, cut=groups.cut)
        return groups.spellings

    def _inserts(self, key: GroupValues, hit: BaseHit) -> bool:
        """Add a base hit to a group, and return whether it was not there yet."""
        timeline = self.timelines[key]
        if hit.rule_id in self._judge.completing_rules and not timeline.insert(hit):
            return False
        timeline.insert_time(hit.rule_id, hit.time)
        self.timelines.note(key, hit.time)
        return True

    def _mark_pending(self, key: GroupValues, times: Iterable[int]) -> None:
        """Note the times of a group that new base hits of some times may change."""
        timeline, reach = self.timelines[key], self._judge.changed_reach
        spans = ((time - reach.ahead, time + reach.behind + 1) for time in times)
        self.timelines.set_pending(key, Spans.of((*timeline.pending, *spans)))

    def _certain_matches(self, key: GroupValues, times: Iterable[int]) -> Iterator[CorrelationHit]:
        """Yield the certain matches of a group to which base hits of some times were added."""
        timeline = self.timelines[key]
        if len(timeline.times) * self._most_values < self._least_hits:
            return
        affected = timeline.clip(Spans.of((time, time + self.reach.behind + 1) for time in times))
        for start, end in affected:
            # a late base hit would otherwise be compared with each hit of a long window
            first = self._judge.first_candidate(timeline, start, end - 1)
            if first is not None:
                yield from self._reported(key, Spans(((first, end),)), lambda judgement: judgement.is_certain)

    def _decided_matches(self, key: GroupValues, decidable: Spans) -> Iterator[CorrelationHit]:
        timeline = self.timelines[key]
        decided = timeline.pending.intersection(decidable)
        if decided:
            yield from self._reported(key, decided, lambda _: True)
        self.timelines.set_pending(key, timeline.pending.within(self._earliest, END).without(decided))

    def _reported(self, key: GroupValues, spans: Spans, accept: Accept) -> Iterator[CorrelationHit]:
        """Yield the accepted matches, and note that they were returned."""
        timeline = self.timelines[key]
        for judgement, index in self._matches(key, spans, accept):
            timeline.reported[index] = 1
            yield self._hit(key, judgement, index)

    def _hit(self, key: GroupValues, judgement: Judgement, index: int) -> CorrelationHit:
        timeline = self.timelines[key]
        hit = correlation_hit(self.correlation, key, timeline, judgement, index)
        around = self._around(timeline.times[index])
        return replace(hit, cut_values=True) if self.cut_values.may_lack(key, *around) else hit

    def _matches(self, key: GroupValues, spans: Spans, accept: Accept) -> Iterator[tuple[Judgement, int]]:
        """Yield the matches of base hits within spans that were not returned yet, each with its completing hit."""
        timeline = self.timelines[key]
        time, judgement = None, None
        for index in timeline.unreported(spans):
            if timeline.times[index] != time:
                time = timeline.times[index]
                judgement = self._judge.judge(timeline, time)
                if judgement is not None and not judgement.is_certain and self._lacks_base_hits(key, time):
                    judgement = None
            if judgement is not None and index in range(*judgement.completing) and accept(judgement):
                yield judgement, index

    def _lacks_base_hits(self, key: GroupValues, time: int) -> bool:
        """Return whether a group does not count base hits that decide what holds at a time: there are limits."""
        behind, cut_until = self.reach.behind, self.timelines[key].cut_until
        is_cut = behind > 0 and cut_until is not None and time - behind <= cut_until
        return is_cut or self.cut_values.lacks(key, *self._around(time))

    def _around(self, time: int) -> tuple[int, int]:
        """Return the times, both included, of what decides a match at a time."""
        return time - self.reach.behind, time + self.reach.ahead


def _sorted(matches: Iterable[CorrelationHit]) -> tuple[CorrelationHit, ...]:
    return tuple(sorted(matches, key=lambda match: (match.time, match.hit_id)))
