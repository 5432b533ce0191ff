"""Tuning of Python's garbage collector for a process that holds thousands of rules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLD = 20_000  # new objects between two collections: a page of events allocates as many, and none is garbage


def freeze_heap() -> None:
    """Freeze the heap so that the garbage collector does not rescan long-lived rules during searches."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_THRESHOLD)


def freeze_new_heap() -> None:
    """Freeze the heap of a process that just read its rules, without a search for garbage: there is little."""
    gc.freeze()
    gc.set_threshold(_THRESHOLD)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while many objects are created that all stay, such as rules."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()  # together they only count the new objects as old ones, so that no collection visits them
                gc.unfreeze()
            gc.enable()
