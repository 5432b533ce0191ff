"""Calls of a dead-man's switch: a service that raises an alarm when the calls stop."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import structlog

from watcher.notify.redaction import redact_reply
from watcher.settings import Secret

log = structlog.get_logger(__name__)

_TIMEOUT = 10.0  # seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the address is a secret of the user and the service that it names."""

    def redirect_request(self, *_: Any) -> None:
        """Return None: the answer counts as an error."""
        return


@dataclass(slots=True)
class DeadManSwitch:
    """The address to call while alerts reach people."""

    url: Secret
    is_alerting: Callable[[], bool]
    _failing: bool = field(default=False)

    def call(self) -> None:
        """Call the address, unless a problem keeps alerts from people; a failure is logged once."""
        if not self.is_alerting():
            return
        opener = urllib.request.build_opener(_NoRedirect)
        request = urllib.request.Request(self.url.value, headers={"User-Agent": "sigma-watcher"})  # noqa: S310 - settings allow http and https alone
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                answer.read(1)
        except (OSError, HTTPException, ValueError) as fault:
            if not self._failing:
                log.warning("dead_man.failed", error=redact_reply(f"{type(fault).__name__}: {fault}", self.url))
            self._failing = True
        else:
            if self._failing:
                log.info("dead_man.called", advice="it is called again")
            self._failing = False
