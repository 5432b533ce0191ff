"""`watcher check` and `watcher explain`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.syntax import Syntax
from rich.text import Text

from watcher import wiring
from watcher.cli.frame import (
    EXIT_FINDINGS,
    AsJson,
    SettingsFile,
    out,
    write_json,
)
from watcher.cluster.privileges import missing
from watcher.errors import Forbidden, InputError
from watcher.model import Finding, Plan, Rule, Severity, Window
from watcher.pipeline import planned, watch
from watcher.read.folder import Rules
from watcher.search.live import look
from watcher.settings import Settings, Source
from watcher.show.terminal import cell, printable, table
from watcher.translate.plan import Translator, paths_of
from watcher.translate.select import Chosen, choose

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(check)
    app.command()(explain)


def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Rule files or folders; else those of settings.")] = None,
    *,
    settings_file: SettingsFile = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the cluster too: privileges, indices, fields.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read rules and settings, and say what is odd.

    Exit code 1 where something is an error, or the cluster lacks something.
    """
    settings = wiring.load_settings(settings_file)
    rules = wiring.load_rules(settings, paths or ())
    findings = list(wiring.every_finding(rules))
    said: tuple[str, ...] = ()
    if live:
        said = _live(settings, rules, findings)
    if as_json:
        write_json({"rules": len(rules.rules), "findings": [_as_json(one) for one in findings], "cluster": said})
    else:
        _show(findings, len(rules.rules), said)
    if said or any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(EXIT_FINDINGS)


def _live(settings: Settings, rules: Rules, findings: list[Finding]) -> tuple[str, ...]:
    connected = wiring.reach(settings)
    try:
        said: list[str] = []
        for source in settings.sources:
            said.extend(missing(connected.events, source.index, settings.state.prefix))
            with _telling(said):
                said.extend(_source(source, settings, connected, rules, findings))
        with _telling(said):
            absent = wiring.ledger(settings, connected).missing_templates()
            said.extend(f"the index template `{name}` is missing: call `watcher setup`" for name in absent)
        return tuple(dict.fromkeys(said))
    finally:
        connected.close()


@contextmanager
def _telling(said: list[str]) -> Iterator[None]:
    """Tell what the user may not, and go on with the rest."""
    try:
        yield
    except Forbidden as fault:
        said.append(str(fault))


def _source(
    source: Source, settings: Settings, connected: wiring.Connected, rules: Rules, findings: list[Finding]
) -> Iterator[str]:
    facts = connected.events.events().facts(source.index, paths_of(rules.rules, source))
    yield from (f"`{name}` is closed: no search sees it" for name in facts.closed)
    if not facts.indices:
        return
    translator = Translator(source, facts)
    for rule in rules.rules:
        findings.extend(planned(watch(rule, choose(rule, settings), source), translator).findings)
    events = connected.events.events()
    now = events.now()
    with events.open(
        source.index, Window(start=now - source.sweep_past, end=now), time_field=source.time_field
    ) as past:
        findings.extend(look(past, rules.rules, translator))


def _show(findings: Sequence[Finding], rules: int, said: Sequence[str]) -> None:
    for finding in findings:
        line = Text()
        line.append(printable(finding.place), style="cyan")
        line.append(": ")
        line.append(str(finding.severity), style=_STYLES[finding.severity])
        line.append(f": {printable(finding.message)}")
        if finding.fix:
            line.append(f"; {printable(finding.fix)}", style="dim")
        line.append(f" [{finding.code}]", style="dim")
        out.print(line, soft_wrap=True)
    for sentence in said:
        out.print(Text(f"cluster: {printable(sentence)}", style="yellow"), soft_wrap=True)
    counted = Counter(finding.severity for finding in findings)
    summary = ", ".join(f"{counted[severity]} {severity}" for severity in Severity if counted[severity])
    read = "1 rule" if rules == 1 else f"{rules} rules"
    out.print(f"{read} read; {summary or 'nothing to say'}")


