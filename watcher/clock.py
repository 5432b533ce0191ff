"""The clock of this machine: the only module that reads the time or waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
_STEP = 0.5  # seconds between two calls of `stopping`


def _never() -> bool:
    return False


class SystemClock:
    """The Clock port on the clocks of the operating system."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place

    def monotonic(self) -> float:
        """Return the seconds since boot, suspend included where the system counts it."""
        return time.clock_gettime(_BOOTTIME) if _BOOTTIME is not None else time.monotonic()  # noqa: TID251

    def wait(self, seconds: float, stopping: Callable[[], bool] = _never) -> None:
        """Wait; end earlier, within half a second, where `stopping` returns true or raises."""
        while seconds > 0 and not stopping():
            time.sleep(min(_STEP, seconds))  # noqa: TID251 - this is the one place
            seconds -= _STEP
