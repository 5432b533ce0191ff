"""`watcher test`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, error_terminal, read_settings, terminal, write_json
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.present.junit import junit
from watcher.present.progress_bars import stages
from watcher.present.rule_test_tables import (
    cases_of_cluster_run,
    coverage_lines,
    failure_lines,
    rule_tests_json,
    tests_summary,
)
from watcher.ruletests.results import RuleTestResult
from watcher.ruletests.suites import RuleTestSuites
from watcher.settings import Settings
from watcher.usecases.rule_testing import run_in_memory, run_on_engine, run_rule_tests


def run_tests(  # noqa: PLR0913 - each is an option
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Rule files, folders, or files of tests (default: the rules of settings)."),
    ] = None,
    *,
    settings_file: SettingsFile = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Run the queries of the rules on an OpenSearch started for it.")
    ] = False,
    show_coverage: Annotated[
        bool, typer.Option("--coverage", help="List the values of the rules that no test matches.")
    ] = False,
    fail_under: Annotated[
        int, typer.Option(min=0, max=100, help="Lowest percentage of tested values for exit code 0.")
    ] = 0,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="File to write a JUnit XML report to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests beside rules.

    The exit code is 1 if a test fails or cannot be read, or if too few values are tested.
    """
    runner = _run_with_progress if cluster else run_in_memory
    report = run_rule_tests(read_settings(settings_file), paths or (), runner)
    if junit_file is not None:
        junit_file.write_text(
            junit((*report.results, *report.cases), [str(fault) for fault in report.faults]), encoding="utf-8"
        )
    if as_json:
        write_json(rule_tests_json(report))
    else:
        for line in failure_lines(report):
            terminal().print(line, soft_wrap=True)
        for line in coverage_lines(report.coverage) if show_coverage else ():
            terminal().print(line, soft_wrap=True)
        for line in cases_of_cluster_run(report) if cluster else ():
            terminal().print(line, soft_wrap=True)
        terminal().print(tests_summary(report), soft_wrap=True)
    if not report.passes(minimum=fail_under):
        raise typer.Exit(EXIT_FINDINGS)


def _run_with_progress(suites: RuleTestSuites, settings: Settings) -> tuple[RuleTestResult, ...]:
    with stages(error_terminal()) as progress:
        results = run_on_engine(suites, settings, progress)
        progress.done()
        return results
