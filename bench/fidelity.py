"""How surely every rule finds just the events that it means, through the real query of a real engine.

For each engine, shape of the documents and mapping: all rules are searched and confirmed as a sidecar does it, and
what they found is held against the truth table, which no search engine computed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import corpus
from bench.corpus import Loaded, Pair
from watcher.clock import SystemClock
from watcher.cluster.connect import Connection, connect
from watcher.cluster.local import ELASTICSEARCH, OPENSEARCH, default_cache, start
from watcher.model import Rule, Window
from watcher.read.folder import Rules
from watcher.search.query import Failed, search
from watcher.settings import Cluster, Source
from watcher.translate.book import PlanBook
from watcher.translate.lens import Lens
from watcher.translate.plan import predicate

_ENGINES = {"opensearch": OPENSEARCH, "elasticsearch": ELASTICSEARCH}
_SOURCE = Source(name="bench")
_EVER = Window(start=datetime(1990, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))
_PATIENT = timedelta(minutes=5)
_HEAD = ("engine", "shape", "mapping", "events", "rules of", "read", "run", "expected", "found", "missing", "extra",
         "not indexed", "returned", "seconds")  # fmt: skip


_ABOUT = (
    "Written by `python -m bench fidelity`. Every rule is searched by its query and confirmed, over all events of "
    "the cell; *found + missing + not indexed = expected*. *Not indexed* are pairs whose event the engine refused. "
    "*Returned* are the documents that the queries brought before they were confirmed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of the matrix."""

    engine: str
    shape: str
    mapping: str  # `os`, `es8` or `none`
    sets: tuple[str, ...] = corpus.SMALL


