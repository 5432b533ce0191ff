"""The cache on disk: archives downloaded once, distributions unpacked once, whoever else asks meanwhile."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from watcher.errors import Unreachable, WatcherError
from watcher.local_engine.engine import Engine, Progress
from watcher.local_engine.java import EXTRA

PARTS = ".part-"
"""How the names of unfinished things begin; whoever holds the lock may delete what another left."""


def default_cache(environment: Mapping[str, str]) -> Path:
    """Choose the cache folder: `WATCHER_CACHE`, else `watcher` in the user's cache folder."""
    named = environment.get("WATCHER_CACHE")
    if named:
        return Path(named).expanduser()
    general = environment.get("XDG_CACHE_HOME")
    return (Path(general) if general else Path.home() / ".cache") / "watcher"


def make(folder: Path) -> None:
    """Make a folder that every user may enter, whatever our umask: the engine may run as another one."""
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for step in missing:
        step.chmod(0o755)


@contextmanager
def locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the cache for ourselves; the system lets go of it when we die."""
    try:
        make(folder)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WatcherError(
            f"the cache cannot be written: `{folder}`: {error.strerror}; set `WATCHER_CACHE` to a folder that can"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another watcher that fills the cache", None)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def put(target: Path, build: Callable[[Path], Path]) -> Path:
    """Make a folder or file whole or not at all: built beside its place and renamed. The caller holds the lock."""
    if target.exists():
        return target
    make(target.parent)
    for left in target.parent.glob(f"{PARTS}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PARTS, dir=target.parent) as part:
        build(Path(part)).rename(target)
    return target


def archive(engine: Engine, cache: Path, progress: Progress) -> Path:
    """Give the engine's archive, downloaded where it is not there yet."""

    def download(part: Path) -> Path:
        found = _resolve(engine, part, progress)
        _verify(engine, found)
        return found

    return put(cache / "archives" / f"{engine.folder}.zip", download)


def unpack(source: Path, part: Path, *, without: tuple[str, ...], progress: Progress) -> Path:
    """Unpack an archive, less some of its folders, readable by every user; returns its top folder."""
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
    """Download by jgo into a repository of our own, so that nothing half done is ever taken for whole."""
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - only in the extra `local`
    except ImportError as error:
        raise WatcherError(f"a local {engine.name} is downloaded by `jgo`, which is not installed; {EXTRA}") from error
    stage = f"downloading {engine}"
    progress(stage, 0.0)

    @contextmanager
    def meter(_name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            before, done = done, done + more
            if done * 100 // total != before * 100 // total:
                progress(stage, done / total)

        yield count

    context = MavenContext(resolver=PythonResolver(progress_callback=meter), repo_cache=part, timeout=60)
    component = context.project(engine.group, engine.artifact).at_version(engine.version)
    try:
        return Path(component.artifact(packaging="zip").resolve())
    except (OSError, RuntimeError) as error:
        raise Unreachable(
            f"{engine} cannot be downloaded from Maven Central: {error}; check the network and the proxy, try again"
        ) from error


def _verify(engine: Engine, path: Path) -> None:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != engine.sha256:
        raise WatcherError(
            f"the download of {engine} is not what was published: SHA-256 `{digest}`, not `{engine.sha256}`; "
            "try again, and do not trust the network if it stays so"
        )
