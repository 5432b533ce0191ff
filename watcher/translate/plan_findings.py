"""Findings about a rule on a given mapping: what its query cannot narrow, and what no search can see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from watcher.model import FieldMapping, Finding, Query, Rule, Severity
from watcher.ports import IndexMapping
from watcher.taxonomy.logsources import LogSourceEvents
from watcher.translate.bounds import EVERYTHING


def plan_findings(
    rule: Rule,
    *,
    events: LogSourceEvents,
    log_source_query: Query,
    mapping: IndexMapping,
    fields: Sequence[FieldMapping],
) -> tuple[Finding, ...]:
    """Return the findings about a rule on a mapping."""
    return (
        *_log_source_findings(rule, events, log_source_query),
        *_source_findings(rule, mapping),
        *_field_findings(rule, fields, mapping),
    )


def _log_source_findings(rule: Rule, events: LogSourceEvents, log_source_query: Query) -> Iterator[Finding]:
    location = rule.logsource.location or rule.location
    if events.unknown:
        yield Finding(
            code="unknown-logsource",
            severity=Severity.WARNING,
            location=location,
            message=f"no table lists the log source {_quoted(events.unknown)}",
            fix="add it under `logsources` of the source in settings; until then it does not narrow the search",
        )
        return
    non_windows = any(event_class.non_windows for event_class in events.event_classes)
    if not non_windows and rule.logsource.product and log_source_query == EVERYTHING:
        yield Finding(
            code="no-channel",
            severity=Severity.INFO,
            location=location,
            message="the log source has neither category nor service, so every event is searched",
            fix="add a category or a service",
        )


def _source_findings(rule: Rule, mapping: IndexMapping) -> Iterator[Finding]:
    if mapping.without_source:
        yield Finding(
            code="no-source",
            severity=Severity.WARNING,
            location=rule.location,
            message=f"`_source` is incomplete in {_quoted(mapping.without_source)}: missing fields match no rule",
            fix="enable `_source` for all fields, and reindex",
        )


def _field_findings(rule: Rule, fields: Iterable[FieldMapping], mapping: IndexMapping) -> Iterator[Finding]:
    for field_mapping in fields:
        computed = [path for path in field_mapping.computed if any(kind.computed for kind in mapping.fields[path])]
        if computed:
            paths = _quoted(computed)
            yield Finding(
                code="computed-field",
                severity=Severity.INFO,
                location=rule.location,
                message=f"`{field_mapping.field}` is read from {paths}, which the cluster computes in each search",
                fix="index the field, so that the cluster need not compute it",
            )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
