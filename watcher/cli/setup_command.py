"""`watcher setup`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from watcher.cli.common import SettingsFile, open_watcher, read_settings, terminal
from watcher.cli.exit_codes import EXIT_WRONG
from watcher.errors import Forbidden
from watcher.state.installation import InstallResult


def setup(
    *,
    settings_file: SettingsFile = None,
    retention: Annotated[
        bool, typer.Option("--retention", help="Delete alerts and hits of months older than `state.retention`.")
    ] = False,
) -> None:
    """Install the index templates and lifecycle policies.

    Indices of an older version get the fields of this version. If the cluster has no lifecycle service, run this
    regularly with --retention.
    """
    with open_watcher(read_settings(settings_file)) as app:
        try:
            installed = app.set_up()
            deleted = app.delete_expired() if retention else None
        except Forbidden as fault:
            terminal().print(f"watcher: {fault}", soft_wrap=True)
            raise typer.Exit(EXIT_WRONG) from fault
    for line in _lines(installed, deleted):
        terminal().print(line, soft_wrap=True)


def _lines(installed: InstallResult, deleted: Sequence[str] | None) -> Iterator[str]:
    """Yield what was installed, updated and deleted; `deleted` is None where nothing was to be deleted."""
    if installed.templates:
        yield f"installed: {', '.join(installed.templates)}"
    else:
        yield "everything is installed already"
    if installed.updated:
        yield f"updated with the fields of this version: {', '.join(installed.updated)}"
    if installed.migrated:
        yield f"migrated from an older version: {installed.migrated:,} documents"
    if installed.templates and not installed.lifecycle:
        yield "the cluster has no lifecycle service: run `watcher setup --retention` regularly"
    if deleted is not None:
        yield f"deleted: {', '.join(deleted) or 'nothing is older than `state.retention`'}"
