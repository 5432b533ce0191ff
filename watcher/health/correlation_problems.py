"""Problems of correlations: what the limit of memory keeps from being counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.pipeline.correlator import Correlator
from watcher.timestamps import format_since_1970


def lacking_correlations(correlators: Iterable[Correlator | None]) -> Iterator[Problem]:
    """Yield a problem for each correlation rule with groups that lost events to the limit of memory."""
    distinct = {id(correlator): correlator for correlator in correlators if correlator is not None}
    for correlator in distinct.values():
        for rule_id, lacking in correlator.lacking.items():
            rule = correlator.plan.titles.get(rule_id, rule_id)
            title = f"the correlation `{rule}` does not count all events"
            groups = "the fullest group lacks" if lacking.groups == 1 else f"the {lacking.groups:,} fullest groups lack"
            yield Problem(
                kind=ProblemKind.CORRELATIONS_LACK_EVENTS,
                subject=rule_id,
                title=title,
                message=(
                    f"{title}: {groups} events up to {format_since_1970(lacking.until)}, because more than "
                    f"{correlator.most_base_hits:,} are in memory; raise `base_hits_in_memory`, or give the rule a "
                    "shorter `timespan` or narrower base rules"
                ),
            )
