"""`watcher check`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, error_terminal, open_watcher, read_settings, terminal, write_json
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.clock import SystemClock
from watcher.errors import SettingsError
from watcher.model import Severity
from watcher.present.finding_tables import check_json, check_lines, counts_table, summary
from watcher.present.progress_bars import large_work
from watcher.present.sarif import sarif
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.check_rules import CheckReport, ClusterReport, check_rules, rules_to_check


def check(  # noqa: PLR0913 - each is an option
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Rule files, folders, or files of tests (default: the rules of settings)."),
    ] = None,
    *,
    settings_file: SettingsFile = None,
    live: Annotated[
        bool, typer.Option("--live", help="Check the cluster too: privileges, indices, fields, cost of queries.")
    ] = False,
    least: Annotated[Severity, typer.Option(help="Lowest severity to show.")] = Severity.INFO,
    fail_on: Annotated[Severity, typer.Option(help="Lowest severity that makes the exit code 1.")] = Severity.ERROR,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Count the findings by code instead of listing them.")
    ] = False,
    as_json: AsJson = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0, which code hosts show.")] = False,
) -> None:
    """Check rules and settings, and list findings.

    The exit code is 1 if there is an error that is not allowed, or if the cluster lacks something.
    """
    if as_json and as_sarif:
        raise SettingsError("--json and --sarif are both given", fix="keep one of them")
    settings = read_settings(settings_file)
    with large_work(error_terminal()) as show:
        rules = rules_to_check(settings, paths or (), show("reading rules"))
        cluster = _check_cluster(settings, rules) if live else None
        report = check_rules(
            settings,
            rules,
            paths or (),
            today=SystemClock().now().date(),
            cluster=cluster,
            progress=show("checking rules"),
        )
    if as_sarif:
        write_json(sarif(report.at_least(least), version=version("sigma-watcher"), root=Path()))
    elif as_json:
        write_json(check_json(report, least))
    else:
        _print(report, least, statistics=statistics)
    if report.fails(fail_on):
        raise typer.Exit(EXIT_FINDINGS)


def _check_cluster(settings: Settings, rules: LoadedRules) -> ClusterReport:
    with open_watcher(settings) as app:
        return app.check(rules.rules)


def _print(report: CheckReport, least: Severity, *, statistics: bool) -> None:
    shown = report.at_least(least)
    if statistics and shown:
        terminal().print(counts_table(shown))
    for line in check_lines(report, () if statistics else shown):
        terminal().print(line, soft_wrap=True)
    terminal().print(summary(shown, report.rules, report.correlations))
