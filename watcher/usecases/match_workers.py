"""Files of events matched by several processes, with the results in the order of the files."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.synchronize import Event as StopEvent
from pathlib import Path

from watcher.errors import InputError, WatcherError
from watcher.event_files.event_chunks import EventChunk
from watcher.event_files.event_reader import event_chunks, read_size
from watcher.heap import freeze_heap
from watcher.model import Rule
from watcher.usecases.match_events import MatchedChunk, MatchedEvent, RulesToMatch, match_chunk, match_file
from watcher.usecases.worker_processes import obey_parent, processors

_LEAST = 16_000_000  # bytes of events; fewer are matched sooner than processes start
_WAITING = 3  # chunks per process that are read ahead, or matched and not yet taken

_Submit = Callable[[Path, EventChunk], "Future[_SentChunk]"]


@contextmanager
def matched_files(selected: RulesToMatch, files: Sequence[Path], workers: int) -> Iterator[Iterator[MatchedChunk]]:
    """Start the processes that match files; yields the outcomes of their parts, in order.

    0 workers are one per CPU, and none where there are few events: this process matches them. What cannot be read
    becomes an error of a chunk. Raises WatcherError where a process ends unexpectedly.
    """
    count = workers or _worthwhile(files)
    matcher = _Matcher(selected)
    freeze_heap()
    if count == 1:
        yield _match_here(matcher, files)
        return
    # fork shares the compiled rules with all processes; elsewhere than on Linux, system libraries do not survive it
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    stop = context.Event()
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker, initargs=(matcher, stop)) as pool:
        pool.submit(_do_nothing)  # starts the processes now: later, progress bars have a thread, which fork would copy
        try:
            matched = _in_order(lambda path, chunk: pool.submit(_match, path, chunk), files, count * _WAITING)
            yield _restored(matched, {rule.id: rule for rule in selected.rules})
        except BrokenProcessPool:
            raise WatcherError(
                "a process that matches events ended unexpectedly, perhaps for lack of memory; the results are "
                "incomplete; run it again with `--workers 1`"
            ) from None
        finally:
            stop.set()


def _worthwhile(files: Iterable[Path]) -> int:
    """Return how many processes match some files soonest."""
    return processors() if sum(map(read_size, files)) >= _LEAST else 1


class _Matcher:
    """The compiled rules of a process; a process that does not share its memory compiles them again."""

    def __init__(self, selected: RulesToMatch) -> None:
        self._selected = selected
        self.ruleset = selected.ruleset()

    def __reduce__(self) -> tuple[type[_Matcher], tuple[RulesToMatch]]:
        return _Matcher, (self._selected,)


def _match_here(matcher: _Matcher, files: Iterable[Path]) -> Iterator[MatchedChunk]:
    for path in files:
        try:
            yield from match_file(matcher.ruleset, path)
        except InputError as fault:
            yield _unreadable(path, fault)


def _unreadable(path: Path, fault: InputError) -> MatchedChunk:
    return MatchedChunk(path=path, end=0, items=(fault,))


# --------------------------------------------------------------------------- in the worker processes


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a worker process needs to match chunks."""

    matcher: _Matcher
    stop: StopEvent


_WORKERS: list[_Worker] = []  # of this process, where it is a worker


def _start_worker(matcher: _Matcher, stop: StopEvent) -> None:
    obey_parent()
    _WORKERS.append(_Worker(matcher, stop))


def _do_nothing() -> None:
    """Return at once."""


def _match(path: Path, chunk: EventChunk) -> _SentChunk:
    worker = _WORKERS[0]
    return _sent(match_chunk(worker.matcher.ruleset, path, chunk, worker.stop.is_set))


# --------------------------------------------------------------------------- between the processes


@dataclass(frozen=True, slots=True, kw_only=True)
class _SentChunk:
    """A matched chunk whose events name their rules by id: rules are large, and this process has them."""

    chunk: MatchedChunk
    rules: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # ids that match, and undecided ones, for each event


def _sent(chunk: MatchedChunk) -> _SentChunk:
    events = [item for item in chunk.items if isinstance(item, MatchedEvent)]
    return _SentChunk(
        chunk=replace(
            chunk,
            items=tuple(
                replace(item, rules=(), undecided=()) if isinstance(item, MatchedEvent) else item
                for item in chunk.items
            ),
        ),
        rules=tuple(
            (tuple(rule.id for rule in event.rules), tuple(rule.id for rule in event.undecided)) for event in events
        ),
    )


def _restored(chunks: Iterable[_SentChunk | MatchedChunk], rules: Mapping[str, Rule]) -> Iterator[MatchedChunk]:
    for chunk in chunks:
        yield chunk if isinstance(chunk, MatchedChunk) else _with_rules(chunk, rules)


def _with_rules(sent: _SentChunk, rules: Mapping[str, Rule]) -> MatchedChunk:
    names = iter(sent.rules)

    def restored(event: MatchedEvent) -> MatchedEvent:
        matching, undecided = next(names)
        return replace(
            event, rules=tuple(rules[name] for name in matching), undecided=tuple(rules[name] for name in undecided)
        )

    items = tuple(restored(item) if isinstance(item, MatchedEvent) else item for item in sent.chunk.items)
    return replace(sent.chunk, items=items)


def _in_order(submit: _Submit, files: Iterable[Path], most: int) -> Iterator[_SentChunk | MatchedChunk]:
    """Yield the outcome of each chunk of some files in order, with at most so many chunks at a time."""
    waiting: deque[Future[_SentChunk] | MatchedChunk] = deque()
    for task in _tasks(files):
        waiting.append(task if isinstance(task, MatchedChunk) else submit(*task))
        if len(waiting) >= most:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _tasks(files: Iterable[Path]) -> Iterator[tuple[Path, EventChunk] | MatchedChunk]:
    for path in files:
        try:
            for chunk in event_chunks(path):
                yield path, chunk
        except InputError as fault:
            yield _unreadable(path, fault)


def _result(outcome: Future[_SentChunk] | MatchedChunk) -> _SentChunk | MatchedChunk:
    return outcome if isinstance(outcome, MatchedChunk) else outcome.result()
