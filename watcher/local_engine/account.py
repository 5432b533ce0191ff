"""The user that an engine runs as: the caller, but never root, which both engines reject."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import WatcherError

ROOT_CACHE = Path("/var/cache/watcher")
"""The folder for files that another user must read, if that user cannot reach root's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    def reaches(self, folder: Path) -> bool:
        """Whether this user may enter the folder and its parents; missing folders count as open."""
        resolved = folder.resolve()
        return all(self._may_enter(step) for step in (resolved, *resolved.parents) if step.exists())

    def own(self, folder: Path) -> None:
        """Make this user the owner of a folder and its contents."""
        if self.uid == os.geteuid():
            return
        os.chown(folder, self.uid, self.gid)
        for path in folder.rglob("*"):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if self.uid == status.st_uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if self.gid == status.st_gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def runner() -> Account:
    """Return the account to run an engine as: the current user, or `nobody` for root."""
    if os.geteuid() != 0:
        return Account(name="", uid=os.geteuid(), gid=os.getegid())
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise WatcherError(
            "an engine cannot run as root, and the user `nobody` does not exist; start watcher as another user"
        ) from error
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def base(cache: Path, account: Account) -> Path:
    """Return the folder for the engine's own files: the cache, or a folder that its user can reach."""
    if account.uid == os.geteuid() or account.reaches(cache):
        return cache
    return ROOT_CACHE


def prepare_data_folder(account: Account, data: Path) -> None:
    """Create a data folder that the engine may write; a folder with other files is rejected."""
    data.mkdir(parents=True, exist_ok=True)
    if account.uid == os.geteuid():
        return
    if not account.reaches(data):
        raise WatcherError(
            f"the user `{account.name}` cannot reach `{data}`, and an engine runs as that user because it "
            "does not run as root; choose a folder whose parents every user may enter"
        )
    if data.stat().st_uid != account.uid and any(data.iterdir()):
        raise WatcherError(f"`{data}` contains files of another user; choose an empty data folder")
    os.chown(data, account.uid, account.gid)
