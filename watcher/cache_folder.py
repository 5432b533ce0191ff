"""The folder of what watcher keeps on disk to be faster the next time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def default_cache(environment: Mapping[str, str]) -> Path:
    """Return the cache folder: `WATCHER_CACHE`, else `watcher` in the user's cache folder."""
    named = environment.get("WATCHER_CACHE")
    if named:
        return Path(named).expanduser()
    general = environment.get("XDG_CACHE_HOME")
    return (Path(general) if general else Path.home() / ".cache") / "watcher"
