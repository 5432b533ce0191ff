"""Lines that are appended to a file completely or not at all, and are on the disk afterwards."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

# without a wait for the reader of a pipe: an attempt must end
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MODE = 0o640  # alerts are not for every user


def append_line(path: Path, line: str) -> None:
    """Append a line in UTF-8; raises OSError where it cannot be written, and leaves no part of it then."""
    descriptor = os.open(path, _FLAGS, _MODE)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            _append_to_file(descriptor, path, f"{line}\n".encode("utf-8", "replace"))
        else:
            _write(descriptor, f"{line}\n".encode("utf-8", "replace"))
    finally:
        os.close(descriptor)


def _append_to_file(descriptor: int, path: Path, line: bytes) -> None:
    # several sidecars and channels may share a file; whoever holds the lock holds it for one line
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    size = os.fstat(descriptor).st_size
    try:
        # after a crash in the middle of a line the next one begins on its own
        _write(descriptor, line if _ends_with_line(path, size) else b"\n" + line)
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
    if not size:
        _sync_folder(path.parent)


def _ends_with_line(path: Path, size: int) -> bool:
    if not size:
        return True
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:
        return True  # a file that may be written but not read


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    """Put the name of a new file on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
