"""Settings that let others read credentials: on the network, or on this machine.

A settings type that can hold credentials has a method `credential_risks`, which yields what is wrong with its values.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from watcher.known_secrets import SHORTEST
from watcher.settings.secret import Secret

_MOUNTED = Path("/run/secrets")  # where containers get secrets; nobody else is inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How others may read credentials, and what to do about it."""

    code: str  # of the finding
    key: str  # the setting, in its mapping
    message: str
    fix: str


def clear_text(key: str, subject: str, receiver: str, fix: str) -> Risk:
    """Return the risk of credentials that are sent without encryption."""
    return Risk(code="clear-text", key=key, message=f"{subject} is sent to `{receiver}` in clear text", fix=fix)


def unverified(fix: str) -> Risk:
    """Return the risk of a server that anybody may pretend to be."""
    message = "the server's certificate is not verified: another server can take its place and read what is sent"
    return Risk(code="unverified-server", key="verify_certs", message=message, fix=fix)


def clear_text_address(key: str, address: Secret) -> Iterator[Risk]:
    """Yield the risk of a secret address that is called without encryption."""
    yield from clear_text_credential(key, address.value, "the address, which is a secret,")


def clear_text_credential(key: str, address: str, subject: str) -> Iterator[Risk]:
    """Yield the risk of a credential that is sent to an address without encryption."""
    parts = urlsplit(address)
    if parts.scheme.lower() == "http" and not is_loopback(parts.hostname or ""):
        yield clear_text(key, subject, parts.hostname or "", "use an `https://` address")


def readable_file(key: str, path: Path) -> Iterator[Risk]:
    """Yield the risk of a secret's file that every user of this machine can read."""
    if is_readable_by_all(path):
        message = f"every user of this machine can read the file `{path}`, which is to be a secret"
        yield Risk(code="readable-secret", key=key, message=message, fix="remove the permission, as by `chmod o-r`")


def short_secrets(section: Any) -> Iterator[Risk]:
    """Yield the secrets of a settings type that are too short to be kept out of the log."""
    for setting in fields(section):
        secret = getattr(section, setting.name)
        if isinstance(secret, Secret) and 0 < len(secret.value) < SHORTEST:
            message = f"a secret of fewer than {SHORTEST} characters is not filtered from the log, messages and errors"
            yield Risk(code="short-secret", key=setting.name, message=message, fix="use a longer one")


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost")


def is_readable_by_all(path: Path) -> bool:
    """Whether every user can read a file; Windows has other permissions, of which nothing is said."""
    if os.name != "posix":
        return False
    file = path.resolve()
    if file.is_relative_to(_MOUNTED.resolve()):
        return False
    try:
        return bool(file.stat().st_mode & stat.S_IROTH) and all(
            folder.stat().st_mode & stat.S_IXOTH for folder in file.parents
        )
    except OSError:
        return False
