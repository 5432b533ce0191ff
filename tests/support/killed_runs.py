"""Inexpensive runs of watcher that end at a given step or time."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from support.sandbox import Sandbox, environ

KILLABLE_RUN = Path(__file__).with_name("killable_run.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledRuns:
    """The runs of a sandbox."""

    settings: Path
    process: subprocess.Popen[str]

    def run(self, **order: float | str) -> Mapping[str, Any]:
        """Run once; killed `at` a step or `after` seconds; the channel `breaks` raises an unexpected error.

        With the work `migrate` it only migrates the state.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"settings": str(self.settings), **order}) + "\n")
        self.process.stdin.flush()
        ended: Mapping[str, Any] = json.loads(self.process.stdout.readline())
        assert ended["status"] in (0, 3, -9), ended
        return ended


@contextmanager
def killed_runs(sandbox: Sandbox) -> Iterator[KilledRuns]:
    """Yield the runs of a sandbox with its present settings; after an error, the next test gets a new process."""
    try:
        yield KilledRuns(settings=sandbox.settings(), process=_runner())
    except BaseException:
        _end(_runner())
        _runner.cache_clear()
        raise


@cache
def _runner() -> subprocess.Popen[str]:
    """Start the process that runs watcher; its start costs more than a run, so that all tests share it."""
    process = subprocess.Popen(
        [sys.executable, KILLABLE_RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ(),
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    """End the process, which reads to the end of its input."""
    if process.stdin is not None and not process.stdin.closed:
        process.kill()
        process.communicate()
