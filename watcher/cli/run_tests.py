"""`watcher test`: the tests beside rules, in memory or on a real engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from watcher import app as wiring
from watcher.cli.common import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.errors import WatcherError
from watcher.match.descriptions import describe_value
from watcher.model import Rule, Severity
from watcher.present.explanations import as_json as explained
from watcher.present.explanations import render_explanation
from watcher.present.junit import junit
from watcher.present.progress_bars import stages
from watcher.printable import printable_text
from watcher.ruletests.cluster_run import run_on_cluster
from watcher.ruletests.results import (
    RuleTestCoverage,
    RuleTestResult,
    SelectionTally,
    coverage_of_tests,
    in_memory,
    total_coverage,
)
from watcher.ruletests.suites import RuleTestSuites, files_of_tests, rules_beside, suites_of_rules
from watcher.settings import Cluster, Settings
from watcher.sigma.rule_folders import LoadedRules


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="test")(run_tests)


def run_tests(  # noqa: PLR0913 - each is an option
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files, folders, or files of tests; else the rules of settings.")
    ] = None,
    *,
    settings_file: SettingsFile = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Search the events by the rules' queries on an OpenSearch of its own.")
    ] = False,
    show_coverage: Annotated[
        bool, typer.Option("--coverage", help="List the values of the rules that no test tried.")
    ] = False,
    fail_under: Annotated[
        int, typer.Option(min=0, max=100, help="Exit with 1 where less than this percentage of the values is tried.")
    ] = 0,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write a report in JUnit's XML to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests that stand beside rules.

    Exit code 1 where a test fails or cannot be read, or too little is tried.
    """
    settings = wiring.load_settings(settings_file)
    rules = _rules(settings, paths or [])
    suites = suites_of_rules(rules.rules, _stray(settings, paths or []))
    outcomes = _on_cluster(suites, settings) if cluster else _in_memory(suites, settings)
    checkpoint = tuple(
        coverage_of_tests(suite.rule, [one for one in outcomes if one.rule is suite.rule])
        for suite in suites.suites
        if suite.tests
    )
    faults = [one for one in (*rules.findings, *suites.findings) if one.severity is Severity.ERROR]
    if junit_file is not None:
        junit_file.write_text(junit(outcomes, [str(one) for one in faults]), encoding="utf-8")
    if as_json:
        write_json(_as_json(suites, outcomes, checkpoint, [str(one) for one in faults]))
    else:
        _show(outcomes, [str(one) for one in faults])
        if show_coverage:
            _show_coverage(checkpoint)
        _summary(suites, outcomes, checkpoint, len(faults))
    if faults or not all(one.passed for one in outcomes) or _percent(checkpoint) < fail_under:
        raise typer.Exit(EXIT_FINDINGS)


def _rules(settings: Settings, paths: Sequence[Path]) -> LoadedRules:
    """Read the rules that are named, or whose tests are."""
    named = rules_beside(paths)
    return LoadedRules() if paths and not named else wiring.load_rules(settings, named)


def _stray(settings: Settings, paths: Sequence[Path]) -> Iterator[Path]:
    return files_of_tests(paths or [folder.path for folder in wiring.folders(settings)])


def _in_memory(suites: RuleTestSuites, settings: Settings) -> tuple[RuleTestResult, ...]:
    """Run every test with the field mappings of the first source of settings."""
    return tuple(one for suite in suites.suites for one in in_memory(suite, settings.sources[0]))


def _on_cluster(suites: RuleTestSuites, settings: Settings) -> tuple[RuleTestResult, ...]:
    try:
        from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start  # noqa: PLC0415 - extra `local`
        from watcher.local_engine.winlogbeat import TEMPLATE  # noqa: PLC0415 - the same
    except ModuleNotFoundError as fault:
        raise WatcherError(
            f"--cluster needs `{fault.name}`: install it by `pip install 'sigma-watcher[local]'`"
        ) from fault
    from watcher.cluster.connections import connect  # noqa: PLC0415 - only here

    runtime = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")
    with stages(Console(stderr=True, highlight=False, markup=False)) as say:
        with (
            start(OPENSEARCH, cache=default_cache(os.environ), progress=say, runtime=runtime) as node,
            closing(connect(Cluster(hosts=(node.url,)))) as connection,
        ):
            say("searching", None)
            state = connection.state()
            state.put_template("winlogbeat-tests", TEMPLATE)
            outcomes = run_on_cluster(suites.suites, settings.sources[0], events=connection.events(), state=state)
        say.done()
    return outcomes


