"""Files of the site → a folder; what has not changed is not written again, what is no longer made is removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import InputError
from watcher.model import Location

MANIFEST = "files.txt"
"""Names every file of the site: whatever else lies in the folder is not watcher's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What became of a folder."""

    files: int
    changed: int
    removed: int


def write_site(folder: Path, files: Iterable[tuple[str, str]]) -> WriteResult:
    """Write a site; raises InputError where the folder holds something that is none."""
    before = _manifest(folder)
    made: list[str] = []
    changed = 0
    try:
        if not before:  # a first build that is cut short is taken up by the next
            _written(folder / MANIFEST, "")
        for path, text in files:
            changed += _written(folder / path, text)
            made.append(path)
        gone = [path for path in before if path not in set(made)]
        for path in gone:
            (folder / path).unlink(missing_ok=True)
        _written(folder / MANIFEST, "".join(f"{path}\n" for path in sorted(made)))
    except OSError as fault:
        raise _wrong(folder, f"cannot be written: {fault.strerror}", "take another folder") from fault
    return WriteResult(files=len(made), changed=changed, removed=len(gone))


def _written(file: Path, text: str) -> bool:
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
        raise _wrong(folder, "is no folder", "name a folder that is new, empty, or holds a catalogue")
    manifest = folder / MANIFEST
    if manifest.is_file():
        listed = manifest.read_text(encoding="utf-8").splitlines()
        return tuple(path for path in listed if path and _is_inside(path))
    if any(folder.iterdir()):
        raise _wrong(folder, "holds files that are no catalogue", "name a folder that is new, empty, or holds one")
    return ()


def _is_inside(path: str) -> bool:
    """Tell whether a path of the manifest, which anybody may have edited, stays within the folder."""
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _wrong(folder: Path, what: str, fix: str) -> InputError:
    return InputError(f"the folder {what}", location=Location(file=str(folder), line=1), fix=fix)
