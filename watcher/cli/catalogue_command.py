"""`watcher catalogue`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watcher.catalogue.live_data import GatheredData
from watcher.cli.common import SettingsFile, error_terminal, open_watcher, read_settings, terminal
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.clock import SystemClock
from watcher.counted_nouns import counted
from watcher.present.progress_bars import large_work
from watcher.printable import printable_text
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.build_catalogue import (
    CatalogueRequest,
    SiteReport,
    assume_mappings,
    attack_table,
    build_catalogue,
    read_mappings,
)
from watcher.usecases.loading import load_named_rules, load_rules


def catalogue(  # noqa: PLR0913 - each is an option
    out: Annotated[Path, typer.Argument(help="Folder of the site: new, empty, or an earlier site.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders (default: the folders of settings).")
    ] = None,
    *,
    settings_file: SettingsFile = None,
    live: Annotated[bool, typer.Option("--live", help="Read mappings, events and hits from the cluster.")] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days of events and hits to count with --live.")] = 7,
    attack_file: Annotated[
        Path | None, typer.Option("--attack", help="ATT&CK data (default: the shipped table).")
    ] = None,
) -> None:
    """Write a site of all rules, to open in a browser.

    It needs no server: open it from disk, or put it on a file share or a web server. Two builds can be compared by
    their files. The exit code is 1 if the cluster refuses something.
    """
    settings = read_settings(settings_file)
    with large_work(error_terminal()) as show:
        progress = show("reading rules")
        rules = load_named_rules(settings, paths, progress) if paths else load_rules(settings, (), progress)
    request = CatalogueRequest(
        settings=settings,
        rules=rules,
        paths=paths or (),
        attack=attack_table(attack_file),
        data=_live_data(settings, rules, days) if live else assume_mappings(settings, rules),
        today=SystemClock().now().date(),
    )
    report = build_catalogue(request, out)
    _print(report, out)
    if report.problems:
        raise typer.Exit(EXIT_FINDINGS)


def _live_data(settings: Settings, rules: LoadedRules, days: int) -> GatheredData:
    with open_watcher(settings) as app:
        return read_mappings(app.components, rules, days=days)


def _print(report: SiteReport, folder: Path) -> None:
    for problem in report.problems:
        terminal().print(f"the cluster: {printable_text(problem)}", soft_wrap=True)
    rules = counted(report.rules, "rule")
    written = report.written
    terminal().print(
        f"{rules}: {written.files:,} files, {written.changed:,} of them written, {written.removed:,} removed; "
        f"open {printable_text(folder / 'index.html')}",
        soft_wrap=True,
    )
