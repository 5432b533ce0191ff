"""The progress of long work: bars on a terminal, lines or nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from watcher.ports import Progress
from watcher.printable import printable_text

_LONGEST_NAME = 40


class Stages(Protocol):
    """Receives the name of a stage, and which fraction of it is done where that is known."""

    def __call__(self, stage: str, fraction: float | None) -> None:
        """Show the progress of a stage."""
        ...

    def done(self) -> None:
        """Finish every stage."""
        ...


@contextmanager
def stages(console: Console) -> Iterator[Stages]:
    """Show stages one after the other: bars on a terminal, one line per stage elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Bars(*columns, TimeElapsedColumn(), console=console) as bars:
        yield _StageBars(bars)


class _Lines:
    """Writes a line when a stage begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def __call__(self, stage: str, fraction: float | None) -> None:  # noqa: ARG002 - one line per stage is enough
        if stage != self._last:
            self._console.print(stage)
            self._last = stage

    def done(self) -> None:
        """Do nothing: every line is written."""


class _StageBars:
    """Shows one bar per stage."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, fraction: float | None) -> None:
        if stage not in self._tasks:
            self._fill()
            self._tasks[stage] = self._bars.add_task(stage, total=None if fraction is None else 1.0)
        if fraction is not None:
            self._bars.update(self._tasks[stage], completed=fraction, total=1.0)

    def done(self) -> None:
        """Fill every bar and release the terminal."""
        self._fill()
        self._bars.stop()

    def _fill(self) -> None:
        for task in self._tasks.values():
            self._bars.update(task, completed=1.0, total=1.0)
            self._bars.stop_task(task)


# --------------------------------------------------------------------------- rules

_LEAST = 10_000_000  # bytes of rules, which take about a second to read


@contextmanager
def large_work(console: Console) -> Iterator[Callable[[str], Progress]]:
    """Show the stages of work on many rules as bars on a terminal, nothing elsewhere, and nothing for few rules.

    Yields the function that returns the progress of a stage. The size of the first stage, in bytes, decides.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
    tasks: dict[str, TaskID] = {}

    def stage(name: str) -> Progress:
        def show(done: int, total: int) -> None:
            if not tasks and total < _LEAST:
                return
            if name not in tasks:
                bars.start()
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total)

        return show

    try:
        yield stage
    finally:
        bars.stop()


@contextmanager
def count_bar(console: Console, name: str) -> Iterator[Progress]:
    """Show how much of some work is done, in one bar on a terminal; nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(name, total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield show


# --------------------------------------------------------------------------- sources and files


class SourceBars:
    """Shows one bar per source, with counts beside it."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, source: str, fraction: float, counts: str) -> None:
        """Show the progress of a source."""
        if source not in self._tasks:
            self._tasks[source] = self._bars.add_task(f"source {source}", total=1.0, counts="")
        self._bars.update(self._tasks[source], completed=fraction, counts=counts)


@contextmanager
def source_bars(console: Console) -> Iterator[SourceBars]:
    """Show the progress of sources on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, TextColumn("{task.fields[counts]}"), console=console, disable=not console.is_terminal) as bars:
        yield SourceBars(bars)


class FileBar:
    """Shows how much of some files is read, in one bar."""

    def __init__(self, bars: Bars, sizes: Mapping[Path, int]) -> None:
        self._bars = bars
        self._sizes = sizes
        self._task = bars.add_task("reading", total=sum(sizes.values()))
        self._current: Path | None = None
        self._before = 0  # bytes of the files before the current one

    def __call__(self, file: Path, position: int) -> None:
        """Show the position in a file; the files come one after the other."""
        if file != self._current:
            self._before += self._sizes[self._current] if self._current is not None else 0
            self._current = file
            self._bars.update(self._task, description=printable_text(file.name)[:_LONGEST_NAME])
        self._bars.update(self._task, completed=self._before + position)


@contextmanager
def file_bars(console: Console, files: Sequence[Path]) -> Iterator[FileBar]:
    """Show how much of some files is read on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    sizes = {file: file.stat().st_size for file in files}
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield FileBar(bars, sizes)
