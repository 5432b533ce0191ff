"""Writes the site to a folder: changed files are written, obsolete files removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import InputError
from watcher.model import Location

MANIFEST = "files.txt"
"""The list of the site's files; any other file in the folder is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The number of files written and removed."""

    files: int
    changed: int
    removed: int


def write_site(folder: Path, files: Iterable[tuple[str, str]]) -> WriteResult:
    """Write a site; raises InputError if the folder contains anything else."""
    previous = _manifest(folder)
    written: list[str] = []
    changed = 0
    try:
        if not previous:  # an interrupted first build is continued by the next
            _write(folder / MANIFEST, "")
        for path, text in files:
            changed += _write(folder / path, text)
            written.append(path)
        obsolete = [path for path in previous if path not in set(written)]
        for path in obsolete:
            (folder / path).unlink(missing_ok=True)
        _write(folder / MANIFEST, "".join(f"{path}\n" for path in sorted(written)))
    except OSError as fault:
        raise _unusable(folder, f"cannot be written: {fault.strerror}", "use another folder") from fault
    return WriteResult(files=len(written), changed=changed, removed=len(obsolete))


def _write(file: Path, text: str) -> bool:
    data = text.encode("utf-8", "backslashreplace")
    if file.is_file() and file.stat().st_size == len(data) and file.read_bytes() == data:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return True


def _manifest(folder: Path) -> tuple[str, ...]:
    if not folder.exists():
        return ()
    if not folder.is_dir():
        raise _unusable(folder, "is not a directory", "name a folder that is new, empty, or contains a catalogue")
    manifest = folder / MANIFEST
    if manifest.is_file():
        listed = manifest.read_text(encoding="utf-8").splitlines()
        return tuple(path for path in listed if path and _is_inside(path))
    if any(folder.iterdir()):
        raise _unusable(
            folder,
            "contains files that are not a catalogue",
            "name a folder that is new, empty, or contains a catalogue",
        )
    return ()


def _is_inside(path: str) -> bool:
    """Whether a path of the manifest, which may have been edited, is within the folder."""
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _unusable(folder: Path, problem: str, fix: str) -> InputError:
    return InputError(f"the folder {problem}", location=Location(file=str(folder), line=1), fix=fix)
