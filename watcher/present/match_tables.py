"""The outcome of matching files of events: the rules that matched, and the hits, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.event_files.event_reader import FileEvent
from watcher.model import Rule
from watcher.notify.event_texts import COMMAND_LINE, PROCESS, event_details, event_texts, first_value, user_name
from watcher.present.rule_json import rule_json
from watcher.present.terminal import LEVEL_STYLES, cell, shortened
from watcher.usecases.match_events import MatchSummary, RuleTally, host_of, time_of

_DETAILS = 3  # values shown of an event that starts no process


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


def hits_table(hits: Sequence[tuple[Rule, FileEvent]]) -> Table:
    """Show events with the rules that match them."""
    shown = Table(title="Hits", title_justify="left", header_style="bold", show_lines=True)
    shown.add_column("time (UTC)", no_wrap=True)
    shown.add_column("level", no_wrap=True)
    shown.add_column("what happened", overflow="fold")
    for rule, file_event in hits:
        level = str(rule.level)
        day, _, time = time_of(file_event.event).partition("T")
        shown.add_row(
            Text("\n").join((cell(day[:10]), cell(time[:8]))),
            cell(level, style=LEVEL_STYLES[level]),
            Text("\n").join(_hit_lines(rule, file_event)),
        )
    return shown


def _hit_lines(rule: Rule, file_event: FileEvent) -> Iterator[Text]:
    texts = event_texts(file_event.event)
    yield cell(rule.title, style="bold")
    host_and_user = ", ".join(name for name in (host_of(file_event.event), user_name(texts)) if name)
    if host_and_user:
        yield cell(host_and_user, style="dim")
    command = first_value(texts, COMMAND_LINE) or first_value(texts, PROCESS)
    for line in [command] if command else [f"{name}: {value}" for name, value in event_details(texts)[:_DETAILS]]:
        yield cell(shortened(line))
    yield cell(file_event, style="cyan")


def match_summary(summary: MatchSummary, *, rules: int, files: int) -> str:
    """Return one line on hits, rules, events and files."""
    read = "1 file" if files == 1 else f"{files:,} files"
    faults = f"; {summary.faults:,} cannot be read" if summary.faults else ""
    undecided = f"; {summary.undecided:,} undecided" if summary.undecided else ""
    hits = f"{summary.hits:,} hits of {len(summary.tallies):,} rules in {summary.events:,} events"
    return f"{hits}; {rules:,} rules, {read}{faults}{undecided}"


def hit_json(rule: Rule, file_event: FileEvent) -> dict[str, Any]:
    """Return a hit as JSON."""
    return {
        "rule": rule_json(rule),
        "file": file_event.file,
        "number": file_event.number,
        "@timestamp": time_of(file_event.event),
        "host": host_of(file_event.event),
        "event": file_event.event,
    }
