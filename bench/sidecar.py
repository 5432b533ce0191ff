"""A sidecar's search as a process of its own, controlled by lines of JSON: `python -m bench.sidecar`.

Its memory and CPU are those of a sidecar without the measuring process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import corpus
from bench.measurements import SearchResult
from watcher.cluster.connections import connect
from watcher.heap import freeze_heap
from watcher.match.compiled_rule import CompiledRule
from watcher.match.ruleset import Ruleset
from watcher.model import QueryPlan, Rule, Window
from watcher.search.outcomes import FailedSearch, MatchedPage
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Cluster, Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate


class Sidecar:
    """The client: starts the process, sends searches, and ends it."""

    def __init__(self, url: str, data: Path, rules: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sidecar", url, str(data), str(rules)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def send(self, **order: Any) -> None:
        """Send a search."""
        if self._process.stdin is None:
            raise RuntimeError("the process has no input")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def receive(self) -> SearchResult:
        """Wait for the result."""
        return self._answer()

    def ask(self, **order: Any) -> SearchResult:
        """Send a search and wait for the result."""
        self.send(**order)
        return self.receive()

    def _answer(self) -> SearchResult:
        if self._process.stdout is None:
            raise RuntimeError("the process has no output")
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: SearchResult = json.loads(line)
                return answer
        raise RuntimeError("the process has ended")


class _Searches:
    """The state of the process between searches."""

    def __init__(self, url: str, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.connection = connect(Cluster(hosts=(url,), timeout=timedelta(minutes=5)))
        self.events = self.connection.events()
        self.source = Source(budget=timedelta(hours=2))
        self.watched = [CompiledRule(rule, rule_predicate(rule, self.source)) for rule in rules]
        self.plan_cache = PlanCache(self.source, tuple(rules))
        began = time.perf_counter()
        self.searchers = {
            way: Searcher(replace(self.source, search=way, fetch=fetch), self.watched)
            for way, fetch in (("scan", "whole"), ("query", "whole"))
        }
        self.needed = Searcher(replace(self.source, search="scan", fetch="needed"), self.watched)
        self.compiled = (time.perf_counter() - began) / 3
        freeze_heap()
        self.bare = [QueryPlan(rule=rule, source="bench", query={}, exact=False) for rule in rules]

    def run(self, index: str, window: Window, mode: str) -> SearchResult:
        """Search a window as a sidecar does: open a snapshot, read the mapping, search."""
        began, own = time.perf_counter(), time.process_time()
        with self.events.open(index, window, time_field="@timestamp") as snapshot:
            mapping = self.events.mapping(index, self.plan_cache.paths)
            context = SearchContext(
                snapshot=snapshot,
                translator=self.plan_cache.translator_for(mapping),
                event_reader=EventReader(self.source, mapping),
            )
            read, length, hits = self._run(context, mode)
        return {
            "wall": time.perf_counter() - began,
            "own": time.process_time() - own,
            "events": read,
            "bytes": length,
            "hits": hits,
            "memory": _most(),
        }

    def _run(self, context: SearchContext, mode: str) -> tuple[int, int, int]:
        if mode in ("pages", "zero"):
            job, first = self.searchers["scan"].begin_scan(context, self.bare)
            if mode == "zero":
                job = replace(job, rules=Ruleset([]), plans={})
                return first.total or 0, 0, len(list(job.outcomes(first)))
            pages = [(len(page.documents), page.length) for page in job.pages(first)]
            return sum(read for read, _ in pages), sum(length for _, length in pages), 0
        searcher = self.needed if mode == "needed" else self.searchers[mode]
        plans = self.plan_cache.plans(context.translator.mapping) if mode == "query" else self.bare
        hits = 0
        for outcome in searcher.search(context, plans):
            if isinstance(outcome, FailedSearch):
                raise outcome.error
            if isinstance(outcome, MatchedPage):
                hits += len(outcome.documents)
        return 0, 0, hits


def _most() -> int:
    """Return the peak resident bytes; `ru_maxrss` would include those of the parent process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _windows(start: datetime, end: datetime, step: timedelta) -> Iterator[Window]:
    while start < end:
        yield Window(start=start, end=min(start + step, end))
        start += step


def main() -> None:
    """Read rules, then answer each line with a line."""
    url, data, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        rules = corpus.runnable(corpus.read_rules(data, Path(folder)))
    step = max(1, len(rules) // count) if count else 1
    searches = _Searches(url, rules[::step][:count] if count else rules)
    print(json.dumps({"rules": len(searches.rules), "compiled": searches.compiled}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        span = timedelta(seconds=order.get("step", 86_400))
        start, end = datetime.fromisoformat(order["start"]), datetime.fromisoformat(order["end"])
        parts = [searches.run(order["index"], window, order["mode"]) for window in _windows(start, end, span)]
        total = {key: sum(part[key] for part in parts) for key in ("wall", "own", "events", "bytes", "hits")}
        print(json.dumps({**total, "memory": parts[-1]["memory"]}), flush=True)


if __name__ == "__main__":
    main()
