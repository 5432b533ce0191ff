"""What the searches on a pattern have shown, so that the next ones need not ask again."""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.cluster.mapping_versions import Version
from watcher.cluster.page_limits import PageLimit
from watcher.cluster.search_reach import SearchReach

_REUSED = 10  # snapshots: an index that gets its first document changes neither versions nor shards


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownReach:
    """A reach, and what was so when it was read."""

    version: Version
    opened: int
    reach: SearchReach


@dataclass(slots=True)
class PatternMemory:
    """What holds as long as the versions of the indices, and the number of shards that a snapshot opens, stay."""

    limit: PageLimit = field(default_factory=PageLimit)
    _opened: int | None = None  # shards of the last snapshot of the complete pattern; None: unknown
    _answering: int | None = None  # shards of the last snapshot that a probe found to answer
    _reach: _KnownReach | None = None
    _snapshots: int = 0

    def next_snapshot(self, opened: int | None) -> None:
        """Count a snapshot, and note how many shards it opened."""
        self.limit.next_snapshot()
        self._opened = opened
        self._snapshots += 1
        if self._snapshots >= _REUSED:
            self.forget()

    def forget(self) -> None:
        """Ask again, e.g. after an error."""
        self._answering = self._reach = None
        self._snapshots = 0

    @property
    def answers(self) -> bool:
        """Whether the indices of the last snapshot are known to answer a search."""
        return self._opened is not None and self._opened == self._answering

    def probed(self) -> None:
        """Note that the indices of the last snapshot answer."""
        self._answering = self._opened

    def reach(self, version: Version | None) -> SearchReach | None:
        """Return what a search reaches; None where it must be asked."""
        previous = self._reach
        if previous is None or version is None or (previous.version, previous.opened) != (version, self._opened):
            return None
        return previous.reach

    def note_reach(self, version: Version | None, reach: SearchReach) -> None:
        """Note what a search reaches."""
        if version is not None and self._opened is not None:
            self._reach = _KnownReach(version=version, opened=self._opened, reach=reach)