def _as_json(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "place": asdict(finding.place)}


def explain(
    rule: Annotated[str, typer.Argument(help="A rule file, or the id, title or path of a rule of settings.")],
    *,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a rule as this cluster gets it.

    Shows the query, the fields with the mapping they met, what is exact, and which line of settings set what.
    """
    settings = wiring.load_settings(settings_file)
    found = _find(rule, settings)
    connected = wiring.reach(settings)
    try:
        events = connected.events.events()
        plans = []
        for source in settings.sources:
            chosen = choose(found, settings)
            translator = Translator(source, events.facts(source.index, paths_of((found,), source)))
            plans.append((source, planned(watch(found, chosen, source), translator), chosen))
    finally:
        connected.close()
    if as_json:
        write_json([_plan_json(source, plan, chosen) for source, plan, chosen in plans])
        return
    for source, plan, chosen in plans:
        _show_plan(source, plan, chosen)


def _find(wanted: str, settings: Settings) -> Rule:
    path = Path(wanted)
    rules = wiring.load_rules(settings, (path,)) if path.is_file() else wiring.load_rules(settings)
    if path.is_file():
        if rules.rules:
            return rules.rules[0]
        first = rules.findings[0]
        raise InputError(first.message, place=first.place, fix=first.fix)
    names = [one for one in rules.rules if wanted.lower() in (one.id.lower(), one.title.lower(), one.path.lower())]
    if len(names) == 1:
        return names[0]
    close = [one for one in rules.rules if wanted.lower() in one.title.lower() or wanted.lower() in one.path.lower()]
    if not names and len(close) == 1:
        return close[0]
    several = ", ".join(f"`{one.path}`" for one in (names or close)[:5])
    raise InputError(
        f"`{wanted}` names {'several rules' if several else 'no rule'}",
        fix=f"take one of {several}" if several else "give a file, an id, a title or a path",
    )


def _plan_json(source: Source, plan: Plan, chosen: Chosen) -> dict[str, object]:
    return {
        "rule": {"id": plan.rule.id, "title": plan.rule.title, "path": plan.rule.path, "hash": plan.rule.hash},
        "source": source.name,
        "index": source.index,
        "query": plan.query,
        "exact": plan.exact,
        "fields": [asdict(use) for use in plan.fields],
        "settings": {name: {"value": getattr(chosen, name), "from": origin} for name, origin in chosen.because.items()},
        "findings": [_as_json(one) for one in (*plan.rule.findings, *plan.findings)],
    }


def _show_plan(source: Source, plan: Plan, chosen: Chosen) -> None:
    out.print(Text(printable(plan.rule.title), style="bold"))
    out.print(f"{printable(plan.rule.place)}, id {plan.rule.id}")
    out.print(f"source `{source.name}`, index `{source.index}`, log source {plan.rule.logsource}\n")
    fields = table("field", "looked for in", "mapped as", title="Fields")
    for use in plan.fields:
        for number, (path, kind) in enumerate(zip(use.paths, use.types, strict=True)):
            fields.add_row(cell(use.field if number == 0 else ""), cell(path), cell(kind))
    out.print(fields)
    settings = table("setting", "value", "from", title="Settings")
    for name, origin in chosen.because.items():
        value = getattr(chosen, name)
        shown = ", ".join(value) if isinstance(value, tuple) else "every event" if value is None else value
        settings.add_row(cell(name), cell(shown), cell(origin))
    out.print(settings)
    out.print("Query", style="bold")
    out.print(Syntax(json.dumps(plan.query, indent=2, ensure_ascii=False), "json", background_color="default"))
    meaning = (
        "exact: the query returns just the events that the rule means"
        if plan.exact
        else "an upper bound: the query returns at least the events that the rule means; each is confirmed in memory"
    )
    out.print(f"\n{meaning}")
    for finding in (*plan.rule.findings, *plan.findings):
        out.print(Text(printable(finding), style=_STYLES[finding.severity]), soft_wrap=True)
