"""`watcher silences`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.present.silence_tables import silence_json, silences_table, window_json, windows_table
from watcher.routes.silences import SilencePhase


def silences(
    *,
    show_expired: Annotated[bool, typer.Option("--expired", help="Show expired silences too.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List silences, and how many alerts each has held back.

    Active ones come first, then those that begin later. Expired ones are kept for a month. Maintenance windows of
    settings follow.
    """
    with open_watcher(read_settings(settings_file)) as app:
        listed = [entry for entry in app.silences() if show_expired or entry.phase is not SilencePhase.EXPIRED]
        windows = app.maintenance_windows()
    if as_json:
        write_json([*map(silence_json, listed), *map(window_json, windows)])
        return
    terminal().print(silences_table(listed) if listed else "no silences")
    if windows:
        terminal().print(windows_table(windows))
