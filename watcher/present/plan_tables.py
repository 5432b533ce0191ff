"""Query plans and search strategies as tables and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from watcher.model import QueryPlan
from watcher.present.finding_tables import finding_json, finding_line
from watcher.present.rule_json import rule_json
from watcher.present.terminal import cell, table
from watcher.printable import printable_text
from watcher.settings.effective import RuleSettings
from watcher.usecases.explain_rule import RulePlan, StrategyExplanation

_EXACT = "exact: the query returns only the events that the rule matches"
_UPPER_BOUND = (
    "an upper bound: the query returns at least the events that the rule matches; each is confirmed in memory"
)


def rule_plan_json(explained: RulePlan) -> dict[str, Any]:
    """Return the plan of a rule on one source as JSON."""
    source, plan, effective, cost = explained.source, explained.plan, explained.effective, explained.cost
    return {
        "rule": {**rule_json(plan.rule), "hash": plan.rule.hash},
        "source": source.name,
        "index": source.index,
        "query": plan.query,
        "exact": plan.exact,
        "cost": {"class": str(cost.grade), "walks": cost.scans, "broad": cost.broad},
        "fields": [asdict(field) for field in plan.fields],
        "settings": {
            name: {"value": getattr(effective, name), "from": origin} for name, origin in effective.origins.items()
        },
        "findings": [finding_json(finding) for finding in (*plan.rule.findings, *plan.findings)],
    }


def print_plan(console: Console, explained: RulePlan) -> None:
    """Print the plan of a rule on one source."""
    source, plan = explained.source, explained.plan
    console.print(Text(printable_text(plan.rule.title), style="bold"))
    console.print(f"{printable_text(plan.rule.location)}, id {plan.rule.id}")
    console.print(f"source `{source.name}`, index `{source.index}`, log source {plan.rule.logsource}\n")
    console.print(_fields_table(plan))
    console.print(_settings_table(explained.effective))
    console.print("Query", style="bold")
    console.print(Syntax(json.dumps(plan.query, indent=2, ensure_ascii=False), "json", background_color="default"))
    console.print(f"\n{_EXACT if plan.exact else _UPPER_BOUND}")
    console.print(f"cost {explained.cost}")
    for finding in (*plan.rule.findings, *plan.findings):
        console.print(finding_line(finding), soft_wrap=True)


def _fields_table(plan: QueryPlan) -> Table:
    shown = table("field", "looked for in", "mapped as", title="Fields")
    for field in plan.fields:
        for number, (path, kind) in enumerate(zip(field.paths, field.types, strict=True)):
            shown.add_row(cell(field.field if number == 0 else ""), cell(path), cell(kind))
    return shown


def _settings_table(effective: RuleSettings) -> Table:
    shown = table("setting", "value", "from", title="Settings")
    for name, origin in effective.origins.items():
        value = getattr(effective, name)
        text = ", ".join(value) if isinstance(value, tuple) else "every event" if value is None else value
        shown.add_row(cell(name), cell(text), cell(origin))
    return shown


def strategy_json(explained: StrategyExplanation) -> dict[str, Any]:
    """Return the search strategy of a source as JSON."""
    return {
        "source": explained.source.name,
        "start": explained.window.start.isoformat(),
        "end": explained.window.end.isoformat(),
        "rules": explained.rules,
        "strategy": explained.strategy,
        "reason": explained.reason,
        "query": explained.query,
    }


def print_strategy(console: Console, explained: StrategyExplanation) -> None:
    """Print the search strategy of a source, and the reason."""
    source = explained.source
    console.print(Text(printable_text(f"source `{source.name}`, index `{source.index}`"), style="bold"))
    console.print(f"window {explained.window}")
    console.print(f"{explained.strategy}: {explained.reason}\n", soft_wrap=True)
