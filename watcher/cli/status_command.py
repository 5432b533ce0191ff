"""`watcher status`."""

from __future__ import annotations

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.present.status_tables import status_json, status_tables


def status(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Show what was searched, and what is pending.

    The exit code is 1 if something needs attention: a source that was never searched or is far behind, a gap, an
    unsearchable index, a message that was given up.
    """
    with open_watcher(read_settings(settings_file)) as app:
        current = app.status()
    if as_json:
        write_json(status_json(current))
    else:
        for table in status_tables(current):
            terminal().print(table)
    if current.needs_attention:
        raise typer.Exit(EXIT_FINDINGS)
