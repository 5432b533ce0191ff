"""A transport that records the answers of an engine, and replays them with one of them changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from watcher.cluster.engine_transport import Answer, RequestBody, Transport


@dataclass(kw_only=True)
class RecordingTransport:
    """Passes requests on, and keeps their answers in order."""

    engine: Transport
    answers: list[tuple[tuple[str, str], Answer]] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        """Send one request."""
        answer = self.engine.request(method, path, params=params, body=body, timeout=timeout)
        self.answers.append(((method, path), answer))
        return answer

    def close(self) -> None:
        """Do nothing: the engine's transport is closed by its owner."""


@dataclass(kw_only=True)
class ReplayingTransport:
    """Replays recorded answers, one of them with another body, as bytes not even JSON; the engine answers the rest."""

    engine: Transport
    answers: list[tuple[tuple[str, str], Answer]]
    changed: int
    body: Any
    replayed: int = 0

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        """Answer one request."""
        number = self.replayed
        if number >= len(self.answers) or self.answers[number][0] != (method, path):
            return self.engine.request(method, path, params=params, body=body, timeout=timeout)
        self.replayed += 1
        answer = self.answers[number][1]
        return self._changed(answer) if number == self.changed else answer

    def _changed(self, answer: Answer) -> Answer:
        if isinstance(self.body, bytes):
            return replace(answer, value=None, raw=self.body)
        if isinstance(self.body, str):  # what a transport returns of an answer that is not JSON
            return replace(answer, value=self.body, raw=None)
        return replace(answer, value=None, raw=json.dumps(self.body).encode())

    def close(self) -> None:
        """Do nothing: the engine's transport is closed by its owner."""
