"""Bars show long work on a terminal, and nothing else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from watcher.present.progress_bars import large_work

MANY, FEW = 50_000_000, 50_000  # bytes


@pytest.mark.parametrize(
    ("size", "terminal", "shown"), [(MANY, True, True), (FEW, True, False), (MANY, False, False), (FEW, False, False)]
)
def test_only_large_work_is_shown_and_only_on_a_terminal(
    size: int,
    terminal: bool,  # noqa: FBT001 - a parameter of the test
    shown: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    written = io.StringIO()
    with large_work(Console(file=written, force_terminal=terminal, width=100)) as show:
        show("reading rules")(size // 2, size)
        show("checking rules")(10, 20)
    assert ("reading rules" in written.getvalue()) is shown
    assert ("checking rules" in written.getvalue()) is shown
    assert bool(written.getvalue()) is shown
