"""Indices of any number of events, drawn from the shared events and distributed over a day."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from bench import corpus

DAY = datetime(2026, 11, 20, tzinfo=UTC)
HOSTS = 500
_GUID = re.compile(r"\{[0-9A-Fa-f]{8}-")
_USER = re.compile(r"\\Users\\[^\\]+")
_BATCH = 3_000
_SEED = 7


def pool(data: Path) -> list[bytes]:
    """Return all shared events in their raw shape, in a fixed random order."""
    events = [msgspec.json.encode(event) for event in corpus.events(data, corpus.ALL)]
    random.Random(_SEED).shuffle(events)  # noqa: S311 - nothing is secret here
    return events


def fill(url: str, index: str, events: Sequence[bytes], count: int) -> None:
    """Index `count` events, evenly distributed over the day; repeated events get other values."""
    http = urllib3.PoolManager()
    for lines in _bulks(events, count):
        answer = http.request(
            "POST",
            f"{url}/{index}/_bulk?filter_path=errors",
            body=lines,
            headers={"content-type": "application/x-ndjson"},
            timeout=300,
        )
        if answer.status != 200:
            raise RuntimeError(f"{index}: {answer.data[:300]!r}")
    http.request("POST", f"{url}/{index}/_refresh", timeout=600)


def _bulks(events: Sequence[bytes], count: int) -> Iterator[bytes]:
    lines: list[bytes] = []
    interval = timedelta(days=1) / count
    for number in range(count):
        turn, location = divmod(number, len(events))
        event = _varied(msgspec.json.decode(events[location]), turn, number)
        event["@timestamp"] = f"{DAY + number * interval:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        lines += [b'{"create":{}}', msgspec.json.encode(event)]
        if len(lines) >= 2 * _BATCH or number == count - 1:
            yield b"\n".join(lines) + b"\n"
            lines.clear()


def _varied(event: dict[str, Any], turn: int, number: int) -> dict[str, Any]:
    """Return the event with another host and record number; repeated, also other processes and users."""
    event["host"] = {"name": f"HOST{number * 7919 % HOSTS:03d}"}
    event["winlog"]["record_id"] = number
    data = event["winlog"].get("event_data")
    for key, value in (data or {}).items() if turn else ():
        if not isinstance(value, str):
            continue
        if _GUID.match(value):
            data[key] = f"{{{number:08x}{value[9:]}"
        elif "\\Users\\" in value:
            data[key] = _USER.sub(rf"\\Users\\user{number * 31 % 997:03d}", value)
    return event
