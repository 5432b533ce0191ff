"""What correlations keep in memory, measured by a process of its own: `python -m correlate.kept_memory`.

It counts resident bytes as the operating system does. Tracing each allocation would take an hour for a million hits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from correlate.correlation_fixture import correlation

from watcher.correlate import CorrelationStates
from watcher.digests import digest
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation

WEEK = timedelta(days=7)
CHUNK = 10_000
TESTS = Path(__file__).resolve().parents[1]


def base_hits(first: int, count: int, *, groups: int) -> Iterator[BaseHit]:
    """Yield base hits as a week of events has them."""
    for number in range(first, first + count):
        yield BaseHit(
            rule_id="a",
            hit_id=digest(str(number)),
            time=number * 600,
            values={"user": (f"user{number * 7919 % groups:07d}",), "port": (str(number % 50_000),)},
            index=f"winlogbeat-2026.11.{number // 150_000:02d}",
            event_id=digest("event", str(number))[:20],
        )


def rule_of(kind: str) -> Correlation:
    """Return a correlation of a week that no group completes."""
    fields = ("port",) if kind == "value_count" else ()
    condition = {} if kind == "temporal" else {"gte": "2000000"}
    return correlation(kind, condition, group_by=("user",), timespan=WEEK, fields=fields)


def resident_bytes(kind: str, *, hits: int, groups: int, most: int) -> dict[str, int]:
    """Return what a process needs for base hits, all of them within the timespan, and what it keeps of them."""
    command = [sys.executable, "-m", "correlate.kept_memory", kind, str(hits), str(groups), str(most)]
    done = subprocess.run(
        command, cwd=TESTS, env={**os.environ, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=True
    )
    measured: dict[str, int] = json.loads(done.stdout)
    return measured


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Add base hits, and print what they take."""
    kind, (hits, groups, most) = sys.argv[1], map(int, sys.argv[2:5])
    states, before = CorrelationStates([rule_of(kind)], most), _memory("VmRSS")
    for first in range(0, hits, CHUNK):
        states.add(base_hits(first, min(CHUNK, hits - first), groups=groups))
    (state,) = states.states.values()
    lacking = states.uncounted().groups.get("rule")
    measured = {
        "peak": _memory("VmHWM") - before,
        "groups": len(state.timelines),
        "kept": state.timelines.kept,
        "lacking": lacking.groups if lacking else 0,
    }
    print(json.dumps(measured))  # noqa: T201 - the answer to the test


if __name__ == "__main__":
    main()
