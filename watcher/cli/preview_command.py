"""`watcher preview`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.common import (
    AsJson,
    SettingsFile,
    error_terminal,
    open_watcher,
    read_settings,
    stop_on_signals,
    terminal,
    write_json,
)
from watcher.cli.exit_codes import EXIT_WRONG
from watcher.pipeline import Stopped
from watcher.present.correlation_preview_tables import correlation_preview_json, print_correlation_preview
from watcher.present.preview_tables import preview_json, print_preview
from watcher.present.progress_bars import source_bars
from watcher.usecases.named_rules import NamedCorrelation, find_any_rule
from watcher.usecases.preview import Preview, PreviewProgress
from watcher.usecases.preview_correlation import CorrelationPreview


def preview(
    rule: Annotated[str, typer.Argument(help="Rule file, or the id, title or path of a rule of settings.")],
    *,
    days: Annotated[int, typer.Option("--days", help="Number of days to search, today included.", min=1)] = 30,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how many alerts a rule would open.

    Searches the last days and writes nothing. Shows hits per day, the number of alerts, the most frequent hosts, users
    and parent processes, and some events. Of a correlation rule it shows alerts per day and group.
    """
    stop = stop_on_signals()
    result: Preview | CorrelationPreview
    settings = read_settings(settings_file)
    previewed = find_any_rule(rule, settings)
    with open_watcher(settings) as app, source_bars(error_terminal()) as bars:

        def show(progress: PreviewProgress) -> None:
            bars(progress.source, progress.done / progress.days, f"{progress.hits:,} hits")

        try:
            if isinstance(previewed, NamedCorrelation):
                result = app.preview_correlation(previewed, days=days, progress=show, stopping=stop.is_set)
            else:
                result = app.preview(previewed, days=days, progress=show, stopping=stop.is_set)
        except Stopped as fault:
            raise typer.Exit(EXIT_WRONG) from fault
    _print(result, as_json=as_json)


def _print(result: Preview | CorrelationPreview, *, as_json: bool) -> None:
    if isinstance(result, CorrelationPreview):
        if as_json:
            write_json(correlation_preview_json(result))
        else:
            print_correlation_preview(terminal(), result)
    elif as_json:
        write_json(preview_json(result))
    else:
        print_preview(terminal(), result)
