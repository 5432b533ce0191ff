"""A time limit for clients that have none of their own for the complete attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta

from watcher.notify.deadline import LONGEST_ATTEMPT


class BoundedAttempts:
    """Runs attempts in a thread, and stops waiting at the time limit.

    A client that is stuck cannot be ended: until it ends, no other attempt begins. If it succeeded after all, the
    next attempt to send the same message succeeds without sending it again.
    """

    def __init__(self, limit: timedelta) -> None:
        self._seconds = min(limit, LONGEST_ATTEMPT).total_seconds()
        self._late: tuple[str, Future[None]] | None = None

    def run(self, key: str, attempt: Callable[[], None]) -> None:
        """Run an attempt to send the message with a key; raises TimeoutError where it does not end in time."""
        late = self._late
        if late is not None:
            late_key, result = late
            if not result.done():
                raise TimeoutError("the previous attempt still waits for its answer")
            self._late = None
            if late_key == key and result.exception() is None:
                return
        future = _started(attempt)
        try:
            future.result(self._seconds)
        except FutureTimeout:
            if future.done():
                raise  # the client's own
            self._late = (key, future)
            raise TimeoutError(f"timed out: not done within {self._seconds:g} s") from None


def _started(attempt: Callable[[], None]) -> Future[None]:
    future: Future[None] = Future()

    def run() -> None:
        try:
            attempt()
        except BaseException as fault:  # noqa: BLE001 - raised again where the result is read
            future.set_exception(fault)
        else:
            future.set_result(None)

    threading.Thread(target=run, daemon=True, name="delivery attempt").start()  # daemon: it must not delay the end
    return future
