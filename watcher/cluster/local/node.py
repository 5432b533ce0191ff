"""Start an engine of our own, and stop it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.cluster.local import account, config, java, process, run
from watcher.cluster.local.cache import archive, locked, put, unpack
from watcher.cluster.local.engine import Engine, Progress, Security
from watcher.errors import WatcherError


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running engine; leaving its context stops it and deletes all it wrote, but never a data folder it was given."""

    engine: Engine
    url: str
    pid: int  # of the engine's own Java
    log: Path
    running: process.Running
    run: run.Run

    def stop(self) -> None:
        """Stop the engine and delete its run folder; stopping twice is fine."""
        process.stop(self.running)
        self.run.delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a node is started from."""

    home: Path
    java: java.Java
    run: run.Run


def start(
    engine: Engine,
    *,
    cache: Path,
    progress: Progress,
    data: Path | None = None,
    security: Security | None = None,
    java_homes: Sequence[Path] | None = None,
) -> Node:
    """Start an engine and wait until it is ready; the first time, it is downloaded and unpacked.

    Without `data` the node forgets everything when it stops. `java_homes` takes the place of the JDKs that are
    looked for on this machine.
    """
    user = account.runner()
    base = account.base(cache, user)
    found = java.find(engine, java_homes)
    with locked(base, progress):
        home = _distribution(engine, found, base=base, progress=progress)
        found = _within_reach(found, base=base, user=user)
        folder = run.begin(base, engine.artifact)
    progress(f"starting {engine}", None)
    try:
        kept = data or folder.folder / "data"
        config.write(folder.folder / "config", engine=engine, home=home, java=found, data=kept, security=security)
        _hand_over(folder, data, user)
        return _launched(engine, home, found, folder=folder, user=user, security=security)
    except BaseException:
        folder.delete()
        raise


def _distribution(engine: Engine, found: java.Java, *, base: Path, progress: Progress) -> Path:
    """Give the unpacked engine; on a Java without locales, one less the module that needs them."""
    bare = java.LOCALES not in found.modules
    without = (f"{engine.folder}/modules/analysis-common/",) if bare else ()
    target = base / "engines" / (f"{engine.folder}-bare" if bare else engine.folder)

    def build(part: Path) -> Path:
        return unpack(archive(engine, base, progress), part, without=without, progress=progress)

    return put(target, build)


def _within_reach(found: java.Java, *, base: Path, user: account.Account) -> java.Java:
    """Give a Java that the engine's user can run: a copy, where it lies in a folder closed to that user."""
    if user.reaches(found.home):
        return found
    name = f"{found.home.name}-{hashlib.sha256(os.fsencode(found.home)).hexdigest()[:8]}-{found.major}"
    home = put(base / "java" / name, lambda part: Path(shutil.copytree(found.home, part / "home", symlinks=True)))
    return replace(found, home=home)


def _hand_over(folder: run.Run, data: Path | None, user: account.Account) -> None:
    user.owns(folder.folder)
    if data is None:
        return
    data.mkdir(parents=True, exist_ok=True)
    if not user.reaches(data):
        raise WatcherError(
            f"`{data}` lies where the user `{user.name}` cannot go, and the engine runs as that user because root "
            "may not run it; choose a folder whose parents everybody may enter"
        )
    user.owns(data)


def _launched(
    engine: Engine,
    home: Path,
    found: java.Java,
    *,
    folder: run.Run,
    user: account.Account,
    security: Security | None,
) -> Node:
    running = process.launch(
        engine,
        [home / "bin" / engine.artifact],
        run=folder.folder,
        environment=_environment(engine, found, folder.folder),
        account=user,
    )
    try:
        url = process.wait_until_ready(running, security)
    except BaseException:
        process.stop(running)
        raise
    return Node(engine=engine, url=url, pid=running.pid, log=running.log, running=running, run=folder)


def _environment(engine: Engine, found: java.Java, folder: Path) -> Mapping[str, str]:
    """Say what the start scripts read, and nothing of ours: they warn of every other Java variable."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        f"{engine.variable}_JAVA_HOME": str(found.home),
        f"{engine.variable}_PATH_CONF": str(folder / "config"),
        f"{engine.variable}_TMPDIR": str(folder / "tmp"),
        f"{engine.variable}_JAVA_OPTS": "-Xms512m -Xmx1g",
    }
