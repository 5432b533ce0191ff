"""Requests to an engine and their answers, and the few differences between the engines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from watcher.errors import Undecodable
from watcher.event_files import nested_json

RequestBody = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
"""One JSON object, or the lines of a bulk or multi-search request."""

LINE = 3_500
"""How long a request's first line may be: the engines refuse more than 4,096 bytes."""

_REASON = 200
"""How much of a decoder's error is repeated: it may quote what an attacker wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    value: Any = None  # JSON, or text where it is none
    raw: bytes | None = None  # JSON that is decoded where its shape is expected; there is no value then

    @property
    def body(self) -> Any:
        """The value, or the text; raises Undecodable where an answer that is declared as JSON is not."""
        return self.value if self.raw is None else loads(self.raw)


class Transport(Protocol):
    """Sends requests to one cluster."""

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        """Send one request; raises Unreachable where nothing answers, and nothing for an answer of any status.

        `timeout` replaces the setting of that name where it would be too short.
        """
        ...

    def close(self) -> None:
        """Close the open connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDialect:
    """The differences between the engines."""

    snapshot_path: str  # after the pattern: opens a point in time
    snapshot_params: Mapping[str, str]
    snapshot_key: str  # where the answer holds its id
    close_path: str
    tie_breakers: tuple[str, ...]  # after the time field: unique for every document of a snapshot


def encode(body: RequestBody) -> tuple[bytes | None, str]:
    """Return the bytes of a body and their kind: `json` or `x-ndjson`."""
    if body is None:
        return None, "json"
    if isinstance(body, Mapping):
        return _dump(body), "json"
    return b"".join(_dump(line) + b"\n" for line in body), "x-ndjson"


def _dump(line: Mapping[str, Any]) -> bytes:
    # ASCII only: half a surrogate pair, which events do hold, cannot be written in UTF-8 but can be escaped.
    return json.dumps(line, separators=(",", ":")).encode("ascii")


def read_answer(status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
    """Return an answer with its value, or its text where it is not JSON.

    A successful answer that is declared as JSON is not decoded yet: a page of events is read twice as fast where the
    decoder knows its shape.
    """
    named = {name.lower(): value for name, value in headers.items()}
    if raw and 200 <= status < 300 and "json" in named.get("content-type", ""):
        return Answer(status=status, headers=named, raw=raw)
    try:
        value = loads(raw)
    except Undecodable:
        value = raw.decode("utf-8", "replace")
    return Answer(status=status, headers=named, value=value)


def loads(raw: bytes | str) -> Any:
    """Return the value of a JSON text, also where events hold what other readers refuse.

    That is half a surrogate pair, numbers of any size, and nesting of any depth. Raises Undecodable where the text is
    not JSON.
    """
    try:
        return nested_json.loads(raw)
    except ValueError as error:
        raise Undecodable(
            f"an answer of the cluster is not valid JSON: {str(error)[:_REASON]}; search it again"
        ) from None


def target(path: str, params: Mapping[str, str] | None) -> str:
    """Return a path with its parameters."""
    return f"{path}?{urlencode(params, safe=',*:')}" if params else path


def quote_path(name: str) -> str:
    """Return an index pattern, a list of names or an id quoted as one part of a path."""
    return quote(name, safe=",*:-")


def chunks(names: Sequence[str], limit: int) -> Iterator[tuple[str, ...]]:
    """Yield runs of names whose joined length in a URL stays within a limit."""
    run: list[str] = []
    used = 0
    for name in names:
        length = len(quote_path(name)) + 1
        if run and used + length > limit:
            yield tuple(run)
            run, used = [], 0
        run.append(name)
        used += length
    if run:
        yield tuple(run)
