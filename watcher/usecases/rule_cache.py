"""Large rule folders as they were read last, kept in a private folder of the user.

An entry holds for the same content of every file, the same program, and the same settings that reading depends on.
Unpickling runs code, as importing bytecode does. So an entry is read only where nobody else can have written it.
"""

from __future__ import annotations

import os
import pickle
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import msgspec
import yaml

from watcher.cache_folder import default_cache
from watcher.ports import Progress, no_progress
from watcher.sigma.rule_folders import Fingerprints, RuleFolder, fingerprints, read_folder
from watcher.sigma.rule_texts import file_content

_LEAST_FILES = 200  # fewer are read sooner than an entry is checked
_LARGEST = 256_000_000  # bytes of an entry
_MOST_ENTRIES = 16
_DIGEST = 32  # bytes
_SUFFIX = ".folder"
_PACKAGE = Path(__file__).resolve().parents[1]
_FAULTS = (OSError, pickle.PickleError, AttributeError, ImportError, EOFError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRequest:
    """What the result of reading a rule folder depends on, beside the content of its files."""

    name: str
    path: Path
    placeholders: Mapping[str, tuple[str, ...]]

    def read(self, progress: Progress = no_progress) -> RuleFolder:
        """Read the files of the folder."""
        return read_folder(self.name, self.path, placeholders=self.placeholders, progress=progress)

    def entry(self) -> str:
        """Return the name of the folder's entry in the cache."""
        return blake2b(repr(self).encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest() + _SUFFIX


def cache_of(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of entries; None where there is none, as with `WATCHER_RULE_CACHE=off`."""
    if environment.get("WATCHER_RULE_CACHE", "").lower() in ("off", "no", "false", "0") or sys.platform == "win32":
        return None
    try:
        return default_cache(environment) / "rules"
    except RuntimeError:  # the user has no home
        return None


def read_cached(request: FolderRequest, cache: Path | None, progress: Progress = no_progress) -> RuleFolder:
    """Read a rule folder, or take it from the cache where no file has changed. No fault of the cache is an error."""
    files = fingerprints(request.path) if cache is not None else {}
    if cache is None or len(files) < _LEAST_FILES:
        return request.read(progress)
    digest = _digest(request, files)
    if digest is None:
        return request.read(progress)
    with suppress(*_FAULTS), _private_folder(cache) as private:
        folder = pickle.loads(_payload(private, request.entry(), digest))  # noqa: S301 - only we can have written it
        if isinstance(folder, RuleFolder):
            size = sum(fingerprint[2] for fingerprint in files.values())
            progress(size, size)
            return replace(folder, files=files)
    folder = request.read(progress)
    if folder.files == files and _digest(request, files) == digest:  # else it is that of other contents
        with suppress(*_FAULTS), _private_folder(cache) as private:
            _write(private, request.entry(), digest, pickle.dumps(folder, pickle.HIGHEST_PROTOCOL))
    return folder


def _digest(request: FolderRequest, files: Fingerprints) -> bytes | None:
    """Return the digest of all that the rules of a folder depend on; None where a file cannot be read."""
    digest = blake2b(digest_size=_DIGEST)
    for part in (_program(), repr(request)):
        digest.update(_sized(part.encode("utf-8", "surrogatepass")))
    try:
        for file in files:
            digest.update(_sized(os.fsencode(file)))
            digest.update(_sized(file_content(file)))
    except OSError:
        return None
    return digest.digest()


def _sized(content: bytes) -> bytes:
    return b"%d:%b" % (len(content), content)


def _program() -> str:
    """Return what identifies this program: its files and those of Python and the decoders."""
    modules = []
    for folder, _, names in os.walk(_PACKAGE):
        for name in names:
            if name.endswith(".py"):
                status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - hundreds of files, as above
                modules.append((folder, name, status.st_mtime_ns, status.st_size))
    return repr((sys.version, msgspec.__version__, yaml.__version__, sorted(modules)))


# --------------------------------------------------------------------------- entries


@contextmanager
def _private_folder(path: Path) -> Iterator[int]:
    """Open the folder of entries, which is created; raises OSError where others can write into it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _check_owner(os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def _check_owner(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others can write it")


def _payload(folder: int, name: str, digest: bytes) -> bytes:
    """Return the content of an entry; raises ValueError where it is of other rules or damaged."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        _check_owner(status)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise ValueError("this is no entry")
        if opened.read(_DIGEST) != digest:
            raise ValueError("the rules or the program changed")
        checksum, payload = opened.read(_DIGEST), opened.read()
    if blake2b(payload, digest_size=_DIGEST).digest() != checksum:
        raise ValueError("the entry is damaged")
    return payload


def _write(folder: int, name: str, digest: bytes, payload: bytes) -> None:
    """Write an entry at once, whatever other processes do, and remove the oldest ones beyond the limit."""
    if len(payload) + 2 * _DIGEST > _LARGEST:
        return
    unfinished = f"{name}.{os.getpid()}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(digest + blake2b(payload, digest_size=_DIGEST).digest() + payload)
        os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(unfinished, dir_fd=folder)
        raise
    _remove_oldest(folder)


def _remove_oldest(folder: int) -> None:
    times = {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns for name in os.listdir(folder)}
    for name in islice(sorted(times, key=lambda name: times[name], reverse=True), _MOST_ENTRIES, None):
        os.unlink(name, dir_fd=folder)
