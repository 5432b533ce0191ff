"""Lints of filters: field names that no event of their rules has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher.lint.field_names import field_name_findings
from watcher.lint.known_fields import fields_of, spellings_of
from watcher.model import Finding, Rule, detection_items
from watcher.settings import Source
from watcher.sigma.filters import SigmaFilter
from watcher.taxonomy.field_locations import is_path
from watcher.taxonomy.logsources import events_of


def lint(filters: Sequence[SigmaFilter], rules: Sequence[Rule], source: Source) -> Iterator[Finding]:
    """Yield the findings about every filter that applies to a rule."""
    for sigma_filter in filters:
        yield from lint_filter(sigma_filter, rules, source)


def lint_filter(sigma_filter: SigmaFilter, rules: Sequence[Rule], source: Source) -> Iterator[Finding]:
    """Yield the findings about a filter; a field that events of one of its rules have is right."""
    logsources = {
        events_of(rule.logsource, source.logsources): None
        for rule in rules
        if sigma_filter.applies_to(rule) and sigma_filter.covers(rule)
    }
    documented = [fields_of(events) for events in logsources]
    if not documented:
        return
    has_unknown = any(fields is None for fields in documented)
    allowed = None if has_unknown else frozenset().union(*(fields for fields in documented if fields is not None))
    spellings = {lowered: name for events in logsources for lowered, name in spellings_of(events).items()}
    items = {item.field: item for item in detection_items(sigma_filter.node)}
    for field, item in items.items():
        if field and not is_path(field) and field not in source.fields:
            yield from field_name_findings(field, item.location or sigma_filter.location, allowed, spellings)
