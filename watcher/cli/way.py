"""`watcher explain --plan`: which way the next window of each source is searched, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from watcher import wiring
from watcher.cli.frame import out, write_json
from watcher.match.many import Watched
from watcher.model import Plan, Query, Rule, Window
from watcher.search.door import Searcher, Sight
from watcher.settings import Settings, Source
from watcher.show.terminal import printable
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator, paths_of, predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explained:
    """The way one source goes."""

    source: Source
    window: Window
    rules: int
    way: str
    because: str
    query: Query  # what a pass asks for


def show_way(settings: Settings, *, as_json: bool) -> None:
    """Tell the way of every source."""
    connected = wiring.reach(settings)
    try:
        explained = tuple(_explained(settings, connected))
    finally:
        connected.close()
    if as_json:
        write_json([_as_json(one) for one in explained])
        return
    for one in explained:
        out.print(Text(printable(f"source `{one.source.name}`, index `{one.source.index}`"), style="bold"))
        out.print(f"window {one.window}")
        out.print(f"{one.way}: {one.because}\n", soft_wrap=True)


def _as_json(one: _Explained) -> dict[str, object]:
    return {
        "source": one.source.name,
        "start": one.window.start.isoformat(),
        "end": one.window.end.isoformat(),
        "rules": one.rules,
        "way": one.way,
        "because": one.because,
        "query": one.query,
    }


def _explained(settings: Settings, connected: wiring.Connected) -> Iterator[_Explained]:
    rules, _ = wiring.watched(settings, wiring.load_rules(settings))
    events = connected.events.events()
    for source in settings.sources:
        end = events.now() - source.delay
        window = Window(start=end - source.overlap - source.every, end=end)
        with events.open(source.index, window, time_field=source.time_field) as snapshot:
            facts = events.facts(source.index, paths_of(rules, source))
            sight = Sight(snapshot=snapshot, translator=Translator(source, facts), lens=Lens(source, facts))
            searcher = Searcher(source, [Watched(one, predicate(one, source)) for one in rules])
            choice, query = searcher.choice(sight, [_bare(one, source) for one in rules])
        yield _Explained(
            source=source, window=window, rules=len(rules), way=choice.way, because=choice.because, query=query
        )


def _bare(rule: Rule, source: Source) -> Plan:
    """Make a plan that is only counted."""
    return Plan(rule=rule, source=source.name, query={"match_all": {}}, exact=False)
