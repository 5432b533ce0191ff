"""What the limit of memory keeps from being counted is a problem that names the correlation, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from correlate.correlation_fixture import correlation, hit
from pipeline.test_correlator import OVERLAP, STEP, plan_of
from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.health.correlation_problems import lacking_correlations
from watcher.model import Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.timestamps import milliseconds

START = milliseconds(NOW)


def nothing(_window: Window, _rules: frozenset[str]) -> Iterator[BaseHit]:
    return iter(())


def correlator(most: int) -> Correlator:
    rule = correlation("event_count", {"gte": "5"}, group_by=("user",), timespan=timedelta(minutes=10))
    plan = replace(plan_of([rule]), titles={"rule": "Many Logons"})
    result = Correlator(
        plan=plan,
        rules={},
        checkpoint=lambda _: Checkpoint(since=NOW, watermark=NOW),
        events=MemoryDocuments(),
        now=lambda: NOW + STEP,
        most_base_hits=most,
    )
    result.sources["day"] = CorrelatedSource(SearchTimes(every=STEP, overlap=OVERLAP), nothing)
    return result


def searched(minute: int, *base_hits: BaseHit) -> SearchedWindow:
    return SearchedWindow(window=Window(start=NOW + minute * STEP, end=NOW + (minute + 1) * STEP), base_hits=base_hits)


def test_the_correlation_and_the_setting_are_named_until_every_group_is_complete_again() -> None:
    limited = correlator(most=10)
    limited.completed("day", searched(0, *(hit(START + number, user="noisy") for number in range(30))))
    (problem,) = lacking_correlations([limited, None, limited])
    assert problem.key == "correlations-lack-events:rule"
    assert "`Many Logons`" in problem.title
    assert "the fullest group lacks events up to 2026-" in problem.message
    assert "more than 10 are in memory; raise `base_hits_in_memory`" in problem.message
    limited.completed("day", searched(40))
    assert list(lacking_correlations([limited])) == []


def test_a_correlation_within_the_limit_has_no_problem() -> None:
    unlimited = correlator(most=100)
    unlimited.completed("day", searched(0, *(hit(START + number, user="noisy") for number in range(30))))
    assert list(lacking_correlations([unlimited])) == []


def test_events_whose_values_are_cut_are_named_until_they_count_no_more() -> None:
    rule = correlation("event_count", {"gte": "5"}, group_by=("user", "host"), timespan=timedelta(minutes=10))
    unlimited = replace_rule(correlator(most=10_000), rule)
    many = tuple(str(number) for number in range(40))
    unlimited.completed("day", searched(0, hit(START, user=many, host=many)))
    (problem,) = lacking_correlations([unlimited])
    assert problem.key == "correlations-cut-values:rule"
    assert "`Many Logons` does not count all values of 1 event, the last at 2026-" in problem.message
    unlimited.completed("day", searched(40))
    assert list(lacking_correlations([unlimited])) == []


def replace_rule(of: Correlator, rule: Correlation) -> Correlator:
    of.plan = replace(plan_of([rule]), titles={"rule": "Many Logons"})
    return of
