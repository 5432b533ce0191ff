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

from watcher import wiring
from watcher.cli.frame import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.errors import WatcherError
from watcher.match.words import words
from watcher.model import Rule, Severity
from watcher.prove.engine import on_engine
from watcher.prove.outcome import Coverage, Outcome, Tally, coverage, in_memory, total
from watcher.prove.suite import Suites, files_of_tests, rules_beside, suites_of
from watcher.read.folder import Rules
from watcher.settings import Cluster, Settings
from watcher.show.explanation import as_json as explained
from watcher.show.explanation import shown
from watcher.show.junit import junit
from watcher.show.progress import stages
from watcher.show.terminal import printable


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
    suites = suites_of(rules.rules, _stray(settings, paths or []))
    outcomes = _on_cluster(suites, settings) if cluster else _in_memory(suites, settings)
    covered = tuple(
        coverage(suite.rule, [one for one in outcomes if one.rule is suite.rule])
        for suite in suites.suites
        if suite.cases
    )
    faults = [one for one in (*rules.findings, *suites.findings) if one.severity is Severity.ERROR]
    if junit_file is not None:
        junit_file.write_text(junit(outcomes, [str(one) for one in faults]), encoding="utf-8")
    if as_json:
        write_json(_as_json(suites, outcomes, covered, [str(one) for one in faults]))
    else:
        _show(outcomes, [str(one) for one in faults])
        if show_coverage:
            _show_coverage(covered)
        _summary(suites, outcomes, covered, len(faults))
    if faults or not all(one.passed for one in outcomes) or _percent(covered) < fail_under:
        raise typer.Exit(EXIT_FINDINGS)


def _rules(settings: Settings, paths: Sequence[Path]) -> Rules:
    """Read the rules that are named, or whose tests are."""
    named = rules_beside(paths)
    return Rules() if paths and not named else wiring.load_rules(settings, named)


def _stray(settings: Settings, paths: Sequence[Path]) -> Iterator[Path]:
    return files_of_tests(paths or [folder.path for folder in wiring.folders(settings)])


def _in_memory(suites: Suites, settings: Settings) -> tuple[Outcome, ...]:
    """Run every test with the field mappings of the first source of settings."""
    return tuple(one for suite in suites.suites for one in in_memory(suite, settings.sources[0]))


def _on_cluster(suites: Suites, settings: Settings) -> tuple[Outcome, ...]:
    try:
        from watcher.cluster.local import OPENSEARCH, Runtime, default_cache, start  # noqa: PLC0415 - extra `local`
        from watcher.cluster.local.winlogbeat import TEMPLATE  # noqa: PLC0415 - the same
    except ModuleNotFoundError as fault:
        raise WatcherError(
            f"--cluster needs `{fault.name}`: install it by `pip install 'sigma-watcher[local]'`"
        ) from fault
    from watcher.cluster.connect import connect  # noqa: PLC0415 - only here

    runtime = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")
    with stages(Console(stderr=True, highlight=False, markup=False)) as say:
        with (
            start(OPENSEARCH, cache=default_cache(os.environ), progress=say, runtime=runtime) as node,
            closing(connect(Cluster(hosts=(node.url,)))) as connection,
        ):
            say("searching", None)
            state = connection.state()
            state.put_template("winlogbeat-tests", TEMPLATE)
            outcomes = on_engine(suites.suites, settings.sources[0], events=connection.events(), state=state)
        say.done()
    return outcomes


def _percent(covered: Sequence[Coverage]) -> float:
    tried, values = total(covered)
    return 100 * tried / values if values else 100.0


# --------------------------------------------------------------------------- what is shown


def _show(outcomes: Sequence[Outcome], faults: Sequence[str]) -> None:
    for fault in faults:
        out.print(Text(printable(fault), style="bold red"), soft_wrap=True)
    for one in outcomes:
        if not one.passed:
            head = Text.assemble(
                ("FAILED ", "bold red"), (printable(one.case.place), "cyan"), f" {printable(one.case.name)}"
            )
            out.print(head, soft_wrap=True)
            out.print(Text(one.why), soft_wrap=True)
            out.print(shown(one.told))


def _show_coverage(covered: Sequence[Coverage]) -> None:
    for one in covered:
        untried = list(_untried(one))
        if untried:
            out.print(
                Text.assemble((printable(one.rule.place), "cyan"), f" {printable(one.rule.title)}"), soft_wrap=True
            )
        for selection, told in untried:
            out.print(Text.assemble(f"  {printable(selection)}: ", (printable(told), "yellow")), soft_wrap=True)


def _untried(covered: Coverage) -> Iterator[tuple[str, str]]:
    for one in covered.tallies:
        name = one.item.field or "keywords"
        if one.untried:
            values = ", ".join(words(value, keyword=one.item.field is None) for value in one.untried)
            count = (
                f"{len(one.untried)} of {_count(len(one.matched), 'value')}" if len(one.matched) > 1 else "the value"
            )
            yield one.selection, f"{name}: no event of a test matches {count}: {values}"
    for one in covered.undecided:
        yield one.selection, f"{one.item.field or 'keywords'} holds in every event, so no test shows that it matters"


def _summary(suites: Suites, outcomes: Sequence[Outcome], covered: Sequence[Coverage], faults: int) -> None:
    failed = sum(not one.passed for one in outcomes)
    tested = len(covered)
    tried, values = total(covered)
    parts = [
        f"{_count(len(suites.suites), 'rule')}, {tested} with tests",
        f"{_count(len(outcomes), 'test')}: {len(outcomes) - failed} passed, {failed} failed"
        + (f", {faults} cannot be read" if faults else ""),
    ]
    if values:
        parts.append(f"{tried} of {values} values tried ({_percent(covered):.0f} %)")
    out.print(Text("; ".join(parts), style="red" if failed or faults else "green"), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --------------------------------------------------------------------------- for programs


def _as_json(
    suites: Suites, outcomes: Sequence[Outcome], covered: Sequence[Coverage], faults: Sequence[str]
) -> dict[str, Any]:
    tried, values = total(covered)
    return {
        "rules": len(suites.suites),
        "tested": len(covered),
        "tests": [_outcome_json(one) for one in outcomes],
        "faults": list(faults),
        "coverage": {"tried": tried, "values": values, "rules": [_coverage_json(one) for one in covered]},
        "untested": [_rule_json(suite.rule) for suite in suites.suites if not suite.cases],
    }


def _rule_json(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "title": rule.title, "path": rule.path}


def _outcome_json(one: Outcome) -> dict[str, Any]:
    made = {
        "rule": _rule_json(one.rule),
        "name": one.case.name,
        "file": one.case.place.file,
        "line": one.case.place.line,
        "expect": "hit" if one.case.hit else "miss",
        "passed": one.passed,
    }
    return made if one.passed else {**made, "why": one.why, "explanation": explained(one.told)}


def _coverage_json(one: Coverage) -> dict[str, Any]:
    return {
        "rule": _rule_json(one.rule),
        "tried": one.tried,
        "values": one.values,
        "predicates": [_tally_json(tally) for tally in one.tallies],
    }


def _tally_json(tally: Tally) -> dict[str, Any]:
    keyword = tally.item.field is None
    values = zip(tally.item.tests, tally.matched, strict=True)
    return {
        "selection": tally.selection,
        "field": tally.item.field,
        "held": tally.held,
        "failed": tally.failed,
        "values": [{"asks": words(test_of, keyword=keyword), "matched": count} for test_of, count in values],
    }
