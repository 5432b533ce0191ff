"""A sidecar's search as a process of its own, told by lines of JSON what to search: `python -m bench.sidecar`.

So its memory and its CPU are those of a sidecar, and not of whoever measures.
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
from bench.findings import Told
from watcher.cluster.connections import connect
from watcher.heap import freeze_heap
from watcher.match.ruleset import CompiledRule, Ruleset
from watcher.model import QueryPlan, Rule, Window
from watcher.search.outcomes import FailedSearch, MatchedPage
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Cluster, Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate


class Sidecar:
    """The other side: starts the process, asks it, and ends it."""

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

    def send(self, **asked: Any) -> None:
        """Tell it what to search."""
        if self._process.stdin is None:
            raise RuntimeError("the process has no input")
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Told:
        """Wait for what came of it."""
        return self._answer()

    def ask(self, **asked: Any) -> Told:
        """Search and wait."""
        self.send(**asked)
        return self.receive()

    def _answer(self) -> Told:
        if self._process.stdout is None:
            raise RuntimeError("the process has no output")
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: Told = json.loads(line)
                return answer
        raise RuntimeError("the process has ended")


class _Searches:
    """What the process keeps between two questions."""

    def __init__(self, url: str, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.connection = connect(Cluster(hosts=(url,), timeout=timedelta(minutes=5)))
        self.events = self.connection.events()
        self.source = Source(budget=timedelta(hours=2))
        self.watched = [CompiledRule(one, rule_predicate(one, self.source)) for one in rules]
        self.book = PlanCache(self.source, tuple(rules))
        began = time.perf_counter()
        self.searchers = {
            way: Searcher(replace(self.source, search=way, fetch=fetch), self.watched)
            for way, fetch in (("scan", "whole"), ("query", "whole"))
        }
        self.needed = Searcher(replace(self.source, search="scan", fetch="needed"), self.watched)
        self.compiled = (time.perf_counter() - began) / 3
        freeze_heap()
        self.bare = [QueryPlan(rule=one, source="bench", query={}, exact=False) for one in rules]

    def run(self, index: str, window: Window, mode: str) -> Told:
        """Search one window as a tick does: a snapshot, the facts of the mapping, the search."""
        began, own = time.perf_counter(), time.process_time()
        with self.events.open(index, window, time_field="@timestamp") as snapshot:
            mapping = self.events.mapping(index, self.book.paths)
            context = SearchContext(
                snapshot=snapshot,
                translator=self.book.translator_for(mapping),
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
        plans = self.book.plans(context.translator.mapping) if mode == "query" else self.bare
        hits = 0
        for outcome in searcher.search(context, plans):
            if isinstance(outcome, FailedSearch):
                raise outcome.error
            if isinstance(outcome, MatchedPage):
                hits += len(outcome.documents)
        return 0, 0, hits


def _most() -> int:
    """Tell the most bytes resident so far; `ru_maxrss` would count those of the process that began this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _windows(start: datetime, end: datetime, step: timedelta) -> Iterator[Window]:
    while start < end:
        yield Window(start=start, end=min(start + step, end))
        start += step


def main() -> None:
    """Read rules, then answer one line for each line."""
    url, data, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        rules = corpus.runnable(corpus.read_rules(data, Path(folder)))
    step = max(1, len(rules) // count) if count else 1
    searches = _Searches(url, rules[::step][:count] if count else rules)
    print(json.dumps({"rules": len(searches.rules), "compiled": searches.compiled}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        span = timedelta(seconds=asked.get("step", 86_400))
        start, end = datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"])
        parts = [searches.run(asked["index"], window, asked["mode"]) for window in _windows(start, end, span)]
        total = {key: sum(part[key] for part in parts) for key in ("wall", "own", "events", "bytes", "hits")}
        print(json.dumps({**total, "memory": parts[-1]["memory"]}), flush=True)


if __name__ == "__main__":
    main()
