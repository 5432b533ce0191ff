"""`watcher silences`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.present.silence_tables import (
    preview_json,
    silence_json,
    silence_preview_lines,
    silences_table,
    window_json,
    windows_table,
)
from watcher.present.terminal import cell
from watcher.routes.silences import SilencePhase


class SilencesAction(StrEnum):
    """What to do with silences."""

    PREVIEW = "preview"


def silences(
    action: Annotated[
        SilencesAction | None,
        typer.Argument(help="`preview` shows what maintenance windows would have held back in the last seven days."),
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(help="With `preview`: maintenance windows (default: all).")
    ] = None,
    *,
    show_expired: Annotated[bool, typer.Option("--expired", help="Show expired silences too.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List silences, and how many alerts each has held back.

    Active ones come first, then those that begin later. Expired ones are kept for a month. Maintenance windows of
    settings follow.
    """
    if action is SilencesAction.PREVIEW:
        _preview(names or (), settings_file, as_json=as_json)
        return
    with open_watcher(read_settings(settings_file)) as app:
        listed = [entry for entry in app.silences() if show_expired or entry.phase is not SilencePhase.EXPIRED]
        windows = app.maintenance_windows()
    if as_json:
        write_json([*map(silence_json, listed), *map(window_json, windows)])
        return
    terminal().print(silences_table(listed) if listed else "no silences")
    if windows:
        terminal().print(windows_table(windows))


def _preview(names: Sequence[str], settings_file: Path | None, *, as_json: bool) -> None:
    with open_watcher(read_settings(settings_file)) as app:
        previews = app.preview_windows(names)
    if as_json:
        write_json([preview_json(name, preview) for name, preview in previews.items()])
        return
    if not previews:
        terminal().print("no maintenance windows")
    for name, preview in previews.items():
        terminal().print(cell(f"maintenance window {name}", style="bold"))
        for line in silence_preview_lines(preview):
            terminal().print(line, soft_wrap=True)
