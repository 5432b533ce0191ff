"""The outcome of matching files of events: the rules that matched, and the hits, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.counted_nouns import counted
from watcher.model import Rule
from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.rule_json import rule_json
from watcher.present.terminal import LEVEL_STYLES, cell, shortened
from watcher.usecases.match_events import MatchedEvent, MatchSummary, RuleTally, time_of


def rules_table(tallies: Sequence[RuleTally]) -> Table:
    """Show the rules that matched."""
    shown = Table(title="Rules that matched", title_justify="left", header_style="bold")
    shown.add_column("level", no_wrap=True)
    shown.add_column("hits", justify="right", no_wrap=True)
    shown.add_column("rule", overflow="fold")
    shown.add_column("from and to (UTC)", no_wrap=True)
    shown.add_column("hosts", overflow="fold")
    for tally in tallies:
        level = str(tally.rule.level)
        shown.add_row(
            cell(level, style=LEVEL_STYLES[level]),
            f"{tally.hits:,}",
            cell(tally.rule.title),
            Text("\n").join(cell(_seconds(time)) for time in dict.fromkeys((tally.first, tally.last))),
            cell(_hosts(tally)),
        )
    return shown


def _hosts(tally: RuleTally) -> str:
    names = sorted(tally.hosts - {""})
    return names[0] if len(names) == 1 else f"{len(names)} hosts" if names else ""


def _seconds(timestamp: str) -> str:
    return timestamp[:19].replace("T", " ")


def hits_table(hits: Sequence[tuple[Rule, MatchedEvent]]) -> Table:
    """Show events with the rules that match them."""
    shown = Table(title="Hits", title_justify="left", header_style="bold", show_lines=True)
    shown.add_column("time (UTC)", no_wrap=True)
    shown.add_column("level", no_wrap=True)
    shown.add_column("what happened", overflow="fold")
    for rule, matched in hits:
        level = str(rule.level)
        day, _, time = time_of(matched.file_event.event).partition("T")
        shown.add_row(
            Text("\n").join((cell(day[:10]), cell(time[:8]))),
            cell(level, style=LEVEL_STYLES[level]),
            Text("\n").join(_hit_lines(rule, matched)),
        )
    return shown


def _hit_lines(rule: Rule, matched: MatchedEvent) -> Iterator[Text]:
    yield cell(rule.title, style="bold")
    yield from (cell(line, style="dim") for line in (host_and_account(matched.summary),) if line)
    for line in event_lines(matched.summary):
        yield cell(shortened(line))
    yield cell(matched.file_event, style="cyan")


def match_summary(summary: MatchSummary, *, rules: int, files: int) -> str:
    """Return one line on hits, rules, events and files."""
    faults = f"; {summary.faults:,} cannot be read" if summary.faults else ""
    undecided = f"; {summary.undecided:,} undecided" if summary.undecided else ""
    hits = f"{counted(summary.hits, 'hit')} of {counted(len(summary.tallies), 'rule')}"
    read = f"{counted(rules, 'rule')}, {counted(files, 'file')}"
    return f"{hits} in {counted(summary.events, 'event')}; {read}{faults}{undecided}"


def hit_json(rule: Rule, matched: MatchedEvent) -> dict[str, Any]:
    """Return a hit as JSON."""
    file_event = matched.file_event
    return {
        "rule": rule_json(rule),
        "file": file_event.file,
        "number": file_event.number,
        "@timestamp": time_of(file_event.event),
        "host": matched.summary.host,
        "event": file_event.event,
    }
