"""Paths of the rules, templates and example settings that come with watcher."""

from __future__ import annotations

from pathlib import Path

SHIPPED = "shipped"
"""The word for the shipped rules in `rules.folders` of settings."""
SHIPPED_FOLDER = "watcher"
"""The name of their folder."""


def shipped(name: str) -> Path:
    """Return the path of a shipped folder or file: `rules`, `templates`, `watcher.yml`, `demo/events.ndjson`.

    In an installed wheel they are inside the package, in a checkout beside it.
    """
    here = Path(__file__).resolve().parent
    inside = here / "shipped" / name
    if inside.exists():
        return inside
    beside = here.parent / (f"deploy/{name}" if name in ("watcher.yml", "demo/events.ndjson") else name)
    if beside.exists():
        return beside
    raise FileNotFoundError(f"`{name}` is missing from this installation: install sigma-watcher again")
