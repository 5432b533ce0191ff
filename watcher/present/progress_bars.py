"""How far something long has come: bars on a terminal, a line a stage elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Stages(Protocol):
    """Told the stage in words, and which fraction of it is done where that is known."""

    def __call__(self, stage: str, fraction: float | None) -> None:
        """Take the news."""
        ...

    def done(self) -> None:
        """Finish what was begun."""
        ...


@contextmanager
def stages(console: Console) -> Iterator[Stages]:
    """Show stages as they come."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        yield _Bars(bars)


class _Lines:
    """Writes a line when a stage begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def __call__(self, stage: str, fraction: float | None) -> None:  # noqa: ARG002 - a line a stage is enough
        if stage != self._last:
            self._console.print(stage)
            self._last = stage

    def done(self) -> None:
        """Nothing is left to write."""


class _Bars:
    """Shows a bar a stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, fraction: float | None) -> None:
        if stage not in self._tasks:
            self._fill()
            self._tasks[stage] = self._bars.add_task(stage, total=None if fraction is None else 1.0)
        if fraction is not None:
            self._bars.update(self._tasks[stage], completed=fraction, total=1.0)

    def done(self) -> None:
        """Fill every bar and leave the terminal to others."""
        self._fill()
        self._bars.stop()

    def _fill(self) -> None:
        for task in self._tasks.values():
            self._bars.update(task, completed=1.0, total=1.0)
            self._bars.stop_task(task)
