"""Findings as lines on the terminal, as a table of counts, and as data for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.lint.allowances import JudgedFinding
from watcher.lint.finding_codes import CODES
from watcher.model import Finding, Severity
from watcher.present.terminal import cell, table
from watcher.printable import printable_text

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def finding_line(finding: Finding) -> Text:
    """Show a finding on one line, as compilers do."""
    line = Text()
    line.append(printable_text(finding.location), style="cyan")
    line.append(": ")
    line.append(str(finding.severity), style=STYLES[finding.severity])
    line.append(f": {printable_text(finding.message)}")
    if finding.fix:
        line.append(f"; {printable_text(finding.fix)}", style="dim")
    line.append(f" [{finding.code}]", style="dim")
    return line


def counts_table(judged: Sequence[JudgedFinding]) -> Table:
    """Show how many findings there are of each code, the worst first."""
    counted = Counter((one.finding.code, one.finding.severity, bool(one.allowed)) for one in judged)
    severities = list(Severity)
    made = table("count", "severity", "code", "what it says")
    made.columns[0].justify = "right"
    for (code, severity, allowed), count in sorted(
        counted.items(), key=lambda one: (one[0][2], severities.index(one[0][1]), -one[1], one[0][0])
    ):
        style = "dim" if allowed else STYLES[severity]
        about = CODES[code].about if code in CODES else ""
        made.add_row(f"{count:,}", cell("allowed" if allowed else severity, style=style), cell(code), cell(about))
    return made


def summary(judged: Sequence[JudgedFinding], rules: int) -> str:
    """Say in one line what was read and found."""
    counted = Counter(one.finding.severity for one in judged if not one.allowed)
    told = ", ".join(f"{counted[severity]} {severity}" for severity in Severity if counted[severity])
    allowed = sum(bool(one.allowed) for one in judged)
    read = "1 rule" if rules == 1 else f"{rules} rules"
    return f"{read} read; {told or 'nothing to say'}" + (f"; {allowed} allowed" if allowed else "")


def finding_json(finding: Finding) -> dict[str, Any]:
    """Give a finding as data."""
    return asdict(finding)
