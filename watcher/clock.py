"""The clock of this machine: the only module that asks for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The Clock door on the operating system's clocks."""

    def now(self) -> datetime:
        """Tell the time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place

    def monotonic(self) -> float:
        """Tell seconds since boot, suspend included where the system counts it."""
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        return time.clock_gettime(boottime) if boottime is not None else time.monotonic()  # noqa: TID251

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: TID251 - this is the one place
