"""Waiting times between attempts that fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MOST_STEPS = 64  # that a wait grows by, also where its factor is 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that grow by a factor with each failed attempt, up to a longest wait."""

    first: timedelta
    longest: timedelta
    factor: int = 2

    def delay(self, attempts: int) -> timedelta:
        """Return the wait after a number of failed attempts; zero where none failed."""
        if attempts <= 0:
            return timedelta(0)
        delay = self.first
        for _ in range(min(attempts - 1, _MOST_STEPS)):
            if delay >= self.longest:
                break
            delay *= self.factor
        return min(delay, self.longest)
