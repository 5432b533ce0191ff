"""The locks in requirements/: complete, with hashes, and used wherever a package is installed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "requirements"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
DECLARED: Mapping[str, list[str]] = {  # lock → what it is resolved from
    "runtime": RUNTIME,
    "development": [
        *RUNTIME,
        *(name for extra in EXTRAS.values() for name in extra),
        *PROJECT["dependency-groups"]["dev"],
    ],
    "build": PROJECT["build-system"]["requires"],
}
# What opensearch-py declares and does not import: the roots of its modules.
LEFT_OUT = {"opensearch-protobufs": {"opensearch"}, "grpcio": {"grpc"}, "protobuf": {"google"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A locked package."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        (pin,) = self.requirement.specifier
        assert pin.operator == "=="
        return pin.version


def entries(text: str) -> dict[str, Entry]:
    """Return the packages of a lock by their name."""
    logical = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE)).splitlines()
    locked: dict[str, Entry] = {}
    for line in filter(str.strip, logical):
        first, *options = line.split("--hash=")
        requirement = Requirement(first.strip())
        name = canonicalize_name(requirement.name)
        assert name not in locked
        locked[name] = Entry(requirement=requirement, hashes=tuple(option.strip() for option in options))
    return locked


def lock(name: str) -> dict[str, Entry]:
    return entries((LOCKS / f"{name}.txt").read_text(encoding="utf-8"))


def unsatisfied(locked: Mapping[str, Entry], declared: Iterable[str]) -> list[str]:
    """Return the declared requirements of this platform that no locked version satisfies."""
    return [text for text in declared if _applies(Requirement(text)) and not _is_locked(locked, Requirement(text))]


def _is_locked(locked: Mapping[str, Entry], requirement: Requirement) -> bool:
    entry = locked.get(canonicalize_name(requirement.name))
    return entry is not None and requirement.specifier.contains(entry.version, prereleases=True)


def _applies(requirement: Requirement) -> bool:
    try:
        return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except UndefinedEnvironmentName:
        return False


def dependencies(names: Iterable[str]) -> Iterator[str]:
    """Yield what the packages declare that are installed here."""
    for name in names:
        try:
            yield from metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue  # of another platform


@pytest.mark.parametrize("name", DECLARED)
def test_each_entry_has_one_version_and_a_hash(name: str) -> None:
    locked = lock(name)
    assert locked
    for entry in locked.values():
        assert entry.version
        assert entry.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in entry.hashes)


@pytest.mark.parametrize("name", DECLARED)
def test_a_lock_satisfies_what_is_declared_and_what_its_packages_need(name: str) -> None:
    locked = lock(name)
    assert unsatisfied(locked, DECLARED[name]) == []
    needed = [text for text in dependencies(locked) if Requirement(text).name not in LEFT_OUT]
    assert len(needed) > len(locked) // 2
    assert unsatisfied(locked, needed) == []


def test_a_missing_and_an_old_version_are_recognised() -> None:
    locked = entries("a==1.0 \\\n    --hash=sha256:00\n    # via b\nb==2.0 ; sys_platform == 'linux'\n")
    assert locked["b"].hashes == ()
    assert unsatisfied(locked, ["a>=1", "a>=2", "c", "d ; python_version < '3'"]) == ["a>=2", "c"]


def test_the_container_gets_the_versions_that_the_tests_run_with() -> None:
    tested = lock("development")
    for name, entry in (lock("runtime") | lock("build")).items():
        assert (tested[name].version, tested[name].hashes) == (entry.version, entry.hashes)


def test_no_lock_names_a_registry() -> None:
    for path in LOCKS.iterdir():
        assert "://" not in path.read_text(encoding="utf-8")


def test_nothing_imports_what_the_locks_leave_out() -> None:
    roots = frozenset().union(*LEFT_OUT.values())
    package = metadata.distribution("opensearch-py")
    modules = [package.locate_file(file) for file in package.files or () if file.suffix == ".py"]
    assert len(modules) > 50
    for path in [*map(Path, map(str, modules)), *(ROOT / "watcher").rglob("*.py")]:
        assert not imported_roots(path.read_text(encoding="utf-8")) & roots, path
    for name in DECLARED:
        assert not lock(name).keys() & LEFT_OUT.keys()


def imported_roots(code: str) -> set[str]:
    """Return the first names of the modules that a module imports anywhere."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            roots.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("file", ["Makefile", "deploy/Dockerfile"])
def test_pip_installs_by_hash_or_without_a_registry(file: str) -> None:
    text = re.sub(r"\\\n", " ", (ROOT / file).read_text(encoding="utf-8"))
    calls = re.findall(r"(?<!: )\bpip (?:install|wheel) [^&\n]*", text)
    assert len(calls) >= 2
    for call in calls:
        assert "--no-deps" in call
        assert any(option in call for option in ("--require-hashes", "--no-index", "--no-build-isolation"))


@pytest.mark.slow
def test_the_lock_of_the_container_installs_a_watcher_that_starts(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps"]
    for name in ("build", "runtime"):
        lock_file = ["--require-hashes", "--requirement", str(LOCKS / f"{name}.txt")]
        subprocess.run([*install, *lock_file], check=True, timeout=600)
    subprocess.run([*install, "--no-build-isolation", str(ROOT)], check=True, timeout=600)
    code = "import watcher.cluster.opensearch_transport, watcher.cli; watcher.cli.main()"
    done = subprocess.run([python, "-c", code, "--version"], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "watcher" in done.stdout
