"""`watcher explain --plan`: which way the next window of each source is searched, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from watcher import app as wiring
from watcher.cli.common import out, write_json
from watcher.match.ruleset import CompiledRule
from watcher.model import Query, QueryPlan, Rule, Window
from watcher.printable import printable_text
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Settings, Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, rule_predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlanExplanation:
    """The way one source goes."""

    source: Source
    window: Window
    rules: int
    way: str
    because: str
    query: Query  # what a pass asks for


def show_strategy(settings: Settings, *, as_json: bool) -> None:
    """Tell the way of every source."""
    connections = wiring.connect_clusters(settings)
    try:
        explained = tuple(_explained(settings, connections))
    finally:
        connections.close()
    if as_json:
        write_json([_as_json(one) for one in explained])
        return
    for one in explained:
        out.print(Text(printable_text(f"source `{one.source.name}`, index `{one.source.index}`"), style="bold"))
        out.print(f"window {one.window}")
        out.print(f"{one.way}: {one.because}\n", soft_wrap=True)


def _as_json(one: _PlanExplanation) -> dict[str, object]:
    return {
        "source": one.source.name,
        "start": one.window.start.isoformat(),
        "end": one.window.end.isoformat(),
        "rules": one.rules,
        "way": one.way,
        "because": one.because,
        "query": one.query,
    }


def _explained(settings: Settings, connections: wiring.Connections) -> Iterator[_PlanExplanation]:
    rules, _ = wiring.enabled_rules(settings, wiring.load_rules(settings))
    events = connections.events.events()
    for source in settings.sources:
        end = events.now() - source.delay
        window = Window(start=end - source.overlap - source.every, end=end)
        with events.open(source.index, window, time_field=source.time_field) as snapshot:
            mapping = events.mapping(source.index, paths_of(rules, source))
            context = SearchContext(
                snapshot=snapshot, translator=Translator(source, mapping), event_reader=EventReader(source, mapping)
            )
            searcher = Searcher(source, [CompiledRule(one, rule_predicate(one, source)) for one in rules])
            choice, query = searcher.choice(context, [_bare(one, source) for one in rules])
        yield _PlanExplanation(
            source=source, window=window, rules=len(rules), way=choice.way, because=choice.because, query=query
        )


def _bare(rule: Rule, source: Source) -> QueryPlan:
    """Make a plan that is only counted."""
    return QueryPlan(rule=rule, source=source.name, query={"match_all": {}}, exact=False)
