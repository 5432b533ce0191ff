"""Hits of correlations as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlation_rules import CorrelationRule
from watcher.present.rule_json import rule_json
from watcher.present.terminal import LEVEL_STYLES, cell
from watcher.timestamps import format_since_1970
from watcher.usecases.match_correlations import CorrelationTally


def correlations_table(tallies: Sequence[CorrelationTally], plan: CorrelationPlan) -> Table:
    """Show which correlations matched in which groups."""
    shown = Table(title="Correlations", title_justify="left", header_style="bold", show_lines=True)
    shown.add_column("level", no_wrap=True)
    shown.add_column("hits", justify="right", no_wrap=True)
    shown.add_column("correlation and group", overflow="fold")
    shown.add_column("from and to (UTC)", no_wrap=True)
    shown.add_column("counted", justify="right", no_wrap=True)
    for tally in tallies:
        rule = plan.rules[tally.rule_id]
        level = str(rule.level)
        lines = [cell(rule.title, style="bold"), *(cell(f"{name}: {value}") for name, value in tally.group)]
        shown.add_row(
            cell(level, style=LEVEL_STYLES[level]),
            f"{tally.hits:,}",
            Text("\n").join(lines),
            Text("\n").join(
                cell(format_since_1970(at)[:19].replace("T", " ")) for at in dict.fromkeys((tally.first, tally.last))
            ),
            cell(_counted(tally.largest)),
        )
    return shown


def _counted(hit: CorrelationHit) -> str:
    return f"{hit.number:,}" if hit.number is not None else f"{sum(hit.counts.values()):,}"


def correlation_json(hit: CorrelationHit, plan: CorrelationPlan, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return a hit of a correlation of a plan as JSON; `titles` are those of its base rules, by id."""
    return correlated_json(hit, plan.rules[hit.rule_id], titles)


def correlated_json(hit: CorrelationHit, rule: CorrelationRule, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return a hit of a correlation rule as JSON; `titles` are those of its base rules, by id."""
    return {
        "rule": rule_json(rule),
        "correlation": str(rule.section.type),
        "group": dict(hit.group),
        "@timestamp": format_since_1970(hit.time),
        "first": format_since_1970(hit.first),
        "last": format_since_1970(hit.last),
        "count": sum(hit.counts.values()),
        "number": None if hit.number is None else _plain(hit.number),
        **({} if hit.usual is None else {"usual": _plain(hit.usual)}),
        "by_rule": [
            {"id": rule_id, "title": titles.get(rule_id, ""), "count": count} for rule_id, count in hit.counts.items()
        ],
        "events": [_event(sample, titles) for sample in hit.samples],
    }


def _plain(number: Decimal) -> int | float:
    return int(number) if number == int(number) else float(number)


def _event(sample: BaseHit, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rule": {"id": sample.rule_id, "title": titles.get(sample.rule_id, "")},
        "@timestamp": format_since_1970(sample.time),
        "index": sample.index,
        "id": sample.event_id,
        "values": {name: list(values) for name, values in sample.values.items()},
    }
