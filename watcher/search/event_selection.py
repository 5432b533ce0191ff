"""What of a source's events any rule looks at: which events, and which of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.match.required_literals import codes, has_keywords
from watcher.model import DetectionItem, LogSource, Query, Rule, SigmaNumber, SigmaString
from watcher.settings import Source
from watcher.taxonomy.field_locations import CHANNEL, DATA, EVENT_CODES, movable_field_names, parents
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.translate.bounds import EVERYTHING, all_of, any_of
from watcher.translate.plan import Translator, field_paths, rule_fields
from watcher.translate.query_builder import QueryBuilder
from watcher.translate.split_query import count_clauses

_BARE = Source()  # without the field mappings of settings
_SHARE = 0.5  # of the engine's limit of clauses; beyond it every event of the window is read


def event_selection(rules: Iterable[Rule], translator: Translator) -> Query:
    """Build the query for at least the events that any of the rules may match, by channel and event code."""
    asked: dict[LogSourceEvents, set[str] | None] = {}
    scopes: dict[LogSource, LogSourceEvents] = {}
    for rule in rules:
        where = scopes.get(rule.logsource)
        if where is None:
            where = scopes[rule.logsource] = events_of(rule.logsource, translator.source.logsources)
        only = codes(rule.node)
        known = asked.setdefault(where, set())
        asked[where] = None if only is None or known is None else known | only
    query = any_of(_events(where, only, translator) for where, only in asked.items())
    return query if count_clauses(query) <= translator.mapping.max_clauses * _SHARE else EVERYTHING


def _events(where: LogSourceEvents, only: set[str] | None, translator: Translator) -> Query:
    whole = translator.log_sources.bounds(where).upper
    if only is None:
        return whole
    item = DetectionItem(field="EventID", values=tuple(_code(one) for one in sorted(only)))
    bounds = QueryBuilder(translator.log_sources, where).bounds(item)
    return all_of((whole, bounds.upper))


def _code(code: str) -> SigmaNumber | SigmaString:
    return SigmaNumber(int(code)) if code.isdecimal() and str(int(code)) == code else SigmaString((code,))


def needed_fields(rules: Iterable[Rule], translator: Translator) -> tuple[str, ...]:
    """Give every path that the rules' predicates may read: values of fields, what they are built from, aliases too."""
    paths = {CHANNEL, *EVENT_CODES}
    for rule in rules:
        where = events_of(rule.logsource, translator.source.logsources)
        for name in (*rule_fields(rule.node), "EventID"):
            paths.update(_data(where) if name in ("Data", "EventData") else ())
            paths.update(field_paths(name, where, translator.source))
        if has_keywords(rule.node):
            paths.update(("message", *_data(where)))
    mapping = translator.mapping.fields
    paths.update(one.path for path in tuple(paths) for one in mapping.get(path, ()) if one.path is not None)
    return tuple(sorted(_outermost(paths)))


def _data(where: LogSourceEvents) -> Iterator[str]:
    """Give the event's data whole, and wherever modules move parts of it."""
    yield from (data.removesuffix(".") for data in DATA)
    for one in where.event_classes:
        for name in movable_field_names(one):
            yield from field_paths(name, LogSourceEvents(event_classes=(one,)), _BARE)


def _outermost(paths: set[str]) -> Iterator[str]:
    """Leave out what lies within another path."""
    for path in paths:
        if paths.isdisjoint(parents(path)):
            yield path


def computed_fields(translator: Translator) -> tuple[str, ...]:
    """Give the fields that are computed for each search and stand in no event."""
    fields = translator.mapping.fields
    return tuple(sorted(path for path, types in fields.items() if any(one.computed for one in types)))
