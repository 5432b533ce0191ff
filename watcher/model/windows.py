"""Half-open time spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Window:
    """A half-open time span: `start <= t < end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs timestamps with a time zone")
        if self.start >= self.end:
            raise ValueError(f"a window must start before its end: {self.start} .. {self.end}")

    @property
    def length(self) -> timedelta:
        """The duration of the window."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%S.%fZ} .. {self.end:%Y-%m-%dT%H:%M:%S.%fZ}"
