"""Worker processes that share tasks; the results come in the order of the tasks.

`ProcessPoolExecutor` may hang when a worker dies while a large task is written to its queue. Here each worker has a
connection of its own, and gets a large task only when it waits for one; the parent process has no threads.
"""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Generic, TypeVar

from watcher.errors import WatcherError
from watcher.known_secrets import filter_unexpected_errors, known_forms, remember_forms
from watcher.usecases.worker_processes import obey_parent

_HELD = (signal.SIGINT, signal.SIGTERM)
_AHEAD = 3  # tasks per worker that are given out before the result of the first is taken
_SMALL = 16_384  # bytes of a task that a connection holds while its worker works on another one

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def ordered_workers(work: Callable[[Task], Result], count: int) -> Iterator[OrderedWorkers[Task, Result]]:
    """Start worker processes, and end them with the context.

    On Linux they are forks, which share the memory of this process; call it before this process has threads.
    Elsewhere system libraries do not survive a fork: `work` is pickled.
    """
    context = get_context("fork") if sys.platform == "linux" else get_context("spawn")
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            own, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(work, theirs, known_forms()), daemon=True)
            with _signals_held():
                process.start()
                theirs.close()  # else later workers would hold it open, and nobody could tell that its worker died
                workers.append(_Worker(process, own))  # before a signal: it ignores them, and is to be killed
        yield OrderedWorkers(workers)
    finally:
        for worker in workers:
            worker.process.kill()  # it only computes: there is nothing to finish
            worker.process.join()
            worker.connection.close()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals back while a process starts: what they raise in Python's own steps after a fork is lost."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Callable[[Task], Result], connection: Connection, secrets: Collection[str]) -> None:
    obey_parent()
    remember_forms(secrets)  # a process that is no fork has not read the settings
    filter_unexpected_errors()
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)  # the process inherited it
    while True:
        connection.send(work(connection.recv()))


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    """A worker process, the connection to it, and the numbers of its tasks."""

    process: BaseProcess
    connection: Connection
    tasks: deque[int] = field(default_factory=deque)


class OrderedWorkers(Generic[Task, Result]):
    """Processes that each work on one task at a time."""

    def __init__(self, workers: Iterable[_Worker]) -> None:
        self._workers = tuple(workers)
        self._next: tuple[int, bytes] | None = None  # the number and the form of a task that waits for a worker
        self._given = 0  # tasks
        self._most = len(self._workers) * _AHEAD

    def map(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the result of each task in order; few tasks are read ahead. Raises WatcherError if a worker dies."""
        remaining = enumerate(tasks)
        results: dict[int, Result] = {}
        number = 0
        while True:
            self._give(remaining, number + self._most)
            if number not in results and not any(worker.tasks for worker in self._workers):
                return
            results.update(self._take(0 if number in results else None))
            while number in results:
                yield results.pop(number)
                number += 1

    def _give(self, tasks: Iterator[tuple[int, Task]], end: int) -> None:
        """Send tasks to workers, up to a number."""
        while self._given < end:
            if self._next is None:
                numbered = next(tasks, None)
                if numbered is None:
                    return
                self._next = numbered[0], bytes(ForkingPickler.dumps(numbered[1]))
            number, form = self._next
            worker = min(self._workers, key=lambda worker: len(worker.tasks))
            if len(worker.tasks) > (len(form) <= _SMALL):
                return
            self._next = None
            worker.tasks.append(number)
            self._given += 1
            with _death_is_an_error():
                worker.connection.send_bytes(form)

    def _take(self, timeout: float | None) -> Iterator[tuple[int, Result]]:
        """Yield the results that are ready, with the numbers of their tasks."""
        busy = [worker for worker in self._workers if worker.tasks]
        ready = wait([worker.connection for worker in busy], timeout)
        for worker in [worker for worker in busy if worker.connection in ready]:
            with _death_is_an_error():
                result: Result = worker.connection.recv()
            yield worker.tasks.popleft(), result


@contextmanager
def _death_is_an_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise WatcherError(
            "a worker process ended unexpectedly, perhaps for lack of memory; the results are incomplete; run it "
            "again with `--workers 1`"
        ) from None
