"""Findings as lines, as a table of counts, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from msgspec import structs
from rich.table import Table
from rich.text import Text

from watcher.counted_nouns import counted
from watcher.lint.allowances import JudgedFinding
from watcher.lint.finding_codes import CODES
from watcher.lint.query_cost import CostGrade
from watcher.model import Finding, Severity
from watcher.present.terminal import cell, table
from watcher.printable import printable_text
from watcher.usecases.check_rules import CheckReport

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def finding_line(finding: Finding) -> Text:
    """Return a finding on one line, as compilers write it."""
    line = Text()
    line.append(printable_text(finding.location), style="cyan")
    line.append(": ")
    line.append(str(finding.severity), style=STYLES[finding.severity])
    line.append(f": {printable_text(finding.message)}")
    if finding.fix:
        line.append(f"; {printable_text(finding.fix)}", style="dim")
    line.append(f" [{finding.code}]", style="dim")
    return line


def counts_table(findings: Sequence[JudgedFinding]) -> Table:
    """Show how many findings there are of each code, the most severe first."""
    counts = Counter((judged.finding.code, judged.finding.severity, bool(judged.allowed)) for judged in findings)
    severities = list(Severity)

    def order(item: tuple[tuple[str, Severity, bool], int]) -> tuple[bool, int, int, str]:
        (code, severity, allowed), count = item
        return allowed, severities.index(severity), -count, code

    shown = table("count", "severity", "code", "what it says")
    shown.columns[0].justify = "right"
    for (code, severity, allowed), count in sorted(counts.items(), key=order):
        style = "dim" if allowed else STYLES[severity]
        about = CODES[code].description if code in CODES else ""
        shown.add_row(f"{count:,}", cell("allowed" if allowed else severity, style=style), cell(code), cell(about))
    return shown


_RUNNING = ("enabled", "base_rule")


def summary(findings: Sequence[JudgedFinding], rules: int, correlations: int = 0) -> str:
    """Return one line on what was read, and how many findings there are."""
    counts = Counter(judged.finding.severity for judged in findings if not judged.allowed)
    listed = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    allowed = sum(bool(judged.allowed) for judged in findings)
    read = counted(rules, "rule")
    if correlations:
        read += f", {correlations} correlation {'rule' if correlations == 1 else 'rules'}"
    return f"{read} read; {listed or 'no findings'}" + (f"; {allowed} allowed" if allowed else "")


def check_lines(report: CheckReport, findings: Sequence[JudgedFinding]) -> Iterator[Text]:
    """Yield the findings that are not allowed, and what the cluster lacks."""
    for judged in findings:
        if not judged.allowed:
            yield finding_line(judged.finding)
    if base_rules := report.states.get("base_rule"):
        yield Text(f"rules that run for correlations, and do not alert on their own: {base_rules:,}")
    if not_run := {state: count for state, count in report.states.items() if count and state not in _RUNNING}:
        yield Text(f"rules that are not run: {', '.join(f'{count:,} {state}' for state, count in not_run.items())}")
    for problem in report.cluster.problems:
        yield Text(f"cluster: {printable_text(problem)}", style="yellow")
    for note in report.cluster.notes:
        yield Text(f"cluster: {printable_text(note)}")
    for source, grades in report.cluster.costs.items():
        counts = ", ".join(f"{grades[grade]} {grade}" for grade in CostGrade if grades.get(grade))
        yield Text(f"queries of `{source}` by cost: {counts or 'none'}")


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    return {**asdict(finding), "location": structs.asdict(finding.location)}


def check_json(report: CheckReport, least: Severity) -> dict[str, Any]:
    """Return a check as JSON, with the findings of a severity or worse."""
    findings = report.at_least(least)
    return {
        "rules": report.rules,
        "correlations": report.correlations,
        "states": dict(report.states),
        "findings": [finding_json(judged.finding) for judged in findings if not judged.allowed],
        "allowed": [
            {**finding_json(judged.finding), "because": judged.allowed} for judged in findings if judged.allowed
        ],
        "cluster": list(report.cluster.problems),
        "notes": list(report.cluster.notes),
        "costs": {source: dict(grades) for source, grades in report.cluster.costs.items()},
    }
