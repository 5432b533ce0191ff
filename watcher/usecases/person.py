"""Who uses a command, for the record in the state."""

from __future__ import annotations

import getpass
import os
import socket


def person_of(*names: str | None) -> str:
    """Return the first name that is given, or else user and machine."""
    named = next((name.strip() for name in names if name and name.strip()), "")
    return named or f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
