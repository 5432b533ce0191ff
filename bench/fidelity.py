"""Whether every rule matches exactly the expected events, through its query on a real engine.

For each engine, shape of the documents and mapping, all rules are searched and confirmed as by a sidecar. Their
hits are compared with the truth table, which no search engine computed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from bench import corpus
from bench.corpus import Loaded, Pair, Truth
from bench.fidelity_page import Measured, Row, Sheet, table
from watcher.clock import SystemClock
from watcher.cluster.connections import Connection, connect
from watcher.errors import Refused
from watcher.local_engine import ELASTICSEARCH, OPENSEARCH, default_cache, start
from watcher.model import QueryPlan, Rule, Window
from watcher.ports import IndexMapping, Snapshot
from watcher.search.outcomes import FailedSearch, MatchedPage, Unreadable
from watcher.search.query_strategy import search_by_query
from watcher.settings import Cluster, Source
from watcher.sigma.rule_folders import LoadedRules
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

_ENGINES = {"opensearch": OPENSEARCH, "elasticsearch": ELASTICSEARCH}
_SETS = {"small": corpus.SMALL, "all": corpus.ALL}
_SOURCE = Source(name="bench")
_EVER = Window(start=datetime(1990, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))
_TIMEOUT = timedelta(minutes=5)
_SHOWN = 20  # pairs that are missing or extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A combination of the matrix."""

    engine: str
    shape: str
    mapping: str  # `os`, `es8` or `none`
    events: str = "small"  # or `all`

    def __str__(self) -> str:
        return f"{self.engine}/{self.shape}/{self.mapping}/{self.events}"


MATRIX = (
    *(
        Cell(engine=engine, shape=shape, mapping=mapping)
        for engine in _ENGINES
        for shape in ("raw", "modules")
        for mapping in ("os", "es8", "none")
    ),
    Cell(engine="opensearch", shape="raw", mapping="os", events="all"),
)


