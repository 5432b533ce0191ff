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

from watcher import wiring
from watcher.cli.frame import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.clock import SystemClock
from watcher.cluster.privileges import missing
from watcher.errors import Forbidden, SettingsError
from watcher.lint import allow, cost
from watcher.lint.allow import Judged
from watcher.lint.look import unique
from watcher.model import Finding, Severity, Window
from watcher.pipeline import planned, watch
from watcher.prove.suite import files_of_tests, rules_beside
from watcher.read.folder import Rules
from watcher.review import review
from watcher.search import live as sampled
from watcher.settings import Settings, Source
from watcher.show.catalogue.attack import shipped_table
from watcher.show.findings import counts_table, finding_json, finding_line, summary
from watcher.show.sarif import sarif
from watcher.show.terminal import printable
from watcher.translate.plan import Translator, paths_of
from watcher.translate.select import choose

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


def _rules(settings: Settings, paths: Sequence[Path]) -> Rules:
    named = rules_beside(paths)
    return Rules() if paths and not named else wiring.load_rules(settings, named)


def _judged(
    settings: Settings, rules: Rules, paths: Sequence[Path], of_cluster: Sequence[Finding]
) -> tuple[Judged, ...]:
    """Bring together what reading, lints, tests and cluster say, and what of it is allowed."""
    stray = files_of_tests(paths or [folder.path for folder in wiring.folders(settings)])
    found = review(rules, settings.sources[0], today=_today(), matrix=shipped_table(), stray=stray)
    ordered = sorted(unique((*found, *of_cluster)), key=lambda finding: (finding.place, finding.code))
    judged = allow.judge(ordered, rules.rules, settings.allow)
    if paths:  # other rules may need what these do not
        return judged
    return (*judged, *(Judged(finding=finding) for finding in allow.unused(judged, settings)))


def _today() -> date:
    return SystemClock().now().date()


# --------------------------------------------------------------------------- the cluster


@dataclass(slots=True, kw_only=True)
class _Live:
    """What the cluster says."""

    findings: list[Finding] = field(default_factory=list)
    said: tuple[str, ...] = ()  # what it lacks, or the user may not
    costs: dict[str, Counter[str]] = field(default_factory=dict)  # source → class of cost → queries


def _ask(settings: Settings, rules: Rules) -> _Live:
    told = _Live()
    said: list[str] = []
    with closing(wiring.reach(settings)) as connected:
        for source in settings.sources:
            said.extend(missing(connected.events, source.index, settings.state.prefix))
            with _telling(said):
                said.extend(_source(source, settings, connected, rules, told))
        with _telling(said):
            absent = wiring.installation(settings, connected).missing()
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


def _source(
    source: Source, settings: Settings, connected: wiring.Connected, rules: Rules, told: _Live
) -> Iterator[str]:
    events = connected.events.events()
    facts = events.facts(source.index, paths_of(rules.rules, source))
    yield from (f"`{name}` is closed: no search sees it" for name in facts.closed)
    if not facts.indices:
        return
    translator = Translator(source, facts)
    grades = told.costs.setdefault(source.name, Counter())
    for rule in rules.rules:
        plan = planned(watch(rule, choose(rule, settings), source), translator)
        judged = cost.cost(plan, translator.scope(rule), facts)
        grades[str(judged.grade)] += 1
        told.findings.extend((*plan.findings, *cost.lint(plan, judged)))
    now = events.now()
    past = Window(start=now - source.sweep_past, end=now)
    with events.open(source.index, past, time_field=source.time_field) as snapshot:
        told.findings.extend(sampled.look(snapshot, rules.rules, translator))


# --------------------------------------------------------------------------- what is shown


def _show(rules: Rules, judged: Sequence[Judged], told: _Live, *, in_numbers: bool) -> None:
    if in_numbers and judged:
        out.print(counts_table(judged))
    for one in judged if not in_numbers else ():
        if not one.allowed:
            out.print(finding_line(one.finding), soft_wrap=True)
    for sentence in told.said:
        out.print(Text(f"cluster: {printable(sentence)}", style="yellow"), soft_wrap=True)
    for source, grades in told.costs.items():
        counts = ", ".join(f"{grades[grade]} {grade}" for grade in cost.Grade if grades[grade])
        out.print(f"queries of `{source}` by cost: {counts or 'none'}")
    out.print(summary(judged, len(rules.rules)))


def _as_json(rules: Rules, judged: Sequence[Judged], told: _Live) -> dict[str, object]:
    return {
        "rules": len(rules.rules),
        "findings": [finding_json(one.finding) for one in judged if not one.allowed],
        "allowed": [{**finding_json(one.finding), "because": one.allowed} for one in judged if one.allowed],
        "cluster": told.said,
        "costs": {source: dict(grades) for source, grades in told.costs.items()},
    }
