"""The folder of one run: configuration, logs and, unless given, data."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from watcher.local_engine.cache import make_public


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A folder owned while its lock is held; the system releases the lock when the process ends."""

    path: Path
    lock: IO[str]

    def delete(self) -> None:
        """Delete the folder and release its lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def begin(base: Path, prefix: str) -> Run:
    """Create a run folder, and delete those of ended processes.

    The caller holds the lock of the base.
    """
    runs = base / "runs"
    make_public(runs)
    for leftover in runs.iterdir():
        _delete_unlocked(leftover)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=runs))
    lock = (folder / "lock").open("w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for name in ("logs", "data", "tmp"):
        (folder / name).mkdir()
    return Run(path=folder, lock=lock)


def _delete_unlocked(folder: Path) -> None:
    try:
        with (folder / "lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
