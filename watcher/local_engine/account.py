"""Whom an engine runs as: the caller, but never root, which both engines refuse to be."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import WatcherError

ROOT_CACHE = Path("/var/cache/watcher")
"""Where root keeps what another user must read, when the cache lies where that user cannot go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    def reaches(self, folder: Path) -> bool:
        """Whether the way down to the folder is open to this user; one that is still to be made counts as open."""
        resolved = folder.resolve()
        return all(self._may_enter(step) for step in (resolved, *resolved.parents) if step.exists())

    def own(self, folder: Path) -> None:
        """Hand a folder with everything in it over to this user."""
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
    """Tell whom to run an engine as: ourselves, or `nobody` where we are root."""
    if os.geteuid() != 0:
        return Account(name="", uid=os.geteuid(), gid=os.getegid())
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise WatcherError(
            "an engine cannot run as root, and there is no user `nobody` to run it as; start watcher as another user"
        ) from error
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def base(cache: Path, account: Account) -> Path:
    """Choose the folder for what the engine itself must read: the cache, or where its user can go."""
    if account.uid == os.geteuid() or account.reaches(cache):
        return cache
    return ROOT_CACHE


def give(account: Account, data: Path) -> None:
    """Make a data folder that the engine may write; one that holds something else is refused, not taken over."""
    data.mkdir(parents=True, exist_ok=True)
    if account.uid == os.geteuid():
        return
    if not account.reaches(data):
        raise WatcherError(
            f"`{data}` lies where the user `{account.name}` cannot go, and an engine runs as that user because it "
            "refuses to run as root; choose a folder whose parents everybody may enter"
        )
    if data.stat().st_uid != account.uid and any(data.iterdir()):
        raise WatcherError(f"`{data}` holds files of somebody else; choose an empty folder for the data of an engine")
    os.chown(data, account.uid, account.gid)
