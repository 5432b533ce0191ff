"""The cache on disk: archives are downloaded once and unpacked once, also by concurrent processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watcher.errors import Unreachable, WatcherError
from watcher.local_engine.engine import Engine, Progress
from watcher.local_engine.java import EXTRA

PARTS = ".part-"
"""The prefix of unfinished folders; the holder of the lock may delete leftovers."""


def make_public(folder: Path) -> None:
    """Create a folder that every user may enter, whatever the umask: the engine may run as another user."""
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for step in missing:
        step.chmod(0o755)


@contextmanager
def locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of the cache; the system releases it when the process ends."""
    try:
        make_public(folder)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WatcherError(
            f"the cache cannot be written: `{folder}`: {error.strerror}; set `WATCHER_CACHE` to a writable folder"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another watcher process that fills the cache", None)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def put(target: Path, build: Callable[[Path], Path]) -> Path:
    """Build a folder or file atomically: beside its target, then renamed.

    The caller holds the lock.
    """
    if target.exists():
        return target
    make_public(target.parent)
    for left in target.parent.glob(f"{PARTS}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PARTS, dir=target.parent) as part:
        build(Path(part)).rename(target)
    return target


def archive(engine: Engine, cache: Path, progress: Progress) -> Path:
    """Return the engine's archive, downloaded if it is missing."""

    def download(part: Path) -> Path:
        path = _resolve(engine, part, progress)
        _verify(engine, path)
        return path

    return put(cache / "archives" / f"{engine.folder}.zip", download)


def unpack(source: Path, part: Path, *, without: tuple[str, ...], progress: Progress) -> Path:
    """Unpack an archive without some of its folders, readable by every user; returns its top folder."""
    with zipfile.ZipFile(source) as opened:
        members = [item for item in opened.infolist() if not item.filename.startswith(without)]
        for number, item in enumerate(members):
            path = Path(opened.extract(item, part))
            runs = item.is_dir() or (item.external_attr >> 16) & 0o100
            path.chmod(0o755 if runs else 0o644)
            progress("unpacking", number / len(members))
    progress("unpacking", 1.0)
    (top,) = part.iterdir()
    for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    return top


def _resolve(engine: Engine, part: Path, progress: Progress) -> Path:
    """Download with jgo into a separate repository, so that a partial download is never used."""
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - only in the extra `local`
    except ImportError as error:
        raise WatcherError(
            f"a local {engine.name} is downloaded with `jgo`, which is not installed; {EXTRA}"
        ) from error
    stage = f"downloading {engine}"
    progress(stage, 0.0)

    @contextmanager
    def meter(_name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            previous, done = done, done + more
            if done * 100 // total != previous * 100 // total:
                progress(stage, done / total)

        yield count

    context = MavenContext(resolver=PythonResolver(progress_callback=meter), repo_cache=part, timeout=60)
    component = context.project(engine.group, engine.artifact).at_version(engine.version)
    try:
        return Path(component.artifact(packaging="zip").resolve())
    except (OSError, RuntimeError) as error:
        raise Unreachable(
            f"{engine} cannot be downloaded from Maven Central: {error}; check the network and the proxy, and try again"
        ) from error


def _verify(engine: Engine, path: Path) -> None:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != engine.sha256:
        raise WatcherError(
            f"the download of {engine} has the wrong checksum: SHA-256 `{digest}`, not `{engine.sha256}`; "
            "try again; if it persists, do not trust the network"
        )
