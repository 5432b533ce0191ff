"""An index that makes reading the past fail is left out and named; the others are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from correlate.correlation_fixture import hit
from support.fakes import NOW

from watcher.errors import Incomplete, Refused
from watcher.model import UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit
from watcher.pipeline.detection_scope import DetectionScope
from watcher.pipeline.past_reader import PastReader
from watcher.pipeline.window_plans import EmptyWindow

WINDOW = Window(start=NOW - timedelta(hours=1), end=NOW)
RULES = frozenset({"a"})


@dataclass(slots=True)
class Source:
    """Two base hits, and indices that fail when they are opened, or while they are searched."""

    opening: set[str] = field(default_factory=set)
    searching: set[str] = field(default_factory=set)

    @contextmanager
    def open(self, _window: Window, _scope: DetectionScope, without: Mapping[str, str]) -> Iterator[EmptyWindow]:
        for index in sorted(self.opening - without.keys()):
            raise Incomplete("its mapping cannot be read", indices={index: "no mapping"})
        yield EmptyWindow()

    def find(self, window: Window, scope: DetectionScope, without: Mapping[str, str]) -> Iterator[BaseHit]:
        with self.open(window, scope, without):
            yield hit(1)
            for index in sorted(self.searching - without.keys()):
                raise Refused("its script fails", indices={index: "a script"})
            yield hit(2)

    def reader(self) -> PastReader:
        return PastReader(self.find, self.open)


def unsearchable(reader: PastReader) -> list[str]:
    return [entry.index for entry in reader.unsearchable(WINDOW)]


@pytest.mark.parametrize("failing", [{"opening": {"bad"}}, {"searching": {"bad"}}])
def test_the_others_are_read_and_the_bad_one_is_named(failing: dict[str, set[str]]) -> None:
    reader = Source(**failing).reader()
    assert [entry.time for entry in reader.read(WINDOW, RULES)][-2:] == [1, 2]
    assert reader.unsearchable(WINDOW) == (
        UnsearchableIndex(index="bad", reason="no mapping" if "opening" in failing else "a script"),
    )


def test_an_index_that_was_mended_is_not_named_again() -> None:
    source = Source(searching={"bad"})
    reader = source.reader()
    list(reader.read(WINDOW, RULES))
    source.searching.clear()
    assert (unsearchable(reader), unsearchable(reader)) == (["bad"], [])


def test_an_index_that_holds_other_days_does_not_matter() -> None:
    reader = Source(opening={"bad-2019.01.01"}).reader()
    assert len(list(reader.read(WINDOW, RULES))) == 2
    assert unsearchable(reader) == []


def test_an_error_without_an_index_is_raised() -> None:
    def fails(_window: Window, _scope: DetectionScope, _without: Mapping[str, str]) -> Iterator[BaseHit]:
        yield hit(1)
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        list(PastReader(fails, Source().open).read(WINDOW, RULES))
