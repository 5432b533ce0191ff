"""`watcher version`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version


def version() -> None:
    """Show the version."""
    sys.stdout.write(f"sigma-watcher {installed_version('sigma-watcher')}\n")
