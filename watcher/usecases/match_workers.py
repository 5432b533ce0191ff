"""Files of events matched by several processes, with the results in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.errors import InputError
from watcher.event_files.event_chunks import EventChunk, to_send
from watcher.event_files.event_reader import event_chunks, read_size
from watcher.heap import freeze_new_heap
from watcher.model import Rule
from watcher.usecases.match_events import FileMatcher, MatchedChunk, MatchedEvent, RulesToMatch, match_chunk
from watcher.usecases.ordered_workers import ordered_workers
from watcher.usecases.worker_processes import processors

_LEAST = 16_000_000  # bytes of events; fewer are matched sooner than processes start


@contextmanager
def matched_files(selected: RulesToMatch, files: Sequence[Path], workers: int) -> Iterator[Iterator[MatchedChunk]]:
    """Start the processes that match files; yields the outcomes of their parts, in order.

    0 workers are one per CPU, and none where there are few events: this process matches them. What cannot be read
    becomes an error of a chunk. Raises WatcherError where a process ends unexpectedly.
    """
    count = workers or _worthwhile(files)
    matcher = _Matcher(selected)
    freeze_new_heap()
    if count == 1:
        yield (matcher.matched(task) for task in _tasks(files))
        return
    with ordered_workers(matcher, count) as pool:
        rules = {rule.id: rule for rule in selected.rules}
        yield (_with_rules(sent, rules) for sent in pool.map(_tasks_to_send(files)))


def _worthwhile(files: Iterable[Path]) -> int:
    """Return how many processes match some files soonest."""
    return processors() if sum(map(read_size, files)) >= _LEAST else 1


_Task = tuple[Path, "EventChunk | InputError"]


class _Matcher:
    """The compiled rules of a process; a process that does not share its memory compiles them again."""

    def __init__(self, selected: RulesToMatch) -> None:
        self._selected = selected
        self._matcher = FileMatcher(selected.ruleset(), selected.plan)

    def __reduce__(self) -> tuple[type[_Matcher], tuple[RulesToMatch]]:
        return _Matcher, (self._selected,)

    def __call__(self, task: _Task) -> _SentChunk:
        """Match a part of a file, for another process."""
        return _sent(self.matched(task))

    def matched(self, task: _Task) -> MatchedChunk:
        """Match a part of a file."""
        path, chunk = task
        if isinstance(chunk, InputError):
            return MatchedChunk(path=path, end=0, items=(chunk,))
        return match_chunk(self._matcher, path, chunk)


def _tasks(files: Iterable[Path]) -> Iterator[_Task]:
    for path in files:
        try:
            for chunk in event_chunks(path):
                yield path, chunk
        except InputError as fault:
            yield path, fault


# --------------------------------------------------------------------------- between the processes


def _tasks_to_send(files: Iterable[Path]) -> Iterator[_Task]:
    return ((path, part if isinstance(part, InputError) else to_send(part)) for path, part in _tasks(files))


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


def _with_rules(sent: _SentChunk, rules: Mapping[str, Rule]) -> MatchedChunk:
    names = iter(sent.rules)

    def restored(event: MatchedEvent) -> MatchedEvent:
        matching, undecided = next(names)
        return replace(
            event, rules=tuple(rules[name] for name in matching), undecided=tuple(rules[name] for name in undecided)
        )

    items = tuple(restored(item) if isinstance(item, MatchedEvent) else item for item in sent.chunk.items)
    return replace(sent.chunk, items=items)