def _percent(checkpoint: Sequence[RuleTestCoverage]) -> float:
    tried, values = total_coverage(checkpoint)
    return 100 * tried / values if values else 100.0


# --------------------------------------------------------------------------- what is shown


def _show(outcomes: Sequence[RuleTestResult], faults: Sequence[str]) -> None:
    for fault in faults:
        out.print(Text(printable_text(fault), style="bold red"), soft_wrap=True)
    for one in outcomes:
        if not one.passed:
            head = Text.assemble(
                ("FAILED ", "bold red"),
                (printable_text(one.test.location), "cyan"),
                f" {printable_text(one.test.name)}",
            )
            out.print(head, soft_wrap=True)
            out.print(Text(one.reason), soft_wrap=True)
            out.print(render_explanation(one.explanation))


def _show_coverage(checkpoint: Sequence[RuleTestCoverage]) -> None:
    for one in checkpoint:
        untried = list(_untried(one))
        if untried:
            out.print(
                Text.assemble((printable_text(one.rule.location), "cyan"), f" {printable_text(one.rule.title)}"),
                soft_wrap=True,
            )
        for selection, told in untried:
            out.print(
                Text.assemble(f"  {printable_text(selection)}: ", (printable_text(told), "yellow")), soft_wrap=True
            )


def _untried(checkpoint: RuleTestCoverage) -> Iterator[tuple[str, str]]:
    for one in checkpoint.tallies:
        name = one.item.field or "keywords"
        if one.uncovered:
            values = ", ".join(describe_value(value, keyword=one.item.field is None) for value in one.uncovered)
            count = (
                f"{len(one.uncovered)} of {_count(len(one.matched), 'value')}" if len(one.matched) > 1 else "the value"
            )
            yield one.selection, f"{name}: no event of a test matches {count}: {values}"
    for one in checkpoint.undecided:
        yield one.selection, f"{one.item.field or 'keywords'} holds in every event, so no test shows that it matters"


def _summary(
    suites: RuleTestSuites, outcomes: Sequence[RuleTestResult], checkpoint: Sequence[RuleTestCoverage], faults: int
) -> None:
    failed = sum(not one.passed for one in outcomes)
    tested = len(checkpoint)
    tried, values = total_coverage(checkpoint)
    parts = [
        f"{_count(len(suites.suites), 'rule')}, {tested} with tests",
        f"{_count(len(outcomes), 'test')}: {len(outcomes) - failed} passed, {failed} failed"
        + (f", {faults} cannot be read" if faults else ""),
    ]
    if values:
        parts.append(f"{tried} of {values} values tried ({_percent(checkpoint):.0f} %)")
    out.print(Text("; ".join(parts), style="red" if failed or faults else "green"), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --------------------------------------------------------------------------- for programs


def _as_json(
    suites: RuleTestSuites,
    outcomes: Sequence[RuleTestResult],
    checkpoint: Sequence[RuleTestCoverage],
    faults: Sequence[str],
) -> dict[str, Any]:
    tried, values = total_coverage(checkpoint)
    return {
        "rules": len(suites.suites),
        "tested": len(checkpoint),
        "tests": [_outcome_json(one) for one in outcomes],
        "faults": list(faults),
        "coverage": {"tried": tried, "values": values, "rules": [_coverage_json(one) for one in checkpoint]},
        "untested": [_rule_json(suite.rule) for suite in suites.suites if not suite.tests],
    }


def _rule_json(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "title": rule.title, "path": rule.path}


def _outcome_json(one: RuleTestResult) -> dict[str, Any]:
    made = {
        "rule": _rule_json(one.rule),
        "name": one.test.name,
        "file": one.test.location.file,
        "line": one.test.location.line,
        "expect": "hit" if one.test.hit else "miss",
        "passed": one.passed,
    }
    return made if one.passed else {**made, "why": one.reason, "explanation": explained(one.explanation)}


def _coverage_json(one: RuleTestCoverage) -> dict[str, Any]:
    return {
        "rule": _rule_json(one.rule),
        "tried": one.covered,
        "values": one.values,
        "predicates": [_tally_json(tally) for tally in one.tallies],
    }


def _tally_json(tally: SelectionTally) -> dict[str, Any]:
    keyword = tally.item.field is None
    values = zip(tally.item.values, tally.matched, strict=True)
    return {
        "selection": tally.selection,
        "field": tally.item.field,
        "held": tally.held,
        "failed": tally.failed,
        "values": [{"asks": describe_value(test_of, keyword=keyword), "matched": count} for test_of, count in values],
    }
