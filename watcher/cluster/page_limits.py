"""The number of documents that an index allows in one page: `index.max_result_window`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.errors import Refused

_TOO_LARGE = re.compile(r"Result window is too large, from \+ size must be less than or equal to: \[(\d+)\]")

LARGEST = 10_000
"""The limit of an index whose settings name none."""

_KEPT = 100  # snapshots


@dataclass(slots=True)
class PageLimit:
    """The most documents of a page, learnt from the engine's refusal: it names the smallest limit of an index."""

    most: int = LARGEST
    snapshots: int = 0  # that it was used for since it was learnt

    def next_snapshot(self) -> None:
        """Count a snapshot; after many the limit is forgotten, since settings change and indices are deleted."""
        self.snapshots += 1
        if self.snapshots >= _KEPT:
            self.most, self.snapshots = LARGEST, 0

    def learn(self, outcomes: Iterable[object]) -> bool:
        """Return whether a page was refused for its size and is to be searched again with a smaller one."""
        limits = [
            int(match[1])
            for outcome in outcomes
            if isinstance(outcome, Refused) and (match := _TOO_LARGE.search(str(outcome)))
        ]
        smallest = max(1, min(limits, default=self.most))
        if smallest >= self.most:
            return False
        self.most, self.snapshots = smallest, 0
        return True
