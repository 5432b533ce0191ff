"""Reads the base hits of the past of a source; an index that makes the search fail is left out, as in live searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import structlog

from watcher.errors import Incomplete, Refused
from watcher.model import UnsearchableIndex, Window, affecting
from watcher.model.correlation_hits import BaseHit
from watcher.pipeline.detection_scope import DetectionScope
from watcher.pipeline.event_memory import UndecidedEvent
from watcher.pipeline.window_plans import EmptyWindow, OpenWindow

log = structlog.get_logger(__name__)

_ATTEMPTS = 3  # each without the indices that made those before fail

FindBaseHits = Callable[
    [Window, DetectionScope, Mapping[str, str]], Iterator[BaseHit | UndecidedEvent | UnsearchableIndex]
]
"""A window, its rules, and indices to leave out with their reasons → its base hits."""

OpenWindows = Callable[[Window, DetectionScope, Mapping[str, str]], AbstractContextManager[OpenWindow | EmptyWindow]]
"""The same → the window to be searched."""


@dataclass(slots=True)
class PastReader:
    """Reads the past of one source, one window at a time."""

    find: FindBaseHits
    open: OpenWindows
    _left_out: Mapping[str, str] = field(default_factory=dict)  # by the last read: index → why

    def read(self, window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
        """Yield the base hits of some rules in a window, some perhaps twice.

        Raises the ClusterError that kept the window from being searched.
        """
        failing: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            self._left_out = failing
            try:
                yield from self._base_hits(window, rules, failing)
            except (Incomplete, Refused) as error:
                further = {index: reason for index, reason in error.indices.items() if index not in failing}
                if not further:
                    raise
                log.warning("index.failed", window=str(window), error=str(error))
                failing = failing | further
            else:
                return
        self._left_out = failing
        yield from self._base_hits(window, rules, failing)

    def unsearchable(self, window: Window) -> Sequence[UnsearchableIndex]:
        """Return the indices that may hold events of a window, and cannot be searched, or were left out just now."""
        failing, self._left_out = dict(self._left_out), {}  # whether it fails again is seen when it is read again
        for _ in range(_ATTEMPTS):
            try:
                with self.open(window, DetectionScope(), failing) as opened:
                    return affecting((*_left_out(failing), *opened.unsearchable), window)
            except Incomplete as error:
                further = {index: reason for index, reason in error.indices.items() if index not in failing}
                if not further:
                    raise
                failing |= further
        return affecting(_left_out(failing), window)

    def _base_hits(self, window: Window, rules: frozenset[str], failing: Mapping[str, str]) -> Iterator[BaseHit]:
        for item in self.find(window, DetectionScope(rules=rules), failing):
            if isinstance(item, BaseHit):
                yield item


def _left_out(failing: Mapping[str, str]) -> Iterator[UnsearchableIndex]:
    return (UnsearchableIndex(index=index, reason=reason) for index, reason in failing.items())
