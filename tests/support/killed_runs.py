"""Inexpensive runs of watcher that end at a given step or time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.sandbox import Sandbox, environ

KILLABLE_RUN = Path(__file__).with_name("killable_run.py")


@dataclass
class KilledRuns:
    """The process that runs watcher, and kills it as ordered."""

    process: subprocess.Popen[str]

    def run(self, **order: float | str) -> Mapping[str, Any]:
        """Run once; killed `at` a step or `after` seconds; the channel `breaks` raises an unexpected error.

        With the work `migrate` it only migrates the state.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        ended: Mapping[str, Any] = json.loads(self.process.stdout.readline())
        assert ended["status"] in (0, 3, -9), ended
        return ended


@contextmanager
def killed_runs(sandbox: Sandbox) -> Iterator[KilledRuns]:
    command = [sys.executable, KILLABLE_RUN, sandbox.settings()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ()
    ) as process:
        yield KilledRuns(process)
