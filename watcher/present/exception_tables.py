"""An exception on a terminal: the filter, what it means, and what it would remove."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from watcher.match.descriptions import describe_value
from watcher.model import detection_items
from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.preview_tables import values_table
from watcher.present.terminal import cell, shortened
from watcher.printable import printable_text
from watcher.usecases.exception_impact import MOST_HITS, ExceptionImpact
from watcher.usecases.exception_warnings import breadth_warnings, impact_warnings
from watcher.usecases.exceptions import ExceptionPlan


def exception_lines(plan: ExceptionPlan) -> Iterator[RenderableType]:
    """Yield the file of an exception, its conditions in words, and what is odd about it."""
    yield cell(str(plan.file), style="cyan")
    for line in plan.text.splitlines():
        yield Text(f"  {printable_text(line)}")
    yield Text.assemble("excludes from ", (f"`{printable_text(plan.rule.title)}`", "bold"), " the events where")
    for item in detection_items(plan.sigma_filter.node):
        values = (" and " if item.match_all else " or ").join(describe_value(value) for value in item.values)
        yield cell(f"  {item.field} {values}")
    for finding in plan.findings:
        yield cell(
            f"{finding.severity}: {finding.message}" + (f"; {finding.fix}" if finding.fix else ""), style="yellow"
        )
    for warning in breadth_warnings(plan):
        yield cell(f"warning: {warning}", style="yellow")


def lost_test_lines(plan: ExceptionPlan) -> Iterator[RenderableType]:
    """Yield the tests of the rule that the exception breaks."""
    if not plan.tests:
        yield Text("the rule has no tests")
        return
    for result in plan.lost_tests:
        yield Text.assemble(
            ("a hit would be lost: ", "bold red"),
            (printable_text(result.test.location), "cyan"),
            f" {printable_text(result.test.name)}",
        )
    if not plan.lost_tests:
        yield Text(f"tests of the rule that keep their result: {plan.tests}")


def impact_lines(impact: ExceptionImpact, what: str) -> Iterator[RenderableType]:
    """Yield what an exception removes of some hits, with examples."""
    limit = "" if impact.is_complete else f" (the newest {MOST_HITS:,} are counted)"
    yield Text(f"{what}: {impact.removed:,} of {impact.removed + impact.kept:,} hits would be removed{limit}")
    if impact.undecided:
        yield cell(f"  {impact.undecided:,} hits cannot be decided: their events are not stored, or do not match today")
    for sample in impact.samples:
        yield cell(f"  {sample.time}  {host_and_account(sample.summary)}", style="dim")
        for line in event_lines(sample.summary):
            yield cell(f"    {shortened(line)}")
    counted = (("removed command", impact.commands), ("host", impact.hosts), ("user", impact.accounts))
    for name, counts in counted:
        if len(counts) > 1:
            yield values_table(name, dict(counts.most_common()))
    for warning in impact_warnings(impact):
        yield cell(f"warning: {warning}", style="yellow")
