"""`watcher explain`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.syntax import Syntax
from rich.text import Text

from watcher import app as wiring
from watcher.cli.common import AsJson, SettingsFile, find_rule, out, write_json
from watcher.cli.explain_event import explain_event
from watcher.cli.explain_plan import show_strategy
from watcher.errors import InputError
from watcher.lint.query_cost import QueryCost, query_cost
from watcher.model import QueryPlan
from watcher.present.findings import finding_json, finding_line
from watcher.present.terminal import cell, table
from watcher.printable import printable_text
from watcher.settings import Source
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.translate.plan import Translator, paths_of, translate_rule


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(explain)


def explain(
    rule: Annotated[
        str | None, typer.Argument(help="A rule file, or the id, title or path of a rule of settings.")
    ] = None,
    *,
    settings_file: SettingsFile = None,
    way: Annotated[bool, typer.Option("--plan", help="Show which way windows are searched, and why.")] = False,
    event: Annotated[
        str | None,
        typer.Option("--event", "-e", help="Why it matches: a file, FILE:LINE, - for standard input, or index/_id."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a rule as this cluster gets it.

    Shows the query, the fields with the mapping they met, what is exact, and which line of settings set what. With
    --event it shows what each part of the rule says of an event, and exits with 1 where the rule does not match it.
    """
    settings = wiring.load_settings(settings_file)
    if way:
        show_strategy(settings, as_json=as_json)
        return
    if rule is None:
        raise InputError("no rule is named", fix="name one, or ask for `--plan`")
    found = find_rule(rule, settings)
    if event is not None:
        raise typer.Exit(explain_event(found, event, settings, as_data=as_json))
    connections = wiring.connect_clusters(settings)
    try:
        events = connections.events.events()
        plans = []
        for source in settings.sources:
            effective = rule_settings(found, settings)
            translator = Translator(source, events.mapping(source.index, paths_of((found,), source)))
            plan = translate_rule(found, translator)
            plans.append(
                _RuleExplanation(source, plan, effective, query_cost(plan, translator.scope(found), translator.mapping))
            )
    finally:
        connections.close()
    if as_json:
        write_json([_plan_json(told) for told in plans])
        return
    for told in plans:
        _show_plan(told)


@dataclass(frozen=True, slots=True)
class _RuleExplanation:
    """A rule as one source watches it."""

    source: Source
    plan: QueryPlan
    effective: RuleSettings
    cost: QueryCost


def _plan_json(told: _RuleExplanation) -> dict[str, object]:
    source, plan, effective = told.source, told.plan, told.effective
    return {
        "rule": {"id": plan.rule.id, "title": plan.rule.title, "path": plan.rule.path, "hash": plan.rule.hash},
        "source": source.name,
        "index": source.index,
        "query": plan.query,
        "exact": plan.exact,
        "cost": {"class": str(told.cost.grade), "walks": told.cost.walks, "broad": told.cost.broad},
        "fields": [asdict(use) for use in plan.fields],
        "settings": {
            name: {"value": getattr(effective, name), "from": origin} for name, origin in effective.origins.items()
        },
        "findings": [finding_json(one) for one in (*plan.rule.findings, *plan.findings)],
    }


def _show_plan(told: _RuleExplanation) -> None:
    source, plan, effective = told.source, told.plan, told.effective
    out.print(Text(printable_text(plan.rule.title), style="bold"))
    out.print(f"{printable_text(plan.rule.location)}, id {plan.rule.id}")
    out.print(f"source `{source.name}`, index `{source.index}`, log source {plan.rule.logsource}\n")
    fields = table("field", "looked for in", "mapped as", title="Fields")
    for use in plan.fields:
        for number, (path, kind) in enumerate(zip(use.paths, use.types, strict=True)):
            fields.add_row(cell(use.field if number == 0 else ""), cell(path), cell(kind))
    out.print(fields)
    settings = table("setting", "value", "from", title="Settings")
    for name, origin in effective.origins.items():
        value = getattr(effective, name)
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
    out.print(f"cost {told.cost}")
    for finding in (*plan.rule.findings, *plan.findings):
        out.print(finding_line(finding), soft_wrap=True)
