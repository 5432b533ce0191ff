"""`watcher check`: what is odd about rules and settings, and what only the cluster knows about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from watcher import app as wiring
from watcher.catalogue.attack import shipped_table
from watcher.cli.common import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.clock import SystemClock
from watcher.cluster.privileges import missing
from watcher.errors import Forbidden, SettingsError
from watcher.lint import allowances as allow
from watcher.lint import query_cost as cost
from watcher.lint.allowances import JudgedFinding
from watcher.lint.run_lints import unique
from watcher.model import Finding, Severity, Window
from watcher.present.findings import counts_table, finding_json, finding_line, summary
from watcher.present.sarif import sarif
from watcher.printable import printable_text
from watcher.ruletests.suites import files_of_tests, rules_beside
from watcher.search import live_findings as sampled
from watcher.settings import Settings, Source
from watcher.sigma.rule_folders import LoadedRules
from watcher.translate.plan import Translator, paths_of, translate_rule
from watcher.usecases.check_rules import review

_SEVERITIES = list(Severity)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(check)


def check(  # noqa: PLR0913 - each is an option
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files, folders, or files of tests; else the rules of settings.")
    ] = None,
    *,
    settings_file: SettingsFile = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the cluster too: privileges, indices, fields, cost of queries.")
    ] = False,
    least: Annotated[Severity, typer.Option(help="The least severity that is shown.")] = Severity.INFO,
    fail_on: Annotated[Severity, typer.Option(help="The least severity that makes the exit code 1.")] = Severity.ERROR,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Count the findings by code instead of listing them.")
    ] = False,
    as_json: AsJson = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0, which code hosts read.")] = False,
) -> None:
    """Read rules and settings, and say what is odd.

    Exit code 1 where something is an error that is not allowed, or the cluster lacks something.
    """
    if as_json and as_sarif:
        raise SettingsError("--json and --sarif are both given", fix="keep one of them")
    settings = wiring.load_settings(settings_file)
    rules = _rules(settings, paths or [])
    told = _Live()
    if live:
        told = _ask(settings, rules)
    judged = _judged(settings, rules, paths or [], told.findings)
    shown = [one for one in judged if _weighs(one.finding, least)]
    if as_sarif:
        write_json(sarif(shown, version=version("sigma-watcher"), root=Path()))
    elif as_json:
        write_json(_as_json(rules, shown, told))
    else:
        _show(rules, shown, told, in_numbers=statistics)
    if told.said or any(_weighs(one.finding, fail_on) and not one.allowed for one in judged):
        raise typer.Exit(EXIT_FINDINGS)


def _weighs(finding: Finding, least: Severity) -> bool:
    return _SEVERITIES.index(finding.severity) <= _SEVERITIES.index(least)


def _rules(settings: Settings, paths: Sequence[Path]) -> LoadedRules:
    named = rules_beside(paths)
    return LoadedRules() if paths and not named else wiring.load_rules(settings, named)


def _judged(
    settings: Settings, rules: LoadedRules, paths: Sequence[Path], of_cluster: Sequence[Finding]
) -> tuple[JudgedFinding, ...]:
    """Bring together what reading, lints, tests and cluster say, and what of it is allowed."""
    stray = files_of_tests(paths or [folder.path for folder in wiring.folders(settings)])
    found = review(rules, settings.sources[0], today=_today(), matrix=shipped_table(), stray=stray)
    ordered = sorted(unique((*found, *of_cluster)), key=lambda finding: (finding.location, finding.code))
    judged = allow.apply_allowances(ordered, rules.rules, settings.check.allow)
    if paths:  # other rules may need what these do not
        return judged
    return (*judged, *(JudgedFinding(finding=finding) for finding in allow.unused_allowances(judged, settings)))


def _today() -> date:
    return SystemClock().now().date()


# --------------------------------------------------------------------------- the cluster


@dataclass(slots=True, kw_only=True)
class _Live:
    """What the cluster says."""

    findings: list[Finding] = field(default_factory=list)
    said: tuple[str, ...] = ()  # what it lacks, or the user may not
    costs: dict[str, Counter[str]] = field(default_factory=dict)  # source → class of cost → queries


def _ask(settings: Settings, rules: LoadedRules) -> _Live:
    told = _Live()
    said: list[str] = []
    with closing(wiring.connect_clusters(settings)) as connections:
        for source in settings.sources:
            said.extend(missing(connections.events, source.index, settings.state.prefix))
            with _telling(said):
                said.extend(_source(source, connections, rules, told))
        with _telling(said):
            absent = wiring.installation(settings, connections).missing()
            said.extend(f"the index template `{name}` is missing: call `watcher setup`" for name in absent)
    told.said = tuple(dict.fromkeys(said))
    return told


@contextmanager
def _telling(said: list[str]) -> Iterator[None]:
    """Tell what the user may not, and go on with the rest."""
    try:
        yield
    except Forbidden as fault:
        said.append(str(fault))


def _source(source: Source, connections: wiring.Connections, rules: LoadedRules, told: _Live) -> Iterator[str]:
    events = connections.events.events()
    mapping = events.mapping(source.index, paths_of(rules.rules, source))
    yield from (f"`{name}` is closed: no search sees it" for name in mapping.closed)
    if not mapping.indices:
        return
    translator = Translator(source, mapping)
    grades = told.costs.setdefault(source.name, Counter())
    for rule in rules.rules:
        plan = translate_rule(rule, translator)
        judged = cost.query_cost(plan, translator.scope(rule), mapping)
        grades[str(judged.grade)] += 1
        told.findings.extend((*plan.findings, *cost.lint(plan, judged)))
    now = events.now()
    past = Window(start=now - source.late_events.past, end=now)
    with events.open(source.index, past, time_field=source.time_field) as snapshot:
        told.findings.extend(sampled.live_findings(snapshot, rules.rules, translator))


# --------------------------------------------------------------------------- what is shown


def _show(rules: LoadedRules, judged: Sequence[JudgedFinding], told: _Live, *, in_numbers: bool) -> None:
    if in_numbers and judged:
        out.print(counts_table(judged))
    for one in judged if not in_numbers else ():
        if not one.allowed:
            out.print(finding_line(one.finding), soft_wrap=True)
    for sentence in told.said:
        out.print(Text(f"cluster: {printable_text(sentence)}", style="yellow"), soft_wrap=True)
    for source, grades in told.costs.items():
        counts = ", ".join(f"{grades[grade]} {grade}" for grade in cost.CostGrade if grades[grade])
        out.print(f"queries of `{source}` by cost: {counts or 'none'}")
    out.print(summary(judged, len(rules.rules)))


def _as_json(rules: LoadedRules, judged: Sequence[JudgedFinding], told: _Live) -> dict[str, object]:
    return {
        "rules": len(rules.rules),
        "findings": [finding_json(one.finding) for one in judged if not one.allowed],
        "allowed": [{**finding_json(one.finding), "because": one.allowed} for one in judged if one.allowed],
        "cluster": told.said,
        "costs": {source: dict(grades) for source, grades in told.costs.items()},
    }
