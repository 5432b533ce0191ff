"""The folder of one run: its configuration, logs and, unless given, its data."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from watcher.local_engine.cache import make


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A folder that is ours as long as we hold its lock; the system drops the lock when we die."""

    path: Path
    lock: IO[str]

    def delete(self) -> None:
        """Delete the folder and let go of it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def begin(base: Path, prefix: str) -> Run:
    """Make a run folder, and delete those whose owner died. The caller holds the lock of the base."""
    runs = base / "runs"
    make(runs)
    for left in runs.iterdir():
        _sweep(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=runs))
    lock = (folder / "lock").open("w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for name in ("logs", "data", "tmp"):
        (folder / name).mkdir()
    return Run(path=folder, lock=lock)


def _sweep(folder: Path) -> None:
    try:
        with (folder / "lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
