"""The events of a source that a scan reads, and the fields that the rules need of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.match.required_literals import codes, has_keywords
from watcher.model import DetectionItem, LogSource, Query, Rule, SigmaNumber, SigmaString
from watcher.settings import Source
from watcher.taxonomy.field_locations import CHANNEL, DATA, EVENT_CODES, SYSTEM_PATHS, movable_field_names, parents
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.translate.bounds import EVERYTHING, all_of, any_of
from watcher.translate.plan import Translator, field_paths, rule_fields
from watcher.translate.query_builder import QueryBuilder
from watcher.translate.split_query import count_clauses

_DEFAULT_SOURCE = Source()  # without field mappings
_CLAUSE_SHARE = 0.5  # of the engine's limit of clauses; beyond it every event of the window is read


def event_selection(rules: Iterable[Rule], translator: Translator) -> Query:
    """Return the query for at least the events that any of the rules may match, by channel and event code."""
    codes_of: dict[LogSourceEvents, set[str] | None] = {}  # None: all codes of the log source
    scopes: dict[LogSource, LogSourceEvents] = {}
    for rule in rules:
        events = scopes.get(rule.logsource)
        if events is None:
            events = scopes[rule.logsource] = events_of(rule.logsource, translator.source.logsources)
        rule_codes = codes(rule.node)
        previous = codes_of.setdefault(events, set())
        codes_of[events] = None if rule_codes is None or previous is None else previous | rule_codes
    query = any_of(_query(events, only, translator) for events, only in codes_of.items())
    return query if count_clauses(query) <= translator.mapping.max_clauses * _CLAUSE_SHARE else EVERYTHING


def _query(events: LogSourceEvents, only: set[str] | None, translator: Translator) -> Query:
    log_source = translator.log_sources.bounds(events).upper
    if only is None:
        return log_source
    item = DetectionItem(field="EventID", values=tuple(_code(code) for code in sorted(only)))
    bounds = QueryBuilder(translator.log_sources, events).bounds(item)
    return all_of((log_source, bounds.upper))


def _code(code: str) -> SigmaNumber | SigmaString:
    return SigmaNumber(int(code)) if code.isdecimal() and str(int(code)) == code else SigmaString((code,))


def needed_fields(rules: Iterable[Rule], translator: Translator) -> tuple[str, ...]:
    """Return every path that the predicates may read: values, parts of computed values, and targets of aliases."""
    paths = {CHANNEL, *EVENT_CODES}
    for rule in rules:
        events = events_of(rule.logsource, translator.source.logsources)
        for name in (*rule_fields(rule.node), "EventID"):
            paths.update(_data_paths(events) if name in ("Data", "EventData") else ())
            paths.update(field_paths(name, events, translator.source))
        if has_keywords(rule.node):
            paths.update(("message", *_data_paths(events)))
    fields = translator.mapping.fields
    types = (field_type for path in tuple(paths) for field_type in fields.get(path, ()))
    paths.update([field_type.path for field_type in types if field_type.path is not None])
    return tuple(sorted(_outermost(paths)))


def windows_paths(rules: Iterable[Rule], translator: Translator) -> tuple[str, ...]:
    """Return the paths that show which events are of Windows; none where all rules are for these."""
    for rule in rules:
        events = events_of(rule.logsource, translator.source.logsources)
        if any(event_class.non_windows for event_class in events.event_classes):
            return SYSTEM_PATHS
    return ()


def _data_paths(events: LogSourceEvents) -> Iterator[str]:
    """Yield the paths of the event's data, and those to which modules move parts of it."""
    yield from (data.removesuffix(".") for data in DATA)
    for event_class in events.event_classes:
        for name in movable_field_names(event_class):
            yield from field_paths(name, LogSourceEvents(event_classes=(event_class,)), _DEFAULT_SOURCE)


def _outermost(paths: set[str]) -> Iterator[str]:
    """Yield the paths that are not below another one."""
    for path in paths:
        if paths.isdisjoint(parents(path)):
            yield path


def computed_fields(translator: Translator) -> tuple[str, ...]:
    """Return the fields that the engine computes for each search, and that are in no `_source`."""
    fields = translator.mapping.fields
    return tuple(
        sorted(path for path, types in fields.items() if any(field_type.is_read_by_search for field_type in types))
    )
