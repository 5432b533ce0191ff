"""The cluster's time between two readings of it, so that people can compare times of several machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.errors import ClusterError
from watcher.ports import Clock


@dataclass(slots=True)
class ClusterClock:
    """This machine's clock, moved by how far it was off when the cluster last answered."""

    clock: Clock
    read: Callable[[], datetime]  # the cluster's time
    _offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Return the cluster's time, without a request."""
        return self.clock.now() + self._offset

    def adjust(self) -> datetime:
        """Read the cluster's time where it answers, and return the time."""
        try:
            self._offset = self.read() - self.clock.now()
        except ClusterError:
            return self.now()  # it is as far off as before
        return self.now()