MATRIX = (
    Cell(engine="opensearch", shape="raw", mapping="os"),
    *(
        Cell(engine=engine, shape=shape, mapping=mapping)
        for engine in ("opensearch", "elasticsearch")
        for shape in ("raw", "modules")
        for mapping in ("os", "es8", "none")
        if (engine, shape, mapping) != ("opensearch", "raw", "os")
    ),
    Cell(engine="opensearch", shape="raw", mapping="os", sets=corpus.ALL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one corpus of rules came to in one cell."""

    cell: Cell
    events: int
    corpus: str
    read: int
    run: int
    expected: int
    found: int
    missing: int
    extra: int
    not_indexed: int
    returned: int  # documents that the queries returned, before they were confirmed
    seconds: float  # of searching and confirming all rules of all corpora

    def cells(self) -> tuple[str, ...]:
        """Write the row."""
        numbers = (self.read, self.run, self.expected, self.found, self.missing, self.extra, self.not_indexed)
        return (
            self.cell.engine,
            self.cell.shape,
            self.cell.mapping,
            f"{self.events:,}",
            self.corpus,
            *(f"{number:,}" for number in (*numbers, self.returned)),
            f"{self.seconds:.0f}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    found: Mapping[str, set[Pair]]
    returned: Counter[str]
    failed: Mapping[str, str]
    seconds: float


def measure(data: Path, cells: Sequence[Cell], page: Path) -> int:
    """Measure some cells, print their rows and write the page; 1 where a pair is missing or extra."""
    console = Console()
    rows: list[Row] = []
    causes: dict[str, Counter[str]] = {}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        rules = corpus.read_rules(data, Path(folder))
        for cell in cells:
            console.print(f"{cell.engine}, {cell.shape}, mapping {cell.mapping}, {', '.join(cell.sets)} …")
            made, loaded, answer = _cell(cell, data, rules)
            rows.extend(made)
            causes[f"{cell.engine}, {cell.shape}, {cell.mapping}"] = Counter(map(_cause, loaded.refused.values()))
            failures.update(answer.failed)
            console.print(_table(made))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(_page(rows, causes, _not_run(rules, failures)), encoding="utf-8")
    return 1 if failures or any(row.missing or row.extra for row in rows) else 0


def _cell(cell: Cell, data: Path, rules: Rules) -> tuple[list[Row], Loaded, _Answer]:
    with start(_ENGINES[cell.engine], cache=default_cache(os.environ), progress=lambda _stage, _part: None) as node:
        connection = connect(Cluster(hosts=(node.url,), timeout=_PATIENT))
        try:
            connection.state().put_template("bench", corpus.template(data, cell.mapping, cell.engine))
            convert = corpus.converter(data, cell.shape)
            loaded = corpus.load(connection, map(convert, corpus.events(data, cell.sets)))
            answer = _ask(connection, corpus.runnable(rules))
        finally:
            connection.close()
    return list(_rows(cell, data, rules, loaded, answer)), loaded, answer


def _ask(connection: Connection, rules: Sequence[Rule]) -> _Answer:
    """Search and confirm every rule over everything, as a sidecar does it with a window."""
    clock = SystemClock()
    events = connection.events()
    book = PlanBook(_SOURCE, tuple(rules))
    found: dict[str, set[Pair]] = {rule.path: set() for rule in rules}
    returned: Counter[str] = Counter()
    failed: dict[str, str] = {}
    began = clock.monotonic()
    with events.open("winlogbeat-*", _EVER, time_field=_SOURCE.time_field) as snapshot:
        facts = events.facts("winlogbeat-*", book.paths)
        lens = Lens(_SOURCE, facts)
        holds = {rule.id: predicate(rule, _SOURCE) for rule in rules}
        for outcome in search(snapshot, book.plans(facts)):
            rule = outcome.plan.rule
            if isinstance(outcome, Failed):
                failed[rule.path] = str(outcome.error)
                continue
            returned[rule.path] += len(outcome.found)
            confirmed = (one for one in outcome.found if holds[rule.id](lens.view(one)))
            found[rule.path].update(corpus.pair_of(one.event) for one in confirmed)
    return _Answer(found=found, returned=returned, failed=failed, seconds=clock.monotonic() - began)


def _rows(cell: Cell, data: Path, rules: Rules, loaded: Loaded, answer: _Answer) -> Iterator[Row]:
    truth = corpus.read_truth(data).over(loaded.files)
    for name in ("sigmahq", "mdecrevoisier"):
        judged = {path: pairs for path, pairs in truth.items() if path.startswith(f"{name}/")}
        refused = {path: frozenset(pair for pair in pairs if pair in loaded.refused) for path, pairs in judged.items()}
        got = {path: answer.found.get(path, set()) for path in judged}
        yield Row(
            cell=cell,
            events=loaded.count,
            corpus=name,
            read=sum(rule.path.startswith(f"{name}/") for rule in rules.rules),
            run=sum(path.startswith(f"{name}/") for path in answer.found),
            expected=_count(judged.values()),
            found=_count(pairs & got[path] for path, pairs in judged.items()),
            missing=_count(pairs - got[path] - refused[path] for path, pairs in judged.items()),
            extra=_count(got[path] - pairs for path, pairs in judged.items()),
            not_indexed=_count(refused.values()),
            returned=sum(count for path, count in answer.returned.items() if path.startswith(f"{name}/")),
            seconds=answer.seconds,
        )


def _count(sets: Iterable[frozenset[Pair] | set[Pair]]) -> int:
    return sum(map(len, sets))


def _cause(error: str) -> str:
    """Bring an engine's sentence down to its kind."""
    return re.sub(r"\s+", " ", re.sub(r'"[^"]*"|\'[^\']*\'|\[[^\]]*\]|\d+', "…", error))[:100]


def _not_run(rules: Rules, failures: Mapping[str, str]) -> list[tuple[str, str]]:
    """List every rule that is not run, and why."""
    listed = [(rule.path, f"it counts: `{rule.aggregation}`") for rule in rules.rules if rule.aggregation]
    listed.extend(
        (Path(finding.place.file).name, finding.message) for finding in rules.findings if finding.severity == "error"
    )
    listed.extend((path, f"the search failed: {error}") for path, error in failures.items())
    return sorted(listed)


def _table(rows: Sequence[Row]) -> Table:
    table = Table(*_HEAD)
    for row in rows:
        table.add_row(*row.cells())
    return table


def _page(rows: Sequence[Row], causes: Mapping[str, Counter[str]], left: Sequence[tuple[str, str]]) -> str:
    lines = [
        "# Fidelity",
        "",
        _ABOUT,
        "",
        f"| {' | '.join(_HEAD)} |",
        f"|{'---|' * len(_HEAD)}",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
        "",
        "## Events that an engine refused",
        "",
        *(
            f"- {cell}: {count} times {cause}"
            for cell, counted in causes.items()
            for cause, count in counted.most_common()
        ),
        "",
        f"## Rules that are not run ({len(left)})",
        "",
        *(f"- `{path}`: {why}" for path, why in left),
    ]
    return "\n".join(lines) + "\n"
