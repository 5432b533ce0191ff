"""The states of all correlations: hits of inner ones are base hits of outer ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import islice

from watcher.correlate.correlation_state import CorrelationState
from watcher.correlate.counted_values import GroupValues
from watcher.correlate.cut_values import CutEvents
from watcher.correlate.hit_builder import base_hit
from watcher.correlate.listed_groups import listed_hits
from watcher.correlate.memory_limit import MOST_BASE_HITS, MemoryLimit
from watcher.correlate.packed_hits import HitPacker
from watcher.correlate.spans import BEGINNING, Spans
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import Correlation

_CHUNK = 10_000  # base hits that are objects at the same time; those that are kept are bytes


class CorrelationStates:
    """Evaluates correlations that may build on each other."""

    def __init__(self, correlations: Iterable[Correlation], most: int = MOST_BASE_HITS) -> None:
        """Raise graphlib.CycleError where correlations build on each other in a circle."""
        self._limit = MemoryLimit(most)
        self._packer = HitPacker()
        self._states = {
            correlation.rule_id: CorrelationState(correlation, self._packer)
            for correlation in inner_first(correlations)
        }
        self._waiting = frozenset(self._depending_on_searched_times())

    @property
    def states(self) -> Mapping[str, CorrelationState]:
        """The states by the ids of the correlation rules, inner ones first."""
        return self._states

    def add(self, base_hits: Iterable[BaseHit]) -> tuple[CorrelationHit, ...]:
        """Return the new correlation hits that are certain; base hits come in any order, late ones too."""
        arrived = _by_rule(base_hits)
        matches: list[CorrelationHit] = []
        for state in self._states.values():
            matches += self._passed_on(state, state.add(_of_base_rules(state, arrived)), arrived)
        self._finish()
        return tuple(matches)

    @property
    def has_chains(self) -> bool:
        """Whether a correlation builds on another."""
        return any(
            rule_id in self._states for state in self._states.values() for rule_id in state.correlation.base_rules
        )

    def remembering(self, time: int) -> frozenset[str]:
        """Return the correlations that evaluate late base hits from a time on as if they came in order.

        Those whose matches may have to wait are not among them, nor those of chains.
        """
        inner = {rule_id for state in self._states.values() for rule_id in state.correlation.base_rules}
        return frozenset(
            rule_id
            for rule_id, state in self._states.items()
            if state.horizon <= time and not state.waits and rule_id not in inner
            if self._states.keys().isdisjoint(state.correlation.base_rules)
        )

    def remember(self, base_hits: Iterable[BaseHit], evaluated: Collection[str]) -> tuple[CorrelationHit, ...]:
        """Add late base hits, and return what they complete of some correlations; that of the others is known."""
        arrived = _by_rule(base_hits)
        matches: list[CorrelationHit] = []
        for rule_id, state in self._states.items():
            if rule_id in evaluated:
                matches += state.add(_of_base_rules(state, arrived))
            else:
                state.remember(_of_base_rules(state, arrived))
        self._finish()
        return tuple(matches)

    def add_all(self, base_hits: Iterable[BaseHit]) -> Iterator[CorrelationHit]:
        """Add any number of base hits, few at a time, and yield the new correlation hits that are certain."""
        remaining = iter(base_hits)
        while chunk := tuple(islice(remaining, _CHUNK)):
            yield from self.add(chunk)

    def expect(self, begin: Mapping[str, int]) -> None:
        """Expect the listed groups of absences from a time on, by id of the correlation rule."""
        for rule_id, time in begin.items():
            state = self._states.get(rule_id)
            if state is not None:
                state.add(listed_hits(state.correlation, time))
        self._packer.finish()

    def decide(self, searched: Mapping[str, Spans], base_hits: Iterable[BaseHit] = ()) -> tuple[CorrelationHit, ...]:
        """Add base hits, and return all new correlation hits: the certain ones, and those that searched spans decide.

        `searched` has the spans by the ids of the base rules that match events; all base hits in them were added.
        """
        settled = dict(searched)
        arrived = _by_rule(base_hits)
        matches: list[CorrelationHit] = []
        for rule_id, state in self._states.items():
            new = state.add(_of_base_rules(state, arrived))
            if rule_id in self._waiting:
                spans = Spans.common(settled.get(base_rule, Spans()) for base_rule in state.correlation.base_rules)
                new = (*new, *state.decide(spans))
                reach = state.hit_reach
                settled[rule_id] = spans.shrunk(behind=reach.behind, ahead=reach.ahead)
            matches += self._passed_on(state, new, arrived)
        self._finish()
        return tuple(matches)

    def undecided(self) -> tuple[CorrelationHit, ...]:
        """Return the matches that hold so far, but that base hits of times not searched yet may end."""
        return tuple(match for state in self._states.values() for match in state.undecided())

    def forget(self, before: int, kept_longer: float = 0) -> None:
        """Drop what only base hits before a time could need; see `CorrelationState.forget`.

        `kept_longer` is the part of its timespan for which each correlation keeps base hits longer, for late ones.
        """
        delays: dict[str, int] = {}
        for rule_id, state in self._states.items():
            delay = max((delays.get(inner, 0) for inner in state.correlation.base_rules), default=0)
            state.forget(before - delay - int(kept_longer * state.reach.behind))
            delays[rule_id] = delay + state.hit_reach.ahead

    def uncounted(self) -> Uncounted:
        """Return what correlations do not count, because there are limits."""
        groups = {rule_id: state.timelines.cut_groups for rule_id, state in self._states.items()}
        events = {rule_id: state.cut_values.events for rule_id, state in self._states.items()}
        return Uncounted(
            groups={
                rule_id: LackingGroups(groups=len(cut), until=max(cut.values()))
                for rule_id, cut in groups.items()
                if cut
            },
            values={rule_id: cut for rule_id, cut in events.items() if cut is not None},
        )

    def _finish(self) -> None:
        self._packer.finish()
        self._limit.apply([state.timelines for state in self._states.values()])

    def first_after(self, rule_id: str, group: GroupValues, time: int) -> int | None:
        """Return when a group of a correlation was seen first after a time, as far as its base hits are there."""
        state = self._states.get(rule_id)
        return None if state is None else state.timelines.first_after(group, time)

    @property
    def waits(self) -> bool:
        """Whether a match of any correlation may have to wait until the times around it were searched."""
        return any(state.waits for state in self._states.values())

    @property
    def waiting_rules(self) -> frozenset[str]:
        """Base rules, and inner correlations, whose searched times decide whether a match holds."""
        return frozenset(
            base_rule for rule_id in self._waiting for base_rule in self._states[rule_id].correlation.base_rules
        )

    @property
    def delay(self) -> int:
        """The milliseconds for which a match may wait for later base hits, those of inner correlations included."""
        return sum(state.reach.ahead + state.hit_reach.ahead for state in self._states.values())

    def histories(self) -> Mapping[str, int]:
        """Return the milliseconds of base hits before a time that decide what holds from then on, by base rule."""
        lengths: dict[str, int] = {}
        for rule_id, state in reversed(self._states.items()):
            length = lengths.get(rule_id, 0) + max(state.reach.length, state.hit_reach.length)
            for base_rule in state.correlation.base_rules:
                lengths[base_rule] = max(length, lengths.get(base_rule, 0))
        return {rule_id: length for rule_id, length in lengths.items() if rule_id not in self._states}

    def fields(self) -> Mapping[str, frozenset[str]]:
        """Return the fields that base hits need, by base rule: those of outer correlations too."""
        needed: defaultdict[str, set[str]] = defaultdict(set)
        for rule_id, state in reversed(self._states.items()):
            correlation = state.correlation
            for base_rule in correlation.base_rules:
                own = {correlation.field_of(name, base_rule) for name in (*correlation.group_by, *correlation.fields)}
                needed[base_rule] |= own | needed[rule_id]
        return {rule_id: frozenset(names) for rule_id, names in needed.items() if rule_id not in self._states}

    def _depending_on_searched_times(self) -> Iterator[str]:
        """Yield the correlations whose matches wait for searched times, and those that these build on."""
        needed: set[str] = set()
        for rule_id, state in reversed(self._states.items()):
            if state.waits or rule_id in needed:
                needed.update(state.correlation.base_rules)
                yield rule_id

    def _passed_on(
        self, state: CorrelationState, matches: Sequence[CorrelationHit], arrived: defaultdict[str, list[BaseHit]]
    ) -> Sequence[CorrelationHit]:
        """Return matches after adding them to what outer correlations count."""
        arrived[state.correlation.rule_id] += (base_hit(state.correlation, match) for match in matches)
        return matches


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingGroups:
    """Groups of a correlation that lost base hits to the limit of memory."""

    groups: int
    until: int  # the time of the newest base hit among those


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """What correlations do not count, by id of the correlation rule."""

    groups: Mapping[str, LackingGroups] = field(default_factory=dict)
    values: Mapping[str, CutEvents] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedHits:
    """What correlations return for a closed set of base hits."""

    matches: tuple[CorrelationHit, ...]
    undecided: tuple[CorrelationHit, ...]  # later events could still end them
    uncounted: Uncounted


def correlate(
    correlations: Iterable[Correlation], base_hits: Iterable[BaseHit], *, end: int, begin: int | None = None
) -> CorrelatedHits:
    """Return all correlation hits of base hits that are complete up to a time, included.

    `begin` is the time from which on listed groups of absences are expected; None: they are not.
    """
    states = CorrelationStates(correlations)
    if begin is not None:
        states.expect(dict.fromkeys(states.states, begin))
    rules = (rule_id for state in states.states.values() for rule_id in state.correlation.base_rules)
    searched = dict.fromkeys(rules, Spans.of([(BEGINNING, end + 1)]))
    matches = states.decide(searched, (hit for hit in base_hits if hit.time <= end))
    return CorrelatedHits(matches=matches, undecided=states.undecided(), uncounted=states.uncounted())


def inner_first(correlations: Iterable[Correlation]) -> tuple[Correlation, ...]:
    """Return correlations in an order in which each follows those that it builds on.

    Raise graphlib.CycleError where there is none.
    """
    by_id = {correlation.rule_id: correlation for correlation in correlations}
    order = TopologicalSorter({rule_id: correlation.base_rules for rule_id, correlation in by_id.items()})
    return tuple(by_id[rule_id] for rule_id in order.static_order() if rule_id in by_id)


def _by_rule(base_hits: Iterable[BaseHit]) -> defaultdict[str, list[BaseHit]]:
    arrived: defaultdict[str, list[BaseHit]] = defaultdict(list)
    for hit in base_hits:
        arrived[hit.rule_id].append(hit)
    return arrived


def _of_base_rules(state: CorrelationState, arrived: Mapping[str, list[BaseHit]]) -> Iterable[BaseHit]:
    return (hit for rule_id in state.correlation.base_rules for hit in arrived.get(rule_id, ()))
