"""Problems of correlations: what their limits keep from being counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.correlate import CutEvents, LackingGroups
from watcher.correlate.correlation_texts import cut_values_text
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.pipeline.correlator import Correlator
from watcher.timestamps import format_since_1970


def lacking_correlations(correlators: Iterable[Correlator | None]) -> Iterator[Problem]:
    """Yield a problem for each correlation rule that a limit keeps from counting all events, or all their values."""
    distinct = {id(correlator): correlator for correlator in correlators if correlator is not None}
    for correlator in distinct.values():
        titles, most = correlator.plan.titles, correlator.most_base_hits
        for rule_id, lacking in correlator.uncounted.groups.items():
            yield _lacking_groups(rule_id, titles.get(rule_id, rule_id), lacking, most)
        for rule_id, cut in correlator.uncounted.values.items():
            yield _cut_values(rule_id, titles.get(rule_id, rule_id), cut)


def _lacking_groups(rule_id: str, rule: str, lacking: LackingGroups, most: int) -> Problem:
    title = f"the correlation `{rule}` does not count all events"
    groups = "the fullest group lacks" if lacking.groups == 1 else f"the {lacking.groups:,} fullest groups lack"
    return Problem(
        kind=ProblemKind.CORRELATIONS_LACK_EVENTS,
        subject=rule_id,
        title=title,
        message=(
            f"{title}: {groups} events up to {format_since_1970(lacking.until)}, because more than {most:,} are in "
            "memory; raise `base_hits_in_memory`, or give the rule a shorter `timespan` or narrower base rules"
        ),
    )


def _cut_values(rule_id: str, rule: str, cut: CutEvents) -> Problem:
    return Problem(
        kind=ProblemKind.CORRELATIONS_CUT_VALUES,
        subject=rule_id,
        title=f"the correlation `{rule}` does not count all values of events",
        message=f"{cut_values_text(rule, cut)}; group by fewer fields that hold several values, or filter such events",
    )