def cell(name: str) -> Cell:
    """Return the cell of a name, such as `opensearch/raw/os` or `opensearch/raw/os/all`; raises ValueError."""
    named = {str(combination): combination for combination in MATRIX} | {
        str(combination).removesuffix("/small"): combination for combination in MATRIX
    }
    if name not in named:
        raise ValueError(f"`{name}` is no cell; the cells are {', '.join(map(str, MATRIX))}")
    return named[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    pairs: Mapping[str, set[Pair]]
    returned: Counter[str]
    failed: Mapping[str, str]
    widened: Sequence[str]
    seconds: float


def measure(data: Path, cells: Sequence[Cell], page: Path) -> int:
    """Measure cells and write each to the page; return 1 where a pair is missing or extra."""
    console = Console()
    sheet = Sheet.read(page)
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        rules = corpus.read_rules(data, Path(folder))
        sheet.left = _not_run(rules)
        for combination in cells:
            console.print(f"{combination} …")
            measured = _measured(combination, data, rules)
            sheet.cells[str(combination)] = measured
            sheet.write(page, order=[str(combination) for combination in MATRIX])
            console.print(table(measured))
            for line in measured.wrong:
                console.print(line, markup=False)
            sound = sound and not (measured.failed or measured.wrong)
    return 0 if sound else 1


def _measured(cell: Cell, data: Path, rules: LoadedRules) -> Measured:
    with start(_ENGINES[cell.engine], cache=default_cache(os.environ), progress=lambda _stage, _part: None) as node:
        connection = connect(Cluster(hosts=(node.url,), timeout=_TIMEOUT))
        try:
            connection.state().put_template("bench", corpus.template(data, cell.mapping, cell.engine))
            convert = corpus.converter(data, cell.shape)
            loaded = corpus.load(connection, map(convert, corpus.events(data, _SETS[cell.events])))
            answer = _ask(connection, corpus.runnable(rules))
        finally:
            connection.close()
    truth = corpus.read_truth(data).over(loaded.files)
    return Measured(
        events=loaded.count,
        seconds=round(answer.seconds),
        rows=list(_rows(truth, rules, loaded, answer)),
        refused=dict(Counter(map(_cause, loaded.refused.values())).most_common()),
        failed=dict(answer.failed),
        widened=list(answer.widened),
        wrong=list(_wrong(truth, loaded, answer)),
    )


def _ask(connection: Connection, rules: Sequence[Rule]) -> _Answer:
    """Search and confirm every rule over everything, as a sidecar does it with a window."""
    clock = SystemClock()
    events = connection.events()
    plan_cache = PlanCache(_SOURCE, tuple(rules))
    pairs: dict[str, set[Pair]] = {rule.path: set() for rule in rules}
    returned: Counter[str] = Counter()
    failed: dict[str, str] = {}
    widened: list[str] = []
    began = clock.monotonic()
    with events.open("winlogbeat-*", _EVER, time_field=_SOURCE.time_field) as snapshot:
        mapping = events.mapping("winlogbeat-*", plan_cache.paths)
        event_reader = EventReader(_SOURCE, mapping)
        predicates = {rule.id: rule_predicate(rule, _SOURCE) for rule in rules}
        for outcome in _searched(snapshot, plan_cache, mapping, widened):
            rule = outcome.plan.rule
            if isinstance(outcome, FailedSearch):
                failed[rule.path] = str(outcome.error)
                continue
            returned[rule.path] += len(outcome.documents)
            confirmed = (document for document in outcome.documents if predicates[rule.id](event_reader.view(document)))
            pairs[rule.path].update(corpus.pair_of(document.event) for document in confirmed)
    seconds = clock.monotonic() - began
    return _Answer(pairs=pairs, returned=returned, failed=failed, widened=widened, seconds=seconds)


def _searched(
    snapshot: Snapshot, plan_cache: PlanCache, mapping: IndexMapping, widened: list[str]
) -> Iterator[MatchedPage | FailedSearch]:
    """Search every rule by its query, or by its log source alone where the engine refuses the query."""
    unfit: list[QueryPlan] = []
    for outcome in search_by_query(snapshot, plan_cache.plans(mapping)):
        if isinstance(outcome, FailedSearch) and isinstance(outcome.error, Refused):
            unfit.append(outcome.plan)
        else:
            yield _readable(outcome)
    widened.extend(plan.rule.path for plan in unfit)
    translator = plan_cache.translator_for(mapping)
    wide = [replace(plan, query=translator.log_source_query(plan.rule), parts=(), exact=False) for plan in unfit]
    yield from map(_readable, search_by_query(snapshot, wide))


def _readable(outcome: MatchedPage | FailedSearch | Unreadable) -> MatchedPage | FailedSearch:
    """Return the outcome; raises ValueError for events that cannot be decoded: the shared ones can."""
    if isinstance(outcome, Unreadable):
        raise ValueError(f"cannot be decoded: {outcome.events}")  # noqa: TRY004 - a value in the data, not a wrong type
    return outcome


def _rows(truth: Truth, rules: LoadedRules, loaded: Loaded, answer: _Answer) -> Iterator[Row]:
    for name in ("sigmahq", "mdecrevoisier"):
        judged = {path: pairs for path, pairs in truth.pairs.items() if path.startswith(f"{name}/")}
        refused = {path: frozenset(pair for pair in pairs if pair in loaded.refused) for path, pairs in judged.items()}
        got = {path: answer.pairs.get(path, set()) for path in judged}
        yield Row(
            corpus=name,
            read=sum(rule.path.startswith(f"{name}/") for rule in rules.rules),
            run=sum(path.startswith(f"{name}/") for path in answer.pairs),
            expected=_count(judged.values()),
            standard=_count(pairs for path, pairs in judged.items() if truth.statuses[path] == "standard"),
            matched=_count(pairs & got[path] for path, pairs in judged.items()),
            missing=_count(pairs - got[path] - refused[path] for path, pairs in judged.items()),
            extra=_count(got[path] - pairs for path, pairs in judged.items()),
            not_indexed=_count(refused.values()),
            returned=sum(count for path, count in answer.returned.items() if path.startswith(f"{name}/")),
        )


def _wrong(truth: Truth, loaded: Loaded, answer: _Answer) -> Iterator[str]:
    """Yield some of the missing or extra pairs."""
    named = []
    for path, pairs in truth.pairs.items():
        got = answer.pairs.get(path, set())
        named += [f"missing: {path}: {file}#{number}" for file, number in pairs - got - set(loaded.refused)]
        named += [f"extra: {path}: {file}#{number}" for file, number in got - pairs]
    yield from sorted(named)[:_SHOWN]


def _count(sets: Iterable[frozenset[Pair] | set[Pair]]) -> int:
    return sum(map(len, sets))


def _cause(error: str) -> str:
    """Return an engine's error without its details."""
    return re.sub(r"\s+", " ", re.sub(r'"[^"]*"|\'[^\']*\'|\[[^\]]*\]|\d+', "…", error))[:160]


def _not_run(rules: LoadedRules) -> list[tuple[str, str]]:
    """Return every rule that is not run, with the reason."""
    listed = [(rule.path, f"it counts: `{rule.aggregation}`") for rule in rules.rules if rule.aggregation]
    listed.extend(
        (Path(finding.location.file).name, finding.message) for finding in rules.findings if finding.severity == "error"
    )
    return sorted(listed)
