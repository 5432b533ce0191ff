"""Start and stop of a local engine."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.local_engine import account, config, java, process, run_folder
from watcher.local_engine.cache import archive, locked, put, unpack
from watcher.local_engine.engine import DEFAULT_RUNTIME, OPENSEARCH, Engine, Progress, Runtime, Security
from watcher.local_engine.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running engine; leaving the context stops it and deletes its files, except a given data folder."""

    engine: Engine
    url: str
    pid: int  # of the engine's own Java
    log: Path
    running: process.Running
    run: run_folder.Run

    def stop(self) -> None:
        """Stop the engine and delete its run folder; may be called twice."""
        process.stop(self.running)
        self.run.delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(  # noqa: PLR0913 - the keywords describe a node completely
    engine: Engine,
    *,
    cache: Path,
    progress: Progress,
    data: Path | None = None,
    security: Security | None = None,
    runtime: Runtime = DEFAULT_RUNTIME,
) -> Node:
    """Start an engine and wait until it is ready; the first time it is downloaded and unpacked.

    Without `data` the node's data is deleted when it stops.
    """
    user = account.runner()
    base = account.base(cache.resolve(), user)
    jdk = java.find(engine, runtime.homes)
    if data is not None:
        account.prepare_data_folder(user, data.resolve())
    with locked(base, progress):
        home = _distribution(engine, jdk, base=base, progress=progress)
        jdk = _within_reach(jdk, base=base, user=user)
        folder = run_folder.begin(base, engine.artifact)
    progress(f"starting {engine}", None)
    setup = Setup(
        engine=engine,
        home=home,
        java=jdk,
        java_options=runtime.options,
        account=user,
        run=folder.path,
        data=data.resolve() if data else folder.path / "data",
        security=security,
    )
    return _started(setup, folder)


def _distribution(engine: Engine, jdk: java.Java, *, base: Path, progress: Progress) -> Path:
    """Return the unpacked engine; for a Java without Thai, without the module that needs it."""
    bare = engine is OPENSEARCH and not jdk.thai
    without = (f"{engine.folder}/modules/analysis-common/",) if bare else ()

    def build(part: Path) -> Path:
        return unpack(archive(engine, base, progress), part, without=without, progress=progress)

    return put(base / "engines" / (f"{engine.folder}-bare" if bare else engine.folder), build)


def _within_reach(jdk: java.Java, *, base: Path, user: account.Account) -> java.Java:
    """Return a Java that the engine's user can run: a copy, if that user cannot reach its folder."""
    if user.reaches(jdk.home):
        return jdk
    name = hashlib.sha256(os.fsencode(jdk.home)).hexdigest()[:16]
    home = put(
        base / "java" / f"{jdk.version}-{name}",
        lambda part: Path(shutil.copytree(jdk.home, part / "home", symlinks=True)),
    )
    return replace(jdk, home=home)


def _started(setup: Setup, folder: run_folder.Run) -> Node:
    try:
        config.write(setup)
        setup.account.own(setup.run)
        running = process.launch(setup)
        try:
            url = process.wait_until_ready(running)
        except BaseException:
            process.stop(running)
            raise
    except BaseException:
        folder.delete()
        raise
    return Node(engine=setup.engine, url=url, pid=running.pid, log=setup.log, running=running, run=folder)
