"""How a correlation rule is evaluated, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watcher.correlate.comparisons import is_absence
from watcher.correlate.correlation_texts import duration_text, group_text
from watcher.present.finding_tables import finding_json, finding_line
from watcher.present.rule_json import rule_json
from watcher.present.terminal import cell, table
from watcher.printable import printable_text
from watcher.usecases.explain_correlation import CorrelationExplanation, ExplainedBaseRule

_SETTINGS = ("enabled", "quiet_period", "channels")


def correlation_explanation_json(explained: CorrelationExplanation) -> dict[str, Any]:
    """Return how a correlation rule is evaluated as JSON."""
    correlation, effective = explained.correlation, explained.effective
    return {
        "rule": {**rule_json(explained.rule), "hash": explained.rule.hash},
        "type": str(correlation.type),
        "base_rules": [_base_rule_json(base) for base in explained.base_rules],
        "sources": list(explained.sources),
        "group_by": list(correlation.group_by),
        "timespan": correlation.timespan.total_seconds(),
        "condition": explained.condition,
        "decided": explained.decided,
        "history": explained.history.total_seconds(),
        "generate": explained.rule.section.generate,
        "settings": {
            name: {"value": _setting(getattr(effective, name)), "from": effective.origins[name]} for name in _SETTINGS
        },
        "findings": [finding_json(finding) for finding in explained.rule.findings],
        "inner": [correlation_explanation_json(inner) for inner in explained.inner],
    }


def _base_rule_json(base: ExplainedBaseRule) -> dict[str, Any]:
    return {"rule": rule_json(base.rule), "logsource": base.logsource or None, "fields": dict(base.fields)}


def _setting(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value if isinstance(value, bool) else str(value)


def print_correlation(console: Console, explained: CorrelationExplanation) -> None:
    """Print how a correlation rule is evaluated, and then those that it builds on."""
    rule = explained.rule
    console.print(Text(printable_text(rule.title), style="bold"))
    console.print(f"{printable_text(rule.location)}, id {rule.id}", soft_wrap=True)
    console.print(f"correlation of type {explained.correlation.type}\n")
    console.print(_base_rules_table(explained))
    console.print(_evaluation_table(explained))
    console.print("`watcher explain` with a base rule shows its query.", style="dim")
    for finding in rule.findings:
        console.print(finding_line(finding), soft_wrap=True)
    for inner in explained.inner:
        console.print()
        print_correlation(console, inner)


def _base_rules_table(explained: CorrelationExplanation) -> Table:
    shown = table("base rule", "log source", "fields", title="Base rules")
    for base in explained.base_rules:
        fields = (name if name == path else f"{name}: {path}" for name, path in base.fields.items())
        shown.add_row(
            cell(base.rule.title),
            cell(base.logsource or "hits of this correlation rule"),
            Text("\n").join(cell(text) for text in fields),
        )
    return shown


def _alerts_text(explained: CorrelationExplanation) -> str:
    if is_absence(explained.correlation):
        return "each silence has its own, which is closed when the group is seen again"
    quiet, origin = explained.effective.quiet_period, explained.effective.origins["quiet_period"]
    return f"hits of a group join for {duration_text(quiet)} ({origin})"


def _evaluation_table(explained: CorrelationExplanation) -> Table:
    shown = table("", "", title="Evaluation")
    for name, text in evaluation_rows(explained):
        shown.add_row(cell(name, style="bold"), cell(text))
    return shown


def evaluation_rows(explained: CorrelationExplanation) -> Iterator[tuple[str, str]]:
    """Yield each part of the evaluation with what it means."""
    correlation, effective = explained.correlation, explained.effective
    span = duration_text(correlation.timespan)
    yield "searched", f"with every search of the sources {', '.join(f'`{name}`' for name in explained.sources)}"
    yield "group", group_text(correlation)
    yield "window", f"at each event, the {span} before it, both ends included, by the time of the events"
    yield "condition", explained.condition
    yield "decided", explained.decided
    yield "at a start", f"base hits of {duration_text(explained.history)} are read from the cluster, and late ones"
    yield "alerts", _alerts_text(explained)
    if not effective.enabled:
        yield "disabled", f"it opens no alert: {effective.origins['enabled']}"
    generate = (
        "alert on their own, too (`generate: true`)" if explained.rule.section.generate else "do not alert on their own"
    )
    yield "base rules", generate
    yield "channels", f"{', '.join(effective.channels) or 'none'} ({effective.origins['channels']})"
