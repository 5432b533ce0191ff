"""A limit for the base hits of a process: beyond it the fullest groups lose their oldest ones, and no group all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from watcher.correlate.group_store import GroupStore

MOST_BASE_HITS = 10_000_000
"""Of all correlations together; about 150 bytes each, and shared by the correlations that count them."""

_REST = 0.9  # of the limit is kept, so that the next base hits need no cut
_GROWTH = 1.1  # where each group is down to its last base hit


@dataclass(slots=True)
class MemoryLimit:
    """Cuts the groups of several correlations once they have too many base hits together."""

    most: int = MOST_BASE_HITS
    _next: int = field(init=False, default=0)  # base hits at which the groups are cut again

    def apply(self, stores: Collection[GroupStore]) -> None:
        """Cut the fullest groups, if there are more base hits than the limit."""
        if sum(store.kept for store in stores) <= max(self.most, self._next):
            return
        sizes: Counter[int] = Counter()
        for store in stores:
            sizes.update(store.sizes())
        share = _share(sizes, int(self.most * _REST))
        for store in stores:
            store.cut(share)
        self._next = int(sum(store.kept for store in stores) * _GROWTH) if share == 1 else 0


def _share(sizes: Counter[int], most: int) -> int:
    """Return how many base hits each group may have, so that they are not more than `most` together; 1 at least."""
    below, groups, share = 0, sizes.total(), 1
    for size, count in sorted(sizes.items()):
        share = max(1, (most - below) // groups)
        if share <= size:
            break
        below += size * count
        groups -= count
    return share
