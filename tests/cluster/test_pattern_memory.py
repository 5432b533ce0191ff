"""What is not asked again of a cluster, and when it is."""

from __future__ import annotations

from watcher.cluster.mapping_versions import Version
from watcher.cluster.pattern_memory import PatternMemory
from watcher.cluster.search_reach import SearchReach

VERSION: Version = {"winlogbeat-1": (1, 1)}
REACH = SearchReach(filled=frozenset({"winlogbeat-1"}))


def probed(opened: int | None) -> PatternMemory:
    """Return the memory of a snapshot that was probed."""
    memory = PatternMemory()
    memory.next_snapshot(opened)
    memory.probed()
    memory.note_reach(VERSION, REACH)
    return memory


def test_a_snapshot_of_as_many_shards_is_not_probed_again() -> None:
    memory = probed(3)
    memory.next_snapshot(3)
    assert memory.answers
    assert memory.reach(VERSION) is REACH


def test_other_shards_are_probed() -> None:
    for opened in (2, 4, None):
        memory = probed(3)
        memory.next_snapshot(opened)
        assert not memory.answers
        assert memory.reach(VERSION) is None


def test_an_unknown_number_of_shards_is_always_probed() -> None:
    memory = probed(None)
    memory.next_snapshot(None)
    assert not memory.answers
    assert memory.reach(VERSION) is None


def test_another_or_an_unknown_version_is_asked_again() -> None:
    memory = probed(3)
    memory.next_snapshot(3)
    assert memory.reach({"winlogbeat-1": (2, 1)}) is None
    assert memory.reach(None) is None


def test_after_an_error_and_after_ten_snapshots_everything_is_asked_again() -> None:
    memory = probed(3)
    memory.forget()
    memory.next_snapshot(3)
    assert not memory.answers
    memory = probed(3)
    answers = []
    for _ in range(9):
        memory.next_snapshot(3)
        answers.append(memory.answers)
    assert answers == [True] * 8 + [False]
