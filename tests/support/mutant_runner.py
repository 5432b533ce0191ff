"""A process that runs tests against each mutant of a module; prints a line of JSON with the lines of the survivors.

Each mutant runs in a fork, which costs no start of an interpreter.

    python mutant_runner.py watcher/routes/calendars.py tests/routes/test_calendars.py
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis  # noqa: F401 - loaded once, for all forks, as is all that does not import the module
import pytest
import re2  # noqa: F401

from support.mutants import mutants

SECONDS = 60  # of CPU: a mutant that never ends is killed


@dataclass(frozen=True, slots=True)
class MutantLoader(MetaPathFinder, InspectLoader):
    """Imports a source in the place of a module."""

    module: str
    source: str

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> Any:
        return spec_from_loader(fullname, self) if fullname == self.module else None

    def get_source(self, _fullname: str) -> str:
        return self.source

    def create_module(self, _spec: ModuleSpec) -> None:
        return None


def survives(module: str, source: str, tests: list[str]) -> bool:
    """Whether tests pass with another source of a module."""
    child = os.fork()
    if child == 0:
        os._exit(_run(module, source, tests))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _run(module: str, source: str, tests: list[str]) -> int:
    """Return the exit code of the tests, in a fork of their own."""
    import resource  # noqa: PLC0415 - in the child alone

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        sys.meta_path.insert(0, MutantLoader(module, source))
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--noconftest", "-W", "ignore", *tests]))
    except BaseException:  # noqa: BLE001 - a mutant may do anything, and is killed by it
        return 1


def main(path: str, *tests: str) -> None:
    """Run the tests against the module as it is, then against each mutant."""
    module = path.removesuffix(".py").replace("/", ".")
    source = Path(path).read_text(encoding="utf-8")
    assert survives(module, source, list(tests)), "the tests fail without any change"
    every = list(mutants(source))
    survivors = [mutant.line for mutant in every if survives(module, mutant.source, list(tests))]
    print(json.dumps({"mutants": len(every), "survivors": survivors}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
