"""The garbage collector pauses while rules are read, and does not visit them afterwards."""

from __future__ import annotations

import gc
from weakref import ref

from watcher.heap import collector_paused


class Node:
    """An object that may refer to itself."""

    itself: Node


def test_objects_created_in_the_pause_are_old_at_once() -> None:
    gc.unfreeze()
    with collector_paused():
        assert not gc.isenabled()
        node = Node()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert any(tracked is node for tracked in gc.get_objects(generation=2))


def test_garbage_of_the_pause_is_collected_later() -> None:
    gc.unfreeze()
    with collector_paused():
        node = Node()
        node.itself = node
        reference = ref(node)
        del node
    gc.collect()
    assert reference() is None


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
