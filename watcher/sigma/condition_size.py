"""Limits of what a rule's conditions may grow to.

A condition can repeat its selections any number of times, so a small file can describe a tree that no memory holds.
"""

from __future__ import annotations

from watcher.model import ConditionNode, DetectionItem, branches

MAX_LEVELS = 64
"""Of parentheses and `not` within each other; the 2,115 rules that the limits were measured on have 3."""

MAX_WORDS = 2_000
"""Of all conditions of a rule."""

MAX_SELECTIONS = 2_000
"""Of a rule; patterns of names are compared with each."""

MAX_NODES = 10_000
"""Of the tree, with each selection counted as often as conditions name it."""


def is_oversized(*nodes: ConditionNode) -> bool:
    """Return whether some trees have more nodes together than a rule may have."""
    count = 0
    for node in nodes:
        count += tree_size(node)
        if count > MAX_NODES:
            return True
    return False


def tree_size(node: ConditionNode) -> int:
    """Return the number of nodes of a tree; the count ends above the limit."""
    waiting = [node]
    count = 0
    while waiting and count <= MAX_NODES:
        count += 1
        next_node = waiting.pop()
        if next_node.__class__ is not DetectionItem:  # which most are, and it has no branches
            waiting.extend(branches(next_node))
    return count
